/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer into its base, with a crash after each write and each sync: the linker puts these functions
 * between the commit and the kernel (--wrap, tests/tests.mk).
 */
#include "monitor/disk_commit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "monitor/disk_files.h"
#include "tests/support/block_fixture.h"

#define CLUSTER  UINT64_C(4096)
#define CLUSTERS 600
#define LEN      ((CLUSTERS - 1) * CLUSTER + 1024)

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static int layer, base;
static uint8_t old[LEN], wanted[LEN], map[OVERLAY_SECTOR];
static struct overlay_geometry geometry;
static unsigned left = UINT32_MAX; /* calls until the host crashes */
static uint64_t last_done, last_total;

static bool crashes(void)
{
	if (left == 0) {
		errno = EIO;
		return true;
	}
	left--;
	return false;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	return crashes() ? -1 : __real_pwrite(fd, bytes, len, offset);
}

int __wrap_fdatasync(int fd)
{
	return crashes() ? -1 : __real_fdatasync(fd);
}

static void note_progress(uint64_t done, uint64_t total)
{
	last_done = done;
	last_total = total;
}

static void put_cluster(uint64_t cluster)
{
	uint8_t bytes[CLUSTER];
	uint64_t offset = cluster * CLUSTER;
	size_t len = overlay_cluster_len(&geometry, cluster);

	host_fill(bytes, CLUSTER, (uint8_t)(cluster + 100));
	memcpy(wanted + offset, bytes, len);
	cr_assert_eq(fd_pwrite_all(layer, bytes, CLUSTER, geometry.data_offset + offset), 0);
	overlay_map_set(map, cluster);
}

static void set_up(void)
{
	struct overlay_header header = {.cluster_shift = 12, .len = LEN};

	base = host_file(LEN, 1);
	layer = memfd_create("layer", 0);
	host_fill(old, LEN, 1);
	memcpy(wanted, old, LEN);
	cr_assert_eq(disk_mtime(base, &header.base_mtime), 0);
	cr_assert_eq(overlay_file_format(layer, &header, &err), 0);
	geometry = overlay_geometry(LEN, 12);
	for (uint64_t cluster = 0; cluster < 300; cluster++)
		put_cluster(cluster);
	put_cluster(350);
	put_cluster(CLUSTERS - 1);
	overlay_map_seal(map);
	cr_assert_eq(fd_pwrite_all(layer, map, sizeof(map), OVERLAY_MAP_OFFSET), 0);
}

TestSuite(disk_commit, .init = set_up, .timeout = 60);

static void check_done(void)
{
	static uint8_t now[LEN];
	struct overlay_header header;
	uint8_t sector[OVERLAY_SECTOR];
	uint64_t mtime;

	cr_assert_eq(fd_pread_all(base, now, LEN, 0), 0);
	cr_assert_eq(memcmp(now, wanted, LEN), 0);
	cr_assert_eq(overlay_file_read_header(layer, &header, &err), 0);
	cr_assert_eq(header.state, OVERLAY_READY);
	cr_assert_eq(disk_mtime(base, &mtime), 0);
	cr_assert_eq(header.base_mtime, mtime);
	cr_assert_eq(fd_pread_all(layer, sector, sizeof(sector), OVERLAY_MAP_OFFSET), 0);
	cr_assert(overlay_is_blank(sector));
}

Test(disk_commit, writes_the_layer_into_its_base_and_empties_it)
{
	cr_assert_eq(disk_commit(layer, base, note_progress, &err), 0, "%s", err.text);
	cr_assert_eq(last_done, 302);
	cr_assert_eq(last_total, 302);
	check_done();
	/* There is nothing more to write. */
	cr_assert_eq(disk_commit(layer, base, note_progress, &err), 0);
	check_done();
}

/* What a guest would read of base and layer: all of it as it is to be, wherever the host crashed. */
static void check_readable(void)
{
	struct overlay_header header;
	uint8_t now[OVERLAY_SECTOR], cluster_bytes[CLUSTER];

	cr_assert_eq(overlay_file_read_header(layer, &header, &err), 0);
	cr_assert_eq(fd_pread_all(layer, now, sizeof(now), OVERLAY_MAP_OFFSET), 0);
	for (uint64_t cluster = 0; cluster < CLUSTERS; cluster++) {
		size_t len = overlay_cluster_len(&geometry, cluster);
		bool in_layer = overlay_map_get(now, cluster);

		cr_assert_eq(
			fd_pread_all(in_layer ? layer : base, cluster_bytes, len,
				     (in_layer ? geometry.data_offset : 0) + cluster * CLUSTER),
			0);
		cr_assert_eq(memcmp(cluster_bytes, wanted + cluster * CLUSTER, len), 0,
			     "cluster %lu", (unsigned long)cluster);
	}
}

Test(disk_commit, stopped_anywhere_it_is_begun_again)
{
	unsigned n_crashes = 0;

	for (unsigned after = 0;; after++) {
		int ret;

		left = UINT32_MAX;
		if (after > 0) {
			close(layer);
			close(base);
			memset(map, 0, sizeof(map));
			set_up();
		}
		left = after;
		ret = disk_commit(layer, base, note_progress, &err);
		left = UINT32_MAX;
		if (ret == 0)
			break;
		n_crashes++;
		check_readable();
		cr_assert_eq(disk_commit(layer, base, note_progress, &err), 0, "%u: %s", after,
			     err.text);
		check_done();
	}
	check_done();
	/* Two headers of two calls each, four writes into the base, the map and its sync. */
	cr_assert_eq(n_crashes, 10);
}

Test(disk_commit, another_base_is_refused)
{
	int other = host_file(LEN - 512, 1);

	cr_assert_eq(disk_commit(layer, other, note_progress, &err), -EINVAL);
	cr_assert_str_eq(err.text, "it is a layer over 2454528 bytes, and the base has 2454016");
	usleep(10000);
	cr_assert_eq(fd_pwrite_all(base, "x", 1, 0), 0);
	cr_assert_eq(disk_commit(layer, base, note_progress, &err), -EINVAL);
	cr_assert_str_eq(err.text,
			 "the base was changed since the layer was made, or is another one");
}

Test(disk_commit, a_damaged_map_is_not_written_anywhere)
{
	static uint8_t now[LEN];

	cr_assert_eq(fd_pwrite_all(layer, "x", 1, OVERLAY_MAP_OFFSET), 0);
	cr_assert_eq(disk_commit(layer, base, note_progress, &err), -EINVAL);
	cr_assert_eq(fd_pread_all(base, now, LEN, 0), 0);
	cr_assert_eq(memcmp(now, old, LEN), 0);
}

Test(disk_commit, a_blank_layer_is_nothing_to_write)
{
	cr_assert_eq(ftruncate(layer, 0), 0);
	cr_assert_eq(disk_commit(layer, base, note_progress, &err), 0);
}
