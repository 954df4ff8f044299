/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h - `mayfly disk`: what an image or a layer is, whether it is sound, and a layer's end. */
#ifndef MAYFLY_MONITOR_DISK_H
#define MAYFLY_MONITOR_DISK_H

#include <stdbool.h>

enum disk_verb { DISK_INFO, DISK_CHECK, DISK_COMMIT };

struct disk_command {
	enum disk_verb verb;
	const char *file;
	const char *base; /* DISK_COMMIT */
	bool json;        /* DISK_INFO and DISK_CHECK */
};

enum {
	DISK_SOUND = 0,
	DISK_DAMAGED = 1,
	DISK_UNREADABLE = 2, /* what it is could not be found out */
};

/* Does it, prints what there is to say, and returns the exit status: DISK_*. */
int disk_run(const struct disk_command *command);

#endif
