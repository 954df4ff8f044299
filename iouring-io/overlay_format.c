/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/overlay_format.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "base/le.h"

#define MAGIC       "MAYFLYOV"
#define SHIFT_MIN   12
#define SHIFT_MAX   16
#define MAP_BITS    (UINT64_C(1) << 23) /* as many as the smallest clusters may have */
#define CHECKSUM_AT (OVERLAY_SECTOR - 4)

/* Where in the header what stands. The rest of it is zero. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_STATE = 12,
	AT_CLUSTER_SHIFT = 16,
	AT_LEN = 24,
	AT_BASE_MTIME = 32,
};

static uint32_t checksum(const uint8_t *sector)
{
	return (uint32_t)crc32(0, sector, CHECKSUM_AT);
}

unsigned overlay_cluster_shift(uint64_t len)
{
	unsigned shift = SHIFT_MIN;

	while (shift < SHIFT_MAX && len > MAP_BITS << shift)
		shift++;
	return shift;
}

struct overlay_geometry overlay_geometry(uint64_t len, unsigned cluster_shift)
{
	uint64_t mask = (UINT64_C(1) << cluster_shift) - 1;
	struct overlay_geometry geometry = {.len = len, .cluster_shift = cluster_shift};

	geometry.n_clusters = (len + mask) >> cluster_shift;
	geometry.n_map_sectors = (geometry.n_clusters + OVERLAY_SECTOR_BITS - 1) /
				 OVERLAY_SECTOR_BITS;
	geometry.data_offset =
		(OVERLAY_MAP_OFFSET + geometry.n_map_sectors * OVERLAY_SECTOR + mask) & ~mask;
	geometry.file_len = geometry.data_offset + (geometry.n_clusters << cluster_shift);
	return geometry;
}

bool overlay_is_blank(const uint8_t *sector)
{
	static const uint8_t blank[OVERLAY_SECTOR];

	return memcmp(sector, blank, sizeof(blank)) == 0;
}

int overlay_header_read(const uint8_t *sector, struct overlay_header *ret_header, struct err *err)
{
	uint32_t state = le32_get(sector + AT_STATE), shift = le32_get(sector + AT_CLUSTER_SHIFT);
	uint64_t len = le64_get(sector + AT_LEN);

	if (memcmp(sector + AT_MAGIC, MAGIC, strlen(MAGIC)) != 0)
		return err_input(err, "it is no layer of an overlay");
	if (le32_get(sector + AT_VERSION) != OVERLAY_VERSION)
		return err_input(err, "its format is version %" PRIu32 ", and %d is what is known",
				 le32_get(sector + AT_VERSION), OVERLAY_VERSION);
	if (le32_get(sector + CHECKSUM_AT) != checksum(sector))
		return err_input(err, "its header is damaged: the checksum is wrong");
	if (state >= OVERLAY_STATE_COUNT)
		return err_input(err, "its header is damaged: state %" PRIu32, state);
	if (shift < SHIFT_MIN || shift > SHIFT_MAX)
		return err_input(err, "its header is damaged: clusters of 2^%" PRIu32 " bytes",
				 shift);
	if (len == 0 || len > OVERLAY_LEN_MAX || len % OVERLAY_SECTOR != 0)
		return err_input(err, "its header is damaged: a disk of %" PRIu64 " bytes", len);
	*ret_header = (struct overlay_header){.state = (enum overlay_state)state,
					      .cluster_shift = shift,
					      .len = len,
					      .base_mtime = le64_get(sector + AT_BASE_MTIME)};
	return 0;
}

void overlay_header_write(const struct overlay_header *header, uint8_t *ret_sector)
{
	memset(ret_sector, 0, OVERLAY_SECTOR);
	memcpy(ret_sector + AT_MAGIC, MAGIC, strlen(MAGIC));
	le32_put(ret_sector + AT_VERSION, OVERLAY_VERSION);
	le32_put(ret_sector + AT_STATE, header->state);
	le32_put(ret_sector + AT_CLUSTER_SHIFT, header->cluster_shift);
	le64_put(ret_sector + AT_LEN, header->len);
	le64_put(ret_sector + AT_BASE_MTIME, header->base_mtime);
	le32_put(ret_sector + CHECKSUM_AT, checksum(ret_sector));
}

void overlay_map_seal(uint8_t *sector)
{
	le32_put(sector + CHECKSUM_AT, checksum(sector));
}

bool overlay_map_check(const struct overlay_geometry *geometry, const uint8_t *sector,
		       uint64_t index)
{
	uint64_t first = index * OVERLAY_SECTOR_BITS;
	uint64_t n = geometry->n_clusters - first;

	if (overlay_is_blank(sector))
		return true;
	if (le32_get(sector + CHECKSUM_AT) != checksum(sector))
		return false;
	for (uint64_t bit = n; bit < OVERLAY_SECTOR_BITS; bit++)
		if (overlay_map_get(sector, bit))
			return false;
	return true;
}

unsigned overlay_map_count(const uint8_t *sector)
{
	unsigned n = 0;

	for (size_t i = 0; i < CHECKSUM_AT; i += 4)
		n += (unsigned)__builtin_popcount(le32_get(sector + i));
	return n;
}
