/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/disk_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* What a host that does not say wants of direct transfers. */
#define SAFE_ALIGN 4096

#define LOCK_TRIES 500 /* a millisecond apart */

/*
 * The kernel gives up the files of a ring, and with them their locks, a moment after its process has
 * been waited for.
 */
static int lock(int fd, bool for_writing)
{
	const struct timespec moment = {.tv_nsec = CLOCK_MILLISECOND};
	struct flock whole = {.l_type = for_writing ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
			return 0;
		/* Some network file systems have no locks: then nobody has one. */
		if (errno != EAGAIN && errno != EACCES)
			return 0;
		nanosleep(&moment, NULL);
	}
	return -EBUSY;
}

int disk_open_file(const char *what, const char *path, int flags, int *ret_fd, struct err *err)
{
	SCOPE_FD int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return err_file(err, errno, what, path);
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return err_input(err,
				 "%s \"%.150s\": it is neither a regular file nor a block device",
				 what, path);
	/* A file that must not wait is one whose operations a ring lets fail instead. */
	if (fcntl(fd, F_SETFL, flags & O_DIRECT) < 0)
		return err_file(err, errno, what, path);
	if (lock(fd, (flags & O_ACCMODE) != O_RDONLY) < 0)
		return err_input(err, "%s \"%.150s\": another process has it locked%s", what, path,
				 (flags & O_ACCMODE) != O_RDONLY ? "" : " for writing");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int disk_measure(int fd, uint64_t *ret_len)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISBLK(status.st_mode))
		return ioctl(fd, BLKGETSIZE64, ret_len) < 0 ? -errno : 0;
	*ret_len = (uint64_t)status.st_size;
	return 0;
}

int disk_mtime(int fd, uint64_t *ret_mtime)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	*ret_mtime = S_ISBLK(status.st_mode)
			     ? 0
			     : (uint64_t)status.st_mtim.tv_sec * (uint64_t)CLOCK_SECOND +
				       (uint64_t)status.st_mtim.tv_nsec;
	return 0;
}

/* A disk's path with a NUL behind it. */
static int copy_path(struct disk_path path, char *ret_text, struct err *err)
{
	if (path.len >= PATH_MAX)
		return err_input(err, "disk \"%.50s...\": the path is too long", path.at);
	memcpy(ret_text, path.at, path.len);
	ret_text[path.len] = '\0';
	return 0;
}

/* The same file once more, past the page cache, and what it wants of buffers for that. */
static int open_direct(const char *path, int flags, struct block_raw_config *file, struct err *err)
{
	SCOPE_FD int fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	struct stat first, second;
	struct statx direct;

	if (fd < 0 && errno == EINVAL)
		return err_input(err, "disk \"%.150s\": direct: its file system cannot do that",
				 path);
	if (fd < 0 || fstat(fd, &second) < 0 || fstat(file->fd, &first) < 0)
		return err_file(err, errno, "disk", path);
	if (first.st_dev != second.st_dev || first.st_ino != second.st_ino)
		return err_input(err, "disk \"%.150s\": it was replaced meanwhile", path);
	file->memory_align = file->offset_align = SAFE_ALIGN;
#ifdef STATX_DIOALIGN
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &direct) == 0 &&
	    (direct.stx_mask & STATX_DIOALIGN) != 0 && direct.stx_dio_offset_align > 0) {
		file->memory_align = direct.stx_dio_mem_align;
		file->offset_align = direct.stx_dio_offset_align;
	}
#else
	(void)direct;
#endif
	file->direct_fd = TAKE_FD(fd);
	return 0;
}

static int check_len(const struct disk_config *disk, const char *path, uint64_t len,
		     struct err *err)
{
	if (len % disk->sector != 0)
		return err_input(err, "disk \"%.150s\": size %" PRIu64 " is not a multiple of %u",
				 path, len, disk->sector);
	if (disk->layer != DISK_LAYER_NONE && (len == 0 || len > OVERLAY_LEN_MAX))
		return err_input(
			err, "disk \"%.150s\": overlay: size %" PRIu64 " is not from 1 to %" PRIu64,
			path, len, OVERLAY_LEN_MAX);
	return 0;
}

static int open_base(const struct disk_config *disk, struct vblk_config *config, struct err *err)
{
	bool writes = !disk->read_only && disk->layer == DISK_LAYER_NONE;
	int flags = writes ? O_RDWR : O_RDONLY, ret;
	char path[PATH_MAX];

	if ((ret = copy_path(disk->path, path, err)) < 0 ||
	    (ret = disk_open_file("disk", path, flags, &config->file.fd, err)) < 0)
		return ret;
	if ((ret = disk_measure(config->file.fd, &config->len)) < 0 ||
	    (ret = disk_mtime(config->file.fd, &config->base_mtime)) < 0)
		return err_file(err, -ret, "disk", path);
	ret = check_len(disk, path, config->len, err);
	if (ret == 0 && disk->direct)
		ret = open_direct(path, flags, &config->file, err);
	return ret;
}

static int open_layer(const struct disk_config *disk, struct vblk_config *config, struct err *err)
{
	char path[PATH_MAX];
	int ret;

	config->kind = VBLK_OVERLAY;
	config->layer_max = disk->layer_max;
	if (disk->layer == DISK_LAYER_MEMORY)
		return 0;
	ret = copy_path(disk->layer_path, path, err);
	return ret == 0 ? disk_open_file("overlay", path, O_RDWR | O_CREAT, &config->layer_fd, err)
			: ret;
}

int disk_open(const struct disk_config *disk, bool dry_run, struct vblk_config *ret_config,
	      struct err *err)
{
	const char *serial = disk->serial[0] != '\0' ? disk->serial : disk->id;
	int ret = 0;

	*ret_config = (struct vblk_config){.kind = disk->kind == DISK_MEMORY ? VBLK_MEMORY
									     : VBLK_FILE,
					   .len = disk->len,
					   .sector = disk->sector,
					   .n_queues = disk->n_queues,
					   .read_only = disk->read_only,
					   .file = {.fd = -1, .direct_fd = -1},
					   .layer_fd = -1,
					   .bandwidth = disk->bandwidth,
					   .ops = disk->ops};
	memcpy(ret_config->serial, serial, strnlen(serial, sizeof(ret_config->serial)));
	if (disk->kind == DISK_FILE)
		ret = open_base(disk, ret_config, err);
	if (ret == 0 && disk->layer != DISK_LAYER_NONE && !dry_run)
		ret = open_layer(disk, ret_config, err);
	if (ret < 0)
		disk_close(ret_config);
	return ret;
}

void disk_close(struct vblk_config *config)
{
	int *files[] = {&config->file.fd, &config->file.direct_fd, &config->layer_fd};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (*files[i] >= 0)
			close(*files[i]);
		*files[i] = -1;
	}
}
