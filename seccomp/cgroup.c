/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define PREFIX     "mayfly-"
#define CPU_PERIOD 100000 /* us */

const char *const cgroup_keys[CGROUP_CONTROLLER_COUNT] = {"cpu", "memory", "pids", "io"};

/* Where each controller's limit is written, in either version. */
static const struct {
	const char *v1_name, *v1_file, *v2_file;
} controllers[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_CPU] = {"cpu", "cpu.cfs_quota_us", "cpu.max"},
	[CGROUP_MEMORY] = {"memory", "memory.limit_in_bytes", "memory.max"},
	[CGROUP_PIDS] = {"pids", "pids.max", "pids.max"},
	[CGROUP_IO] = {"blkio", "blkio.bfq.weight", "io.weight"},
};

/* The hierarchies of this host, as far as they have controllers of ours; "": none. */
struct mounts {
	char v1[CGROUP_CONTROLLER_COUNT][CGROUP_PATH_MAX];
	char v2[CGROUP_PATH_MAX];
};

/* Is the word in a list that is separated by commas or blanks? */
static bool is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at != '\0'; at += strspn(at, ", \n")) {
		size_t item_len = strcspn(at, ", \n");

		if (item_len == len && memcmp(at, word, len) == 0)
			return true;
		at += item_len;
	}
	return false;
}

/* "36 35 98:0 /root /mount/point options - type source super,options" [proc(5)] */
static void take_mount(const char *line, struct mounts *mounts)
{
	char place[CGROUP_PATH_MAX], type[16], options[128];
	const char *rest = strstr(line, " - ");

	if (rest == NULL || sscanf(line, "%*s %*s %*s %*s %255s", place) != 1 ||
	    sscanf(rest, " - %15s %*s %127s", type, options) != 2)
		return;
	if (strcmp(type, "cgroup2") == 0)
		memcpy(mounts->v2, place, sizeof(place));
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && strcmp(type, "cgroup") == 0; i++)
		if (is_listed(options, controllers[i].v1_name))
			memcpy(mounts->v1[i], place, sizeof(place));
}

static int find_mounts(struct mounts *ret_mounts, struct err *err)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	SCOPE_FREE char *line = NULL;
	char buffer[BUFSIZ]; /* nothing of the host's mounts is to stay on the heap */
	size_t size = 0;

	if (file == NULL)
		return err_host(err, errno, "--cgroup: /proc/self/mountinfo");
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	*ret_mounts = (struct mounts){0};
	while (getline(&line, &size, file) >= 0)
		take_mount(line, ret_mounts);
	fclose(file);
	explicit_bzero(line, size);
	explicit_bzero(buffer, sizeof(buffer));
	return 0;
}

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
static bool v2_has(const struct mounts *mounts, const char *path, const char *name)
{
	char file[3 * CGROUP_PATH_MAX], list[256] = "";
	SCOPE_FD int fd = -1;

	if (mounts->v2[0] == '\0')
		return false;
	snprintf(file, sizeof(file), "%s%s/cgroup.controllers", mounts->v2, path);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, list, sizeof(list) - 1) < 0)
		return false;
	return is_listed(list, name);
}

/* Runs that were killed by SIGKILL could not take theirs away: who has no process is nobody's. */
static void sweep(const char *parent)
{
	DIR *folder = opendir(parent);
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL) {
		long pid;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		pid = strtol(entry->d_name + strlen(PREFIX), NULL, 10);
		if (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
			unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
	}
	closedir(folder);
}

