/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/report.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

/* A file without a name in the directory of `path`, or -errno. */
static int open_nameless(const char *path)
{
	SCOPE_FREE char *copy = strdup(path);
	int fd;

	if (copy == NULL)
		return -ENOMEM;
	fd = open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd;
}

int report_open(struct report *report, const char *path, struct err *err)
{
	struct stat status;
	int fd;

	*report = (struct report){.path = path, .fd = -1};
	if (path == NULL)
		return 0;
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		report->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		return report->fd < 0 ? err_file(err, errno, "--report", path) : 0;
	}
	fd = open_nameless(path);
	report->link = fd >= 0;
	if (fd == -EOPNOTSUPP || fd == -EISDIR) { /* a file system without O_TMPFILE */
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
		fd = fd < 0 ? -errno : fd;
	}
	report->fd = fd;
	return fd < 0 ? err_file(err, -fd, "--report", path) : 0;
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

static int write_text(struct report *report, const char *text)
{
	int ret = 0;

	if (!report->link && ftruncate(report->fd, 0) < 0 && errno != EINVAL)
		return -errno;
	ret = fd_write_all(report->fd, text, strlen(text));
	if (ret == 0)
		ret = fd_write_all(report->fd, "\n", 1);
	if (ret == 0 && report->link)
		ret = give_name(report);
	return ret;
}

int report_write(struct report *report, const json_t *root, struct err *err)
{
	SCOPE_FREE char *text = NULL;
	int ret;

	if (report->path == NULL)
		return 0;
	text = json_dumps(root, JSON_INDENT(2));
	ret = text != NULL ? write_text(report, text) : -ENOMEM;
	close(TAKE_FD(report->fd));
	return ret < 0 ? err_file(err, -ret, "--report", report->path) : 0;
}
