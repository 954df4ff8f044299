/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/report.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "monitor/tables.h"

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

/* A file without a name, in the folder that the report goes to. */
static int open_nameless(struct report *report)
{
	SCOPE_FREE char *copy = strdup(report->path);
	const char *folder = copy == NULL ? NULL : dirname(copy);

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
		ret = open_nameless(report);
	return ret < 0 ? err_file(err, -ret, "--report", path) : 0;
}

static int give_name(const struct report *report)
{
	char own_path[32];

	snprintf(own_path, sizeof(own_path), "/proc/self/fd/%d", report->fd);
	if (linkat(AT_FDCWD, own_path, AT_FDCWD, report->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	/* An older report is replaced; a link cannot do that in one step. */
	if (unlink(report->path) < 0 ||
	    linkat(AT_FDCWD, own_path, AT_FDCWD, report->path, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

static int write_text(int fd, const char *text)
{
	int ret = fd_write_all(fd, text, strlen(text));

	return ret == 0 ? fd_write_all(fd, "\n", 1) : ret;
}

/* By way of another name. A run that is killed meanwhile leaves that one behind. */
static int write_and_rename(const char *path, const char *text)
{
	SCOPE_FREE char *beside = NULL;
	SCOPE_FD int fd = -1;
	int ret;

	if (asprintf(&beside, "%s.%d", path, getpid()) < 0)
		return -ENOMEM;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	ret = write_text(fd, text);
	if (ret == 0 && rename(beside, path) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(beside);
	return ret;
}

static int write_report(const struct report *report, const char *text)
{
	int ret;

	if (report->fd < 0)
		return write_and_rename(report->path, text);
	ret = write_text(report->fd, text);
	return ret == 0 && report->link ? give_name(report) : ret;
}

int report_write(struct report *report, const json_t *root, struct err *err)
{
	SCOPE_FREE char *text = NULL;
	int ret;

	if (report->path == NULL)
		return 0;
	text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(TABLES_DIGITS));
	ret = text != NULL ? write_report(report, text) : -ENOMEM;
	scope_close(&report->fd);
	report->fd = -1;
	return ret < 0 ? err_file(err, -ret, "--report", report->path) : 0;
}
