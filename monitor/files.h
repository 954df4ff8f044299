/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - everything a run needs, opened: strings and paths of the configuration end here.
 * Supervisor.
 */
#ifndef MAYFLY_MONITOR_FILES_H
#define MAYFLY_MONITOR_FILES_H

#include "monitor/config.h"
#include "monitor/disk_files.h"

struct files {
	int kvm;                  /* -1 for a dry run */
	struct boot_image kernel; /* the built-in guest where no image is named */
	struct boot_image initrd; /* len 0: none */
	struct sink_file serial;
	struct sink_file console; /* its fd may be the serial port's */
	struct vblk_config disks[DISKS_MAX];
	unsigned n_disks;
	int input;         /* what is typed, or -1 */
	int console_input; /* the cell's end, and ours, of what of that the console gets; or -1 */
	int console_feed;
};

/* Opens it all. Errors: the host's, with the option or file; nothing stays open. */
MUST_CHECK int files_open(const struct config *config, struct files *ret_files, struct err *err);

/* Makes sure that descriptors 0 to 2 are taken, so that nothing we open lands there. */
MUST_CHECK int files_reserve_standard(struct err *err);

#endif
