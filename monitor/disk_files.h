/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_files.h - the files of a disk, opened, locked and measured: what a cell gets of one. Supervisor.
 *
 * A file that is written is locked for one microVM, one that is only read for all that only read it:
 * by open file description, so that the lock lives as long as the cell has it open.
 */
#ifndef MAYFLY_MONITOR_DISK_FILES_H
#define MAYFLY_MONITOR_DISK_FILES_H

#include "monitor/disk_options.h"

/*
 * Fills in what the cell needs of a disk. `dry_run`: no layer is made. Errors: the host's, and -EINVAL
 * for what no disk can be made of, with the file's name; nothing stays open.
 */
MUST_CHECK int disk_open(const struct disk_config *disk, bool dry_run,
			 struct vblk_config *ret_config, struct err *err);

/* Closes what disk_open() opened; twice is no harm. */
void disk_close(struct vblk_config *config);

/* How long a file or block device is now. Errors: the host's. */
MUST_CHECK int disk_measure(int fd, uint64_t *ret_len);

/*
 * Opens and locks a file as disks do. `flags`: open()'s. Errors: as disk_open(), with `what` and the
 * file's name.
 */
MUST_CHECK int disk_open_file(const char *what, const char *path, int flags, int *ret_fd,
			      struct err *err);

/* When a base was changed last, in ns; 0 for a block device. Errors: the host's. */
MUST_CHECK int disk_mtime(int fd, uint64_t *ret_mtime);

#endif
