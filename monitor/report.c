/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/report.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "monitor/tables.h"

#define LINKS_MAX 40 /* as many as the kernel follows */

/* A pipe or device. Opening does not wait for a reader, writing does; the description is ours. */
static int open_special(struct report *report)
{
	SCOPE_FD int fd = open(report->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	report->fd = TAKE_FD(fd);
	return 0;
}

/* The cell is a copy of this process, and is to find no path in it. */
static void forget(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void scope_forget(char **text)
{
	forget(*text);
}

#define SCOPE_FORGET __attribute__((cleanup(scope_forget)))

/* The text of a link, as a path from where the link's own path is from; NULL: it is none. */
static char *follow(const char *path)
{
	SCOPE_FORGET char *text = calloc(1, PATH_MAX);
	const char *slash = strrchr(path, '/');
	char *target;

	if (text == NULL || readlink(path, text, PATH_MAX - 1) < 0)
		return NULL;
	if (text[0] == '/' || slash == NULL)
		return TAKE_PTR(text);
	return asprintf(&target, "%.*s/%s", (int)(slash - path), path, text) < 0 ? NULL : target;
}

/* The file that a path leads to, through links, even where that is not there yet. */
static int resolve(const char *path, char **ret_target)
{
	SCOPE_FORGET char *target = strdup(path);

	for (unsigned n = 0; target != NULL; n++) {
		char *next = follow(target);

		if (next == NULL) {
			*ret_target = TAKE_PTR(target);
			return 0;
		}
		forget(target);
		target = next;
		if (n == LINKS_MAX)
			return -ELOOP;
	}
	return -ENOMEM;
}

static bool is_about_access(int error)
{
	return error == EACCES || error == EPERM || error == EROFS;
}

/* Not dirname(): that cuts a copy in two, of which only one half would be forgotten. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A file without a name, in the folder that the report goes to. */
static int open_nameless(struct report *report, const char *target)
{
	SCOPE_FORGET char *folder = folder_of(target);

	if (folder == NULL)
		return -ENOMEM;
	report->fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	report->link = report->fd >= 0;
	if (report->link)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	/* The file system does not know this. */
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int open_regular(struct report *report)
{
	SCOPE_FORGET char *target = NULL;
	int ret = resolve(report->path, &target);

	if (ret < 0)
		return ret;
	report->regular = true;
	report->replaces = stat(target, &report->older) == 0;
	ret = open_nameless(report, target);
	/* The folder is not ours, and the file may be: then it is written in its place. */
	if (is_about_access(-ret) && report->replaces &&
	    faccessat(AT_FDCWD, target, W_OK, AT_EACCESS) == 0)
		return 0;
	return ret;
}

int report_open(struct report *report, const char *path, struct err *err)
{
	struct stat status;
	int ret;

	*report = (struct report){.path = path, .fd = -1};
	if (path == NULL)
		return 0;
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		ret = open_special(report);
	else
		ret = open_regular(report);
	return ret < 0 ? err_file(err, -ret, "--report", path) : 0;
}

static int write_text(int fd, const char *text)
{
	int ret = fd_write_all(fd, text, strlen(text));

	return ret == 0 ? fd_write_all(fd, "\n", 1) : ret;
}

/* Nobody can read it who could not read the older one. */
static int write_new(const struct report *report, int fd, const char *text)
{
	const struct stat *older = &report->older;
	mode_t mode = older->st_mode & 0777;

	if (!report->replaces)
		return write_text(fd, text);
	if (fchown(fd, older->st_uid, older->st_gid) < 0) {
		if (!is_about_access(errno))
			return -errno;
		/* The owner is root's to give; where not even the group can be kept, it gets nothing. */
		if (fchown(fd, (uid_t)-1, older->st_gid) < 0)
			mode &= 0707;
	}
	return fchmod(fd, mode) < 0 ? -errno : write_text(fd, text);
}

/* A name beside the target's, for a moment. A run that is killed in it leaves that one behind. */
static char *name_beside(const char *target)
{
	const char *slash = strrchr(target, '/');
	char *beside;

	if (asprintf(&beside, "%.*s.mayfly-report-%d",
		     slash != NULL ? (int)(slash + 1 - target) : 0, target, getpid()) < 0)
		return NULL;
	unlink(beside); /* of one that had this pid and was killed */
	return beside;
}

static int rename_or_remove(const char *beside, const char *target)
{
	int error;

	if (rename(beside, target) == 0)
		return 0;
	error = errno;
	unlink(beside);
	return -error;
}

/* A link cannot take the place of an older report: it gets another name first. */
static int give_name(const struct report *report, const char *target)
{
	SCOPE_FREE char *beside = name_beside(target);
	char own_path[32];

	if (beside == NULL)
		return -ENOMEM;
	snprintf(own_path, sizeof(own_path), "/proc/self/fd/%d", report->fd);
	if (linkat(AT_FDCWD, own_path, AT_FDCWD, target, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST || linkat(AT_FDCWD, own_path, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return rename_or_remove(beside, target);
}

static int write_and_rename(const struct report *report, const char *target, const char *text)
{
	SCOPE_FREE char *beside = name_beside(target);
	SCOPE_FD int fd = -1;
	int ret;

	if (beside == NULL)
		return -ENOMEM;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, report->replaces ? 0600 : 0644);
	if (fd < 0)
		return -errno;
	ret = write_new(report, fd, text);
	if (ret == 0)
		return rename_or_remove(beside, target);
	unlink(beside);
	return ret;
}

/* A file that cannot be replaced: it is mounted there, or its folder is somebody else's. */
static int write_in_place(const char *target, const char *text)
{
	SCOPE_FD int fd = open(target, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : write_text(fd, text);
}

static int write_regular(const struct report *report, const char *text)
{
	SCOPE_FREE char *target = NULL;
	int ret = resolve(report->path, &target);

	if (ret < 0)
		return ret;
	ret = -ENOENT;
	if (report->link) {
		ret = write_new(report, report->fd, text);
		if (ret < 0)
			return ret;
		ret = give_name(report, target);
	}
	/* Without a /proc, what has no name cannot get one. */
	if (ret == -ENOENT)
		ret = write_and_rename(report, target, text);
	if (report->replaces && (ret == -EBUSY || ret == -EXDEV || is_about_access(-ret)))
		ret = write_in_place(target, text);
	return ret;
}

int report_write(struct report *report, const json_t *root, struct err *err)
{
	SCOPE_FREE char *text = NULL;
	int ret;

	if (report->path == NULL)
		return 0;
	text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(TABLES_DIGITS));
	if (text == NULL)
		ret = -ENOMEM;
	else if (report->regular)
		ret = write_regular(report, text);
	else
		ret = write_text(report->fd, text);
	scope_close(&report->fd);
	report->fd = -1;
	return ret < 0 ? err_file(err, -ret, "--report", report->path) : 0;
}