/* The run's directory in a hierarchy, made if it is not there yet. */
static int add_dir(struct cgroup *cgroup, const char *mount, const char *path, bool is_v2,
		   const char **ret_dir, struct err *err)
{
	struct cgroup_dir *dir = &cgroup->dirs[cgroup->n_dirs];
	char parent[2 * CGROUP_PATH_MAX];

	snprintf(parent, sizeof(parent), "%s%s", mount, path);
	snprintf(dir->path, sizeof(dir->path), "%.480s/" PREFIX "%d", parent, (int)getpid());
	dir->is_v2 = is_v2;
	for (unsigned i = 0; i < cgroup->n_dirs; i++)
		if (strcmp(cgroup->dirs[i].path, dir->path) == 0) {
			*ret_dir = cgroup->dirs[i].path;
			return 0;
		}
	if (mkdir(parent, 0755) < 0 && errno != EEXIST)
		return err_host(err, errno, "--cgroup: %.200s", parent);
	sweep(parent);
	/* One of our own pid, from a run in another pid namespace or long ago, goes if it is empty. */
	if (mkdir(dir->path, 0755) < 0 &&
	    (errno != EEXIST || rmdir(dir->path) < 0 || mkdir(dir->path, 0755) < 0))
		return err_host(err, errno, "--cgroup: %.200s", dir->path);
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
static int delegate(const struct mounts *mounts, const char *path, const char *name,
		    struct err *err)
{
	char folder[2 * CGROUP_PATH_MAX], word[32];

	snprintf(folder, sizeof(folder), "%s%s", mounts->v2, path);
	snprintf(word, sizeof(word), "+%s", name);
	return write_file(folder, "cgroup.subtree_control", word, err);
}

static int set_one(struct cgroup *cgroup, const struct mounts *mounts,
		   const struct cgroup_limits *limits, int controller, uint64_t value,
		   struct err *err)
{
	const char *name = cgroup_keys[controller], *dir = NULL;
	bool is_v2 = v2_has(mounts, limits->path, name);
	const char *mount = is_v2 ? mounts->v2 : mounts->v1[controller];
	int ret;

	if (mount[0] == '\0')
		return limits->values[controller] == 0
			       ? 0
			       : err_host(err, ENOTSUP,
					  "--cgroup: no hierarchy has the controller %s at %s",
					  name, limits->path);
	ret = add_dir(cgroup, mount, limits->path, is_v2, &dir, err);
	if (ret == 0 && is_v2)
		ret = delegate(mounts, limits->path, name, err);
	return ret == 0 ? write_limit(dir, is_v2, controller, value, err) : ret;
}

/*
 * PATH is there before its controllers are looked at. Where it is new, what is above it may have to
 * let it have them; where that is somebody else's to decide, we shall see.
 */
static void make_path(const struct mounts *mounts, const char *path)
{
	char folder[2 * CGROUP_PATH_MAX], above[CGROUP_PATH_MAX];
	struct err ignored;

	if (mounts->v2[0] == '\0')
		return;
	snprintf(above, sizeof(above), "%.*s", (int)(strrchr(path, '/') - path), path);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		(void)!delegate(mounts, above, cgroup_keys[i], &ignored);
	snprintf(folder, sizeof(folder), "%s%s", mounts->v2, path);
	mkdir(folder, 0755);
}

int cgroup_make(struct cgroup *ret_cgroup, const struct cgroup_limits *limits,
		const uint64_t fitting[CGROUP_CONTROLLER_COUNT], struct err *err)
{
	struct cgroup cgroup = {.fd = -1};
	struct mounts mounts;
	int ret = find_mounts(&mounts, err);

	if (ret < 0)
		return ret;
	make_path(&mounts, limits->path);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && ret == 0; i++) {
		uint64_t value = limits->values[i] != 0 ? limits->values[i] : fitting[i];

		if (value != 0)
			ret = set_one(&cgroup, &mounts, limits, i, value, err);
	}
	if (ret == 0 && cgroup.n_dirs == 0)
		ret = err_host(err, ENOENT, "--cgroup: no controller can be had at %.150s",
			       limits->path);
	for (unsigned i = 0; i < cgroup.n_dirs && ret == 0; i++) {
		if (!cgroup.dirs[i].is_v2)
			continue;
		cgroup.fd = open(cgroup.dirs[i].path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cgroup.fd < 0)
			ret = err_host(err, errno, "--cgroup: %.200s", cgroup.dirs[i].path);
	}
	if (ret < 0)
		cgroup_remove(&cgroup);
	else
		*ret_cgroup = cgroup;
	return ret;
}

void cgroup_join_later(struct cgroup *cgroup)
{
	if (cgroup->fd >= 0)
		close(cgroup->fd);
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

void cgroup_remove(struct cgroup *cgroup)
{
	if (cgroup->fd >= 0)
		close(cgroup->fd);
	for (unsigned i = 0; i < cgroup->n_dirs; i++)
		rmdir(cgroup->dirs[i].path);
	*cgroup = (struct cgroup){.fd = -1};
}
