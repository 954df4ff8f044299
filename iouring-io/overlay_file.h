/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_file.h - the file of a layer, opened: made where it is blank, and judged. Set-up, or a tool. */
#ifndef MAYFLY_IOURING_OVERLAY_FILE_H
#define MAYFLY_IOURING_OVERLAY_FILE_H

#include "iouring-io/overlay_format.h"

/* Writes a header where a crash leaves the old one or this, durably. Errors: the host's. */
MUST_CHECK int overlay_file_write_header(int fd, const struct overlay_header *header);

/*
 * Reads the header. Returns 0, or 1 where the file is blank: nothing was ever written to it. Errors: as
 * overlay_header_read(), and -EINVAL for a file that is shorter than it must be.
 */
MUST_CHECK int overlay_file_read_header(int fd, struct overlay_header *ret_header, struct err *err);

/* Makes a blank file a layer over a base, durably. Errors: the host's. */
MUST_CHECK int overlay_file_format(int fd, const struct overlay_header *header, struct err *err);

/*
 * Reads the map; `map` has room for its sectors and is zero. Errors: -EINVAL with the number of the
 * first sector that is damaged; else the host's.
 */
MUST_CHECK int overlay_file_read_map(int fd, const struct overlay_geometry *geometry, uint8_t *map,
				     struct err *err);

#endif
