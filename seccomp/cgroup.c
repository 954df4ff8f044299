/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define PREFIX     "mayfly-"
#define CPU_PERIOD 100000 /* us */
#define TRIES      100    /* to make a folder while others make and remove theirs */

const char *const cgroup_keys[CGROUP_CONTROLLER_COUNT] = {"cpu", "memory", "pids", "io"};

/* Where each controller's limit is written, in either version. */
static const struct {
	const char *v1_file, *v2_file;
} controllers[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_CPU] = {"cpu.cfs_quota_us", "cpu.max"},
	[CGROUP_MEMORY] = {"memory.limit_in_bytes", "memory.max"},
	[CGROUP_PIDS] = {"pids.max", "pids.max"},
	[CGROUP_IO] = {"blkio.bfq.weight", "io.weight"},
};

static int write_file(const char *folder, const char *name, const char *text, struct err *err)
{
	char path[3 * CGROUP_PATH_MAX];
	SCOPE_FD int fd = -1;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ret = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	return ret < 0 ? err_host(err, -ret, "--cgroup: \"%s\" to %.150s", text, path) : 0;
}

/* Does version 2 have the controller for the children of this cgroup? */
static bool v2_has(const struct cgroup_mounts *mounts, const char *path, const char *name)
{
	char file[3 * CGROUP_PATH_MAX], list[256] = "";
	SCOPE_FD int fd = -1;

	if (mounts->v2[0] == '\0')
		return false;
	snprintf(file, sizeof(file), "%s%s/cgroup.controllers", mounts->v2, path);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, list, sizeof(list) - 1) < 0)
		return false;
	return cgroup_is_listed(list, name);
}

/* Locks a run's folder and makes sure that it is there still. Errors: -errno. */
static int lock(const char *path)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat locked, there;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &locked) < 0 ||
	    stat(path, &there) < 0)
		return -errno;
	return locked.st_ino == there.st_ino ? TAKE_FD(fd) : -ENOENT;
}

/* Runs that were killed by SIGKILL could not take theirs away. */
static void sweep(const char *parent)
{
	char path[2 * CGROUP_PATH_MAX + NAME_MAX + 2];
	DIR *folder = opendir(parent);
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		SCOPE_FD int fd = -1;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    strtol(entry->d_name + strlen(PREFIX), NULL, 10) <= 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		fd = lock(path);
		if (fd >= 0)
			rmdir(path);
	}
	closedir(folder);
}

/*
 * Makes the run's folder below PATH, and that where it is not there. Others may sweep ours away before
 * it is locked, take away a PATH that is empty, or have our number in another pid namespace.
 */
static int make_dir(struct cgroup_dir *dir, const char *parent, struct err *err)
{
	char suffix[12] = "";
	unsigned n_taken = 0;
	int ret = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		if (mkdir(parent, 0755 | S_ISVTX) < 0 && errno != EEXIST)
			return err_host(err, errno, "--cgroup: %.200s", parent);
		sweep(parent);
		snprintf(dir->path, sizeof(dir->path), "%.480s/" PREFIX "%d%s", parent,
			 (int)getpid(), suffix);
		ret = mkdir(dir->path, 0755) < 0 ? -errno : 0;
		dir->lock = ret == 0 ? lock(dir->path) : -1;
		if (dir->lock >= 0)
			return 0;
		if (ret == -EEXIST)
			snprintf(suffix, sizeof(suffix), ".%u", ++n_taken);
		else if (ret < 0 && ret != -ENOENT)
			break;
	}
	return err_host(err, ret < 0 ? -ret : EBUSY, "--cgroup: %.200s", dir->path);
}

/* The run's folder in a hierarchy, made if it is not there yet. */
static int add_dir(struct cgroup *cgroup, const char *mount, const char *path, bool is_v2,
		   const char **ret_dir, struct err *err)
{
	struct cgroup_dir *dir = &cgroup->dirs[cgroup->n_dirs];
	char parent[2 * CGROUP_PATH_MAX];
	size_t len;
	int ret;

	snprintf(parent, sizeof(parent), "%s%s", mount, path);
	len = strlen(parent);
	for (unsigned i = 0; i < cgroup->n_dirs; i++)
		if (memcmp(cgroup->dirs[i].path, parent, len) == 0 &&
		    memcmp(cgroup->dirs[i].path + len, "/" PREFIX, strlen("/" PREFIX)) == 0) {
			*ret_dir = cgroup->dirs[i].path;
			return 0;
		}
	ret = make_dir(dir, parent, err);
	if (ret < 0)
		return ret;
	dir->is_v2 = is_v2;
	if (is_v2)
		cgroup->fd = dir->lock;
	cgroup->n_dirs++;
	*ret_dir = dir->path;
	return 0;
}

static int write_limit(const char *dir, bool is_v2, int controller, uint64_t value, struct err *err)
{
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	if (controller == CGROUP_CPU && is_v2)
		snprintf(text, sizeof(text), "%" PRIu64 " %d", value * CPU_PERIOD / 100,
			 CPU_PERIOD);
	else if (controller == CGROUP_CPU)
		snprintf(text, sizeof(text), "%" PRIu64, value * CPU_PERIOD / 100);
	return write_file(dir,
			  is_v2 ? controllers[controller].v2_file : controllers[controller].v1_file,
			  text, err);
}

