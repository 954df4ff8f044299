/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/overlay_format.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define GIB(n) ((uint64_t)(n) << 30)

static struct overlay_header header = {
	.state = OVERLAY_READY, .cluster_shift = 12, .len = 1 << 20, .base_mtime = 12345};
static uint8_t sector[OVERLAY_SECTOR];
static struct err err;

static int read_back(void)
{
	struct overlay_header read;

	return overlay_header_read(sector, &read, &err);
}

Test(overlay_format, a_header_is_read_as_it_was_written)
{
	struct overlay_header read;

	header.state = OVERLAY_COMMITTING;
	overlay_header_write(&header, sector);
	cr_assert_eq(overlay_header_read(sector, &read, &err), 0);
	cr_assert_eq(read.state, OVERLAY_COMMITTING);
	cr_assert_eq(read.cluster_shift, 12);
	cr_assert_eq(read.len, 1 << 20);
	cr_assert_eq(read.base_mtime, 12345);
}

/* docs/overlay-format.md has these bytes. */
Test(overlay_format, the_header_has_the_documented_bytes)
{
	static const uint8_t wanted[40] =
		"MAYFLYOV\1\0\0\0\0\0\0\0\14\0\0\0\0\0\0\0\0\0\20\0\0\0\0\0\x39\x30";

	overlay_header_write(&header, sector);
	cr_assert_eq(memcmp(sector, wanted, sizeof(wanted)), 0);
}

Test(overlay_format, every_bit_of_a_header_that_flips_is_found)
{
	overlay_header_write(&header, sector);
	for (unsigned bit = 0; bit < 8 * OVERLAY_SECTOR; bit++) {
		sector[bit / 8] ^= (uint8_t)(1U << bit % 8);
		cr_assert_eq(read_back(), -EINVAL, "bit %u", bit);
		sector[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	cr_assert_eq(read_back(), 0);
}

static const char *refusal_of(struct overlay_header wrong)
{
	overlay_header_write(&wrong, sector);
	cr_assert_eq(read_back(), -EINVAL);
	return err.text;
}

Test(overlay_format, every_field_is_judged)
{
	struct overlay_header wrong = header;

	wrong.state = OVERLAY_STATE_COUNT;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: state 2");
	wrong = header;
	wrong.cluster_shift = 11;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: clusters of 2^11 bytes");
	wrong.cluster_shift = 17;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: clusters of 2^17 bytes");
	wrong = header;
	wrong.len = 0;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: a disk of 0 bytes");
	wrong.len = 513;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: a disk of 513 bytes");
	wrong.len = OVERLAY_LEN_MAX + 512;
	cr_assert_str_eq(refusal_of(wrong), "its header is damaged: a disk of 4398046511616 bytes");
}

Test(overlay_format, another_version_and_another_file_are_named)
{
	overlay_header_write(&header, sector);
	sector[8] = 2;
	cr_assert_eq(read_back(), -EINVAL);
	cr_assert_str_eq(err.text, "its format is version 2, and 1 is what is known");
	sector[0] = 'm';
	cr_assert_eq(read_back(), -EINVAL);
	cr_assert_str_eq(err.text, "it is no layer of an overlay");
}

Test(overlay_format, clusters_grow_with_the_disk)
{
	cr_assert_eq(overlay_cluster_shift(512), 12);
	cr_assert_eq(overlay_cluster_shift(GIB(32)), 12);
	cr_assert_eq(overlay_cluster_shift(GIB(32) + 512), 13);
	cr_assert_eq(overlay_cluster_shift(GIB(512)), 16);
	cr_assert_eq(overlay_cluster_shift(OVERLAY_LEN_MAX), 16);
}

Test(overlay_format, map_and_clusters_do_not_overlap)
{
	struct overlay_geometry geometry = overlay_geometry(4096 * 4064 + 512, 12);

	cr_assert_eq(geometry.n_clusters, 4065);
	cr_assert_eq(geometry.n_map_sectors, 2);
	cr_assert_eq(geometry.data_offset, 8192);
	cr_assert_eq(geometry.file_len, 8192 + 4065 * 4096);
	cr_assert_eq(overlay_cluster_len(&geometry, 4063), 4096);
	cr_assert_eq(overlay_cluster_len(&geometry, 4064), 512);
	geometry = overlay_geometry(OVERLAY_LEN_MAX, 16);
	cr_assert_geq(geometry.data_offset, OVERLAY_MAP_OFFSET + geometry.n_map_sectors * 512);
}

/* No bit lies where a checksum does. */
Test(overlay_format, each_cluster_has_a_bit_of_its_own)
{
	static uint8_t map[3 * OVERLAY_SECTOR];

	for (uint64_t cluster = 0; cluster < 3 * OVERLAY_SECTOR_BITS; cluster++) {
		cr_assert_not(overlay_map_get(map, cluster));
		overlay_map_set(map, cluster);
		cr_assert(overlay_map_get(map, cluster));
	}
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(overlay_map_count(map + i * OVERLAY_SECTOR), OVERLAY_SECTOR_BITS);
		for (unsigned j = OVERLAY_SECTOR - 4; j < OVERLAY_SECTOR; j++)
			cr_assert_eq(map[i * OVERLAY_SECTOR + j], 0);
	}
}

Test(overlay_format, a_sector_of_the_map_is_sealed_or_blank)
{
	struct overlay_geometry geometry = overlay_geometry(UINT64_C(4096) * 5000, 12);

	memset(sector, 0, sizeof(sector));
	cr_assert(overlay_map_check(&geometry, sector, 0));
	overlay_map_set(sector, 7);
	cr_assert_not(overlay_map_check(&geometry, sector, 0));
	overlay_map_seal(sector);
	cr_assert(overlay_map_check(&geometry, sector, 0));
	for (unsigned bit = 0; bit < 8 * OVERLAY_SECTOR; bit++) {
		sector[bit / 8] ^= (uint8_t)(1U << bit % 8);
		cr_assert_not(overlay_map_check(&geometry, sector, 0), "bit %u", bit);
		sector[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

Test(overlay_format, no_bit_is_past_the_last_cluster)
{
	struct overlay_geometry geometry = overlay_geometry(UINT64_C(4096) * 5000, 12);

	memset(sector, 0, sizeof(sector));
	overlay_map_set(sector, 5000 - OVERLAY_SECTOR_BITS - 1);
	overlay_map_seal(sector);
	cr_assert(overlay_map_check(&geometry, sector, 1));
	overlay_map_set(sector, 5000 - OVERLAY_SECTOR_BITS);
	overlay_map_seal(sector);
	cr_assert_not(overlay_map_check(&geometry, sector, 1));
	cr_assert(overlay_map_check(&geometry, sector, 0));
}
