/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/overlay_file.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fd.h"

int overlay_file_write_header(int fd, const struct overlay_header *header)
{
	uint8_t sector[OVERLAY_SECTOR];
	int ret;

	overlay_header_write(header, sector);
	ret = fd_pwrite_all(fd, sector, sizeof(sector), 0);
	return ret == 0 && fdatasync(fd) < 0 ? -errno : ret;
}

int overlay_file_read_header(int fd, struct overlay_header *ret_header, struct err *err)
{
	uint8_t sector[OVERLAY_SECTOR];
	struct overlay_geometry geometry;
	struct overlay_header header;
	/* Not by fstat(), which libc makes a call with a path: a cell has none. */
	off_t len = lseek(fd, 0, SEEK_END);
	int ret;

	/* One that was being made when the host crashed has its length, and nothing in it. */
	if (lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO)
		return 1;
	ret = fd_pread_all(fd, sector, sizeof(sector), 0);
	if (ret == -ENODATA)
		return err_input(err, "it is no layer of an overlay");
	if (ret < 0)
		return err_host(err, -ret, "its header");
	ret = overlay_header_read(sector, &header, err);
	if (ret < 0)
		return ret;
	geometry = overlay_geometry(header.len, header.cluster_shift);
	if ((uint64_t)len < geometry.file_len)
		return err_input(err, "it is cut off: %" PRIu64 " bytes instead of %" PRIu64,
				 (uint64_t)len, geometry.file_len);
	*ret_header = header;
	return 0;
}

int overlay_file_format(int fd, const struct overlay_header *header, struct err *err)
{
	struct overlay_geometry geometry = overlay_geometry(header->len, header->cluster_shift);
	int ret = 0;

	/* The header last: before it, the file is blank. */
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)geometry.file_len) < 0 ||
	    fdatasync(fd) < 0)
		ret = -errno;
	if (ret == 0)
		ret = overlay_file_write_header(fd, header);
	return ret == 0 ? 0 : err_host(err, -ret, "it cannot be made");
}

int overlay_file_read_map(int fd, const struct overlay_geometry *geometry, uint8_t *map,
			  struct err *err)
{
	uint64_t end = OVERLAY_MAP_OFFSET + geometry->n_map_sectors * OVERLAY_SECTOR;
	off_t at = OVERLAY_MAP_OFFSET;

	/* What was never written is zero, as the map is: it takes no memory. */
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (uint64_t)at < end) {
		uint64_t index = ((uint64_t)at - OVERLAY_MAP_OFFSET) / OVERLAY_SECTOR;
		uint8_t *sector = map + index * OVERLAY_SECTOR;
		int ret;

		at = (off_t)(OVERLAY_MAP_OFFSET + index * OVERLAY_SECTOR);
		ret = fd_pread_all(fd, sector, OVERLAY_SECTOR, (uint64_t)at);
		if (ret < 0)
			return err_host(err, -ret, "its map");
		if (!overlay_map_check(geometry, sector, index))
			return err_input(err, "its map is damaged: sector %" PRIu64 " of %" PRIu64,
					 index, geometry->n_map_sectors);
		at += (off_t)OVERLAY_SECTOR;
	}
	return at < 0 && errno != ENXIO ? err_host(err, errno, "its map") : 0;
}
