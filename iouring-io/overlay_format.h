/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay_format.h - the file of an overlay's layer: docs/overlay-format.md in C. Pure.
 *
 * A header, a map with a bit for each cluster of the disk, and the clusters, each at its own place: a
 * sparse file. A bit that is set says that the cluster is read here, not from the base. The bytes are
 * hostile: what overlay_header_read() and overlay_map_check() accept is in range.
 */
#ifndef MAYFLY_IOURING_OVERLAY_FORMAT_H
#define MAYFLY_IOURING_OVERLAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define OVERLAY_VERSION 1
#define OVERLAY_SECTOR                                                                             \
	UINT64_C(512) /* header and parts of the map: what a disk writes whole or not at all */
#define OVERLAY_MAP_OFFSET UINT64_C(4096)      /* bytes, in the file */
#define OVERLAY_LEN_MAX    (UINT64_C(4) << 40) /* bytes of the disk */

/* A sector of the map: bits, then their checksum. */
#define OVERLAY_SECTOR_BITS (8 * (OVERLAY_SECTOR - 4))

enum overlay_state {
	OVERLAY_READY,
	OVERLAY_COMMITTING, /* its base has been written to: only another commit may use it */
	OVERLAY_STATE_COUNT
};

/* What the header says. */
struct overlay_header {
	enum overlay_state state;
	unsigned cluster_shift;
	uint64_t len;        /* bytes of the disk: a multiple of 512, not 0 */
	uint64_t base_mtime; /* of its base when it was made, in ns; 0: of a block device */
};

/* What follows from it. */
struct overlay_geometry {
	uint64_t len;
	unsigned cluster_shift;
	uint64_t n_clusters;
	uint64_t n_map_sectors;
	uint64_t data_offset; /* in the file: of cluster 0 */
	uint64_t file_len;
};

/* The cluster size for a disk: as small as a map of 1 MiB allows, from 4 to 64 KiB. */
unsigned overlay_cluster_shift(uint64_t len);

struct overlay_geometry overlay_geometry(uint64_t len, unsigned cluster_shift);

/* Is a sector empty, as in a file that was just made? */
bool overlay_is_blank(const uint8_t *sector);

/* Errors: -EINVAL, in words, for all that is not the header of a layer that can be used. */
MUST_CHECK int overlay_header_read(const uint8_t *sector, struct overlay_header *ret_header,
				   struct err *err);
void overlay_header_write(const struct overlay_header *header, uint8_t *ret_sector);

/* Sets the checksum of a sector of the map. */
void overlay_map_seal(uint8_t *sector);

/*
 * Is this sector `index` of the map, whole? One without any bit is. No bit is set for what is past the
 * last cluster.
 */
bool overlay_map_check(const struct overlay_geometry *geometry, const uint8_t *sector,
		       uint64_t index);

/* How many bits are set in a sector of the map. */
unsigned overlay_map_count(const uint8_t *sector);

/* Where in the map is the bit of a cluster? */
static inline uint64_t overlay_map_byte(uint64_t cluster)
{
	return cluster / OVERLAY_SECTOR_BITS * OVERLAY_SECTOR + cluster % OVERLAY_SECTOR_BITS / 8;
}

static inline bool overlay_map_get(const uint8_t *map, uint64_t cluster)
{
	return (map[overlay_map_byte(cluster)] >> cluster % OVERLAY_SECTOR_BITS % 8 & 1) != 0;
}

static inline void overlay_map_set(uint8_t *map, uint64_t cluster)
{
	map[overlay_map_byte(cluster)] |= (uint8_t)(1U << cluster % OVERLAY_SECTOR_BITS % 8);
}

/* How many bytes of a cluster are of the disk: the last one may be shorter. */
static inline uint64_t overlay_cluster_len(const struct overlay_geometry *geometry,
					   uint64_t cluster)
{
	uint64_t left = geometry->len - (cluster << geometry->cluster_shift);
	uint64_t whole = UINT64_C(1) << geometry->cluster_shift;

	return left < whole ? left : whole;
}

#endif