/* Lets the children of `path` have the controller. */
static int delegate(const struct cgroup_mounts *mounts, const char *path, const char *name,
		    struct err *err)
{
	char folder[2 * CGROUP_PATH_MAX], word[32];

	snprintf(folder, sizeof(folder), "%s%s", mounts->v2, path);
	snprintf(word, sizeof(word), "+%s", name);
	return write_file(folder, "cgroup.subtree_control", word, err);
}

/*
 * Has PATH the controller of version 2? What is above it may have to let it; where that is somebody
 * else's to decide, that is the error.
 */
static int take_v2(const struct cgroup_mounts *mounts, const char *path, const char *name,
		   struct err *err)
{
	char above[CGROUP_PATH_MAX];

	if (v2_has(mounts, path, name))
		return 0;
	snprintf(above, sizeof(above), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (v2_has(mounts, above, name))
		return delegate(mounts, above, name, err);
	return err_host(err, ENOTSUP, "--cgroup: no hierarchy has the controller %s at %s", name,
			path);
}

static int set_one(struct cgroup *cgroup, const struct cgroup_mounts *mounts,
		   const struct cgroup_limits *limits, int controller, uint64_t value,
		   struct err *err)
{
	const char *name = cgroup_keys[controller], *dir = NULL;
	int ret = take_v2(mounts, limits->path, name, err);
	bool is_v2 = ret == 0;
	const char *mount = is_v2 ? mounts->v2 : mounts->v1[controller];

	if (mount[0] == '\0')
		return limits->values[controller] == 0 ? 0 : ret;
	ret = add_dir(cgroup, mount, limits->path, is_v2, &dir, err);
	if (ret == 0 && is_v2)
		ret = delegate(mounts, limits->path, name, err);
	return ret == 0 ? write_limit(dir, is_v2, controller, value, err) : ret;
}

int cgroup_make(struct cgroup *ret_cgroup, const struct cgroup_limits *limits,
		const uint64_t fitting[CGROUP_CONTROLLER_COUNT], struct err *err)
{
	struct cgroup cgroup = {.fd = -1};
	struct cgroup_mounts mounts;
	int ret = cgroup_find_mounts("", &mounts);

	if (ret < 0)
		return err_host(err, -ret, "--cgroup: /proc/self/mountinfo");
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && ret == 0; i++) {
		uint64_t value = limits->values[i] != 0 ? limits->values[i] : fitting[i];

		if (value != 0)
			ret = set_one(&cgroup, &mounts, limits, i, value, err);
	}
	if (ret == 0 && cgroup.n_dirs == 0)
		ret = err_host(err, ENOENT, "--cgroup: no controller can be had at %.150s",
			       limits->path);
	if (ret < 0) {
		struct err ignored; /* after one that says more */

		(void)!cgroup_remove(&cgroup, &ignored);
		return ret;
	}
	*ret_cgroup = cgroup;
	return 0;
}

void cgroup_join_later(struct cgroup *cgroup)
{
	cgroup->fd = -1;
}

bool cgroup_awaits_cell(const struct cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->n_dirs; i++)
		if (!cgroup->dirs[i].is_v2 || cgroup->fd < 0)
			return true;
	return false;
}

int cgroup_add(const struct cgroup *cgroup, pid_t cell, struct err *err)
{
	char text[16];
	int ret = 0;

	snprintf(text, sizeof(text), "%d", (int)cell);
	for (unsigned i = 0; i < cgroup->n_dirs && ret == 0; i++)
		if (!cgroup->dirs[i].is_v2 || cgroup->fd < 0)
			ret = write_file(cgroup->dirs[i].path, "cgroup.procs", text, err);
	return ret;
}

void cgroup_forget(struct cgroup *cgroup)
{
	for (unsigned i = 0; i < cgroup->n_dirs; i++)
		explicit_bzero(cgroup->dirs[i].path, sizeof(cgroup->dirs[i].path));
}

/* PATH, where it was made by us or one like us: the last one can. */
static int remove_path(char *path)
{
	struct stat status;

	*strrchr(path, '/') = '\0';
	if (stat(path, &status) < 0 || (status.st_mode & S_ISVTX) == 0 || rmdir(path) == 0)
		return 0;
	return errno == EBUSY || errno == ENOTEMPTY || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(struct cgroup *cgroup, struct err *err)
{
	int first = 0;

	for (unsigned i = 0; i < cgroup->n_dirs; i++) {
		struct cgroup_dir *dir = &cgroup->dirs[i];
		int ret = rmdir(dir->path) < 0 && errno != ENOENT ? -errno : 0;

		close(dir->lock);
		if (ret == 0)
			ret = remove_path(dir->path);
		if (ret < 0 && first == 0)
			first = err_host(err, -ret, "--cgroup: %.200s stays", dir->path);
	}
	*cgroup = (struct cgroup){.fd = -1};
	return first;
}
