/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of an overlay's layer: an input is a byte of wishes, then the file. Whatever is in it, a
 * header that is accepted is in range, and a map has no bit that stands for nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "iouring-io/overlay_file.h"
#include "tests/fuzz/fuzz.h"

enum {
	SEAL_HEADER = 1, /* its checksum becomes right: a forger's would be */
	SEAL_MAP = 2,
	MAKE_LONG = 4, /* as long as its header says */
};

#define MAP_MAX (64U << 20)

static void check_geometry(const struct overlay_header *header, const struct overlay_geometry *g)
{
	fuzz_check(header->len > 0 && header->len <= OVERLAY_LEN_MAX &&
		   header->len % OVERLAY_SECTOR == 0);
	fuzz_check(header->state < OVERLAY_STATE_COUNT);
	fuzz_check(g->n_clusters > 0 && g->n_clusters <= g->n_map_sectors * OVERLAY_SECTOR_BITS);
	fuzz_check(g->data_offset >= OVERLAY_MAP_OFFSET + g->n_map_sectors * OVERLAY_SECTOR);
	fuzz_check(g->file_len - g->data_offset >= header->len);
	fuzz_check(g->n_map_sectors * OVERLAY_SECTOR <= UINT64_C(1) << 31);
}

static void check_map(const struct overlay_geometry *g, const uint8_t *map)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < g->n_map_sectors; i++)
		n += overlay_map_count(map + i * OVERLAY_SECTOR);
	fuzz_check(n <= g->n_clusters);
}

/* Mends the bytes as the input wishes, and puts them into a file. */
static int make_file(const uint8_t *data, size_t size, uint8_t wishes)
{
	SCOPE_FREE uint8_t *bytes = malloc(size + 1);
	int fd = memfd_create("layer", MFD_CLOEXEC);

	fuzz_check(bytes != NULL && fd >= 0);
	memcpy(bytes, data, size);
	if ((wishes & SEAL_HEADER) != 0 && size >= OVERLAY_SECTOR)
		overlay_map_seal(bytes); /* it lies where a header's does */
	for (size_t at = OVERLAY_MAP_OFFSET;
	     (wishes & SEAL_MAP) != 0 && at + OVERLAY_SECTOR <= size; at += OVERLAY_SECTOR)
		overlay_map_seal(bytes + at);
	fuzz_check(fd_pwrite_all(fd, bytes, size, 0) == 0);
	if ((wishes & MAKE_LONG) != 0)
		fuzz_check(ftruncate(fd, INT64_C(5) << 40) == 0);
	return fd;
}

/* A blank file becomes a layer of whatever length. */
static void check_blank(int fd, size_t len)
{
	struct overlay_header header = {.len = OVERLAY_SECTOR * (len + 1)}, again;
	struct err err = fuzz_err();

	header.cluster_shift = overlay_cluster_shift(header.len);
	fuzz_check(overlay_file_format(fd, &header, &err) == 0);
	fuzz_check(overlay_file_read_header(fd, &again, &err) == 0 && again.len == header.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overlay_header header, again;
	struct overlay_geometry geometry;
	uint8_t sector[OVERLAY_SECTOR];
	struct err err = fuzz_err();
	SCOPE_FREE uint8_t *map = NULL;
	SCOPE_FD int fd = -1;
	int ret;

	if (size == 0)
		return 0;
	fd = make_file(data + 1, size - 1, data[0]);
	fuzz_taint(&header, sizeof(header));
	ret = overlay_file_read_header(fd, &header, &err);
	if (ret != 0) {
		fuzz_check(fuzz_is_tainted(&header, sizeof(header)));
		if (ret > 0)
			check_blank(fd, size);
		if (ret < 0)
			fuzz_check_refusal(ret, &err);
		return 0;
	}
	geometry = overlay_geometry(header.len, header.cluster_shift);
	check_geometry(&header, &geometry);
	overlay_header_write(&header, sector);
	fuzz_check(overlay_header_read(sector, &again, &err) == 0);
	fuzz_check(again.len == header.len && again.state == header.state &&
		   again.cluster_shift == header.cluster_shift &&
		   again.base_mtime == header.base_mtime);
	if (geometry.n_map_sectors * OVERLAY_SECTOR > MAP_MAX)
		return 0;
	map = calloc(geometry.n_map_sectors, OVERLAY_SECTOR);
	fuzz_check(map != NULL);
	ret = overlay_file_read_map(fd, &geometry, map, &err);
	if (ret < 0)
		fuzz_check_refusal(ret, &err);
	else
		check_map(&geometry, map);
	return 0;
}
