/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the file of --report: JSON, whole or not there. Supervisor.
 *
 * It is made without a name and linked when it is complete, so a run that is killed leaves neither
 * half a report nor a temporary file. Where the file system has no O_TMPFILE, or the host no /proc, it
 * is made at the end, under another name. One that is there is replaced and keeps its mode, its
 * group where the user can give it, and its owner where that is root's to give; it is written in place
 * where it cannot be replaced. A link is followed. A pipe or device is written to as it is.
 */
#ifndef MAYFLY_MONITOR_REPORT_H
#define MAYFLY_MONITOR_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct report {
	const char *path;  /* NULL: none was asked for */
	bool regular;      /* else it is a pipe or device, open as `fd` */
	int fd;            /* -1: the file is made when it is written */
	bool link;         /* the file gets its name at the end */
	bool replaces;     /* there is an older one, */
	struct stat older; /* which was like this */
};

/* Opens what the report will be written to. Errors: the host's, with the path. */
MUST_CHECK int report_open(struct report *report, const char *path, struct err *err);

/* Writes it. Errors: the host's, with the path; then nothing is left behind. */
MUST_CHECK int report_write(struct report *report, const json_t *root, struct err *err);

#endif
