/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A base and a layer over it, in memory and in a file. A model says after each step what the guest has
 * to read; what a crash at any moment leaves is opened again and read, too.
 */
#include "iouring-io/block_overlay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "tests/support/block_fixture.h"
#include "tests/support/faults.h"

#define CLUSTER  UINT64_C(4096)
#define CLUSTERS 20
#define LEN      ((CLUSTERS - 1) * CLUSTER + 1536) /* the last one is shorter */
#define MTIME    777

static struct block_overlay overlay;
static uint8_t base[LEN], model[LEN], bytes[LEN], seen[LEN];
static int base_fd, layer_fd;
static uint8_t seed;

static const struct block_overlay_config *config(int layer, uint64_t memory_max)
{
	static struct block_overlay_config made;

	made = (struct block_overlay_config){.len = LEN,
					     .base_fd = base_fd,
					     .base_mtime = MTIME,
					     .layer_fd = layer,
					     .memory_max = memory_max};
	return &made;
}

static void set_up(void)
{
	base_fd = host_file(LEN, 1);
	host_fill(base, LEN, 1);
	memcpy(model, base, LEN);
	layer_fd = memfd_create("layer", 0);
}

static void tear_down(void)
{
	uint8_t now[LEN];

	/* Whatever happened, the base is what it was. */
	cr_assert_eq(fd_pread_all(base_fd, now, LEN, 0), 0);
	cr_assert_eq(memcmp(now, base, LEN), 0);
	block_overlay_done(&overlay);
	host_done();
}

TestSuite(block_overlay, .init = set_up, .fini = tear_down, .timeout = 60);

static void start(int layer, uint64_t memory_max)
{
	memset(&overlay, 0, sizeof(overlay));
	overlay.block = host_init();
	block = &overlay.block;
	cr_assert_eq(block_overlay_init(&overlay, config(layer, memory_max), &err), 0, "%s",
		     err.text);
	host_start();
}

static void restart(int layer)
{
	block_overlay_done(&overlay);
	host_done();
	start(layer, 0);
}

static int writes(uint64_t offset, uint64_t len)
{
	host_fill(bytes, len, seed += 13);
	memcpy(model + offset, bytes, len);
	return host_do(BLOCK_WRITE, offset, bytes, len);
}

static void check_model(void)
{
	memset(seen, 0xee, LEN);
	host_submit(1, BLOCK_READ, 0, seen, LEN, 7);
	host_await(1);
	cr_assert_eq(results[1], 0);
	for (unsigned i = 0; i < LEN; i++)
		cr_assert_eq(seen[i], model[i], "byte %u: %u, not %u", i, seen[i], model[i]);
}

static uint64_t some(uint64_t n)
{
	static uint64_t state = 7;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (state >> 33) % n;
}

static uint64_t some_sectors(uint64_t max)
{
	return 512 * (1 + some(max / 512));
}

/* Reads, writes, zeroes and discards anywhere. */
static void check_at_random(int layer)
{
	start(layer, 0);
	for (unsigned i = 0; i < 400; i++) {
		uint64_t len = some_sectors(3 * CLUSTER), offset = some_sectors(LEN - len) - 512;

		if (some(4) != 0) {
			cr_assert_eq(writes(offset, len), 0);
		} else {
			cr_assert_eq(host_do(BLOCK_ZERO, offset, NULL, len), 0);
			memset(model + offset, 0, len);
		}
		if (i % 20 == 0)
			check_model();
		if (i % 50 == 49)
			cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	}
	check_model();
}

Test(block_overlay, a_layer_in_memory_has_what_was_written)
{
	check_at_random(-1);
}

Test(block_overlay, a_layer_in_a_file_has_what_was_written)
{
	check_at_random(layer_fd);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	restart(layer_fd);
	check_model();
}

/* The last cluster is written whole, though the disk ends in the middle of it. */
Test(block_overlay, the_last_cluster_may_be_shorter)
{
	start(layer_fd, 0);
	cr_assert_eq(writes(LEN - 512, 512), 0);
	check_model();
	cr_assert_eq(writes(LEN - 1536, 1536), 0);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	restart(layer_fd);
	check_model();
}

Test(block_overlay, a_dropped_layer_shows_the_base_again)
{
	start(-1, 8 * CLUSTER);
	cr_assert_eq(writes(0, 8 * CLUSTER), 0);
	cr_assert_eq(writes(8 * CLUSTER, 512), -ENOSPC);
	block_overlay_drop(&overlay);
	memcpy(model, base, LEN);
	check_model();
	cr_assert_eq(writes(512, 512), 0);
	check_model();
	cr_assert_eq(writes(4 * CLUSTER, 7 * CLUSTER), 0);
	check_model();
}

Test(block_overlay, a_full_layer_is_no_space_and_harms_nothing)
{
	start(-1, 3 * CLUSTER + 100);
	cr_assert_eq(writes(CLUSTER - 512, CLUSTER), 0);
	cr_assert_eq(host_do(BLOCK_WRITE, 2 * CLUSTER, bytes, 2 * CLUSTER), -ENOSPC);
	cr_assert_eq(host_do(BLOCK_ZERO, 5 * CLUSTER - 512, NULL, 1024), -ENOSPC);
	cr_assert_eq(writes(2 * CLUSTER, CLUSTER), 0);
	cr_assert_eq(host_do(BLOCK_WRITE, 10 * CLUSTER, bytes, 512), -ENOSPC);
	cr_assert_eq(writes(512, CLUSTER), 0);
	cr_assert_eq(host_do(BLOCK_DISCARD, 0, NULL, LEN), 0);
	memset(model, 0, 3 * CLUSTER);
	check_model();
}

/* Room that was reserved by a write that fails is there for the next one. */
Test(block_overlay, a_failed_write_takes_no_room)
{
	const struct fault fault = {
		.op = IORING_OP_READV, .nth = 1, .kind = FAULT_ERROR, .value = EIO};

	start(-1, CLUSTER);
	faults_add(&fault);
	host_fill(bytes, 512, 5);
	cr_assert_eq(host_do(BLOCK_WRITE, 512, bytes, 512), -EIO);
	check_model();
	cr_assert_eq(writes(9 * CLUSTER, 512), 0);
	check_model();
}

/* Discarded clusters of the layer are zero; what is only in the base stays. */
Test(block_overlay, a_discard_is_for_whole_clusters_of_the_layer)
{
	start(layer_fd, 0);
	cr_assert_eq(writes(0, 4 * CLUSTER), 0);
	cr_assert_eq(host_do(BLOCK_DISCARD, 512, NULL, 6 * CLUSTER), 0);
	memset(model + CLUSTER, 0, 3 * CLUSTER);
	check_model();
}

/* Different sectors of one cluster, from several requests at once: none is lost. */
static void check_together(int layer)
{
	start(layer, 0);
	for (unsigned round = 0; round < CLUSTERS - 1; round++) {
		/* The second that makes the cluster takes one read more than the others. */
		const struct fault later = {
			.op = IORING_OP_READV, .nth = 2, .kind = FAULT_SHORT, .value = 512};
		uint64_t at = (uint64_t)round * CLUSTER;

		faults_add(&later);
		host_fill(bytes, CLUSTER, seed += 11);
		memcpy(model + at, bytes, CLUSTER);
		host_submit(2, BLOCK_WRITE, at, bytes, 512, 1);
		host_submit(3, BLOCK_WRITE, at + 512, bytes + 512, 1024, 2);
		host_submit(4, BLOCK_FLUSH, 0, NULL, 0, 1);
		host_submit(5, BLOCK_WRITE, at + 1536, bytes + 1536, CLUSTER - 1536, 1);
		host_submit(6, BLOCK_FLUSH, 0, NULL, 0, 1);
		for (unsigned i = 2; i <= 6; i++) {
			host_await(i);
			cr_assert_eq(results[i], 0);
		}
	}
	check_model();
}

Test(block_overlay, writes_into_one_cluster_wait_for_each_other_in_memory)
{
	check_together(-1);
}

Test(block_overlay, writes_into_one_cluster_wait_for_each_other_in_a_file)
{
	check_together(layer_fd);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	restart(layer_fd);
	check_model();
}

static void short_by(uint8_t op, int value)
{
	const struct fault fault = {.op = op, .kind = FAULT_SHORT, .value = value};

	faults_add(&fault);
}

Test(block_overlay, short_reads_and_writes_go_on_where_they_ended)
{
	short_by(IORING_OP_READV, 1500);
	short_by(IORING_OP_WRITEV, 900);
	check_at_random(layer_fd);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	restart(layer_fd);
	check_model();
}

Test(block_overlay, a_write_that_fails_leaves_the_base_visible)
{
	const struct fault full = {
		.op = IORING_OP_WRITEV, .nth = 2, .kind = FAULT_ERROR, .value = ENOSPC};

	start(layer_fd, 0);
	short_by(IORING_OP_WRITEV, 5000);
	faults_add(&full);
	host_fill(bytes, LEN, 99);
	cr_assert_eq(host_do(BLOCK_WRITE, 0, bytes, 4 * CLUSTER), 0);
	memcpy(model, bytes, 4 * CLUSTER);
	check_model();
}

/* Crashes. */

static uint8_t *durable;     /* the layer as the last fdatasync left it */
static uint8_t allowed[LEN]; /* what a sector may be, beside the base's: the model's */
static uint64_t layer_len;
static unsigned n_crashes;

static int file_with(const uint8_t *data, uint64_t data_len)
{
	int fd = memfd_create("crashed", 0);

	cr_assert_eq(fd_write_all(fd, data, data_len), 0);
	return fd;
}

/* Is every sector of a crashed layer as it was or as it was written, in one piece? */
static void check_crashed(int fd)
{
	struct overlay_header header;
	struct overlay_geometry geometry;
	static uint8_t map[64 * OVERLAY_SECTOR];

	cr_assert_eq(overlay_file_read_header(fd, &header, &err), 0, "%s", err.text);
	geometry = overlay_geometry(header.len, header.cluster_shift);
	memset(map, 0, sizeof(map));
	cr_assert_eq(overlay_file_read_map(fd, &geometry, map, &err), 0, "%s", err.text);
	for (uint64_t at = 0; at < LEN; at += 512) {
		uint8_t sector[512];

		if (!overlay_map_get(map, at / CLUSTER))
			continue;
		cr_assert_eq(fd_pread_all(fd, sector, 512, geometry.data_offset + at), 0);
		cr_assert(memcmp(sector, allowed + at, 512) == 0 ||
				  memcmp(sector, base + at, 512) == 0,
			  "sector %lu is torn", (unsigned long)(at / 512));
	}
	n_crashes++;
}

/*
 * The host loses its power: the clusters are as the last fdatasync left them, the map is as old, or it
 * has come to the disk already.
 */
static void crash(void)
{
	uint8_t *now = malloc(layer_len);
	uint64_t data_offset = overlay.geometry.data_offset;
	int fd;

	cr_assert_eq(fd_pread_all(layer_fd, now, layer_len, 0), 0);
	memcpy(now + data_offset, durable + data_offset, layer_len - data_offset);
	fd = file_with(now, layer_len);
	check_crashed(fd);
	close(fd);
	fd = file_with(durable, layer_len);
	check_crashed(fd);
	close(fd);
	free(now);
}

#define FLUSH 2 /* the request that is one */

static uint8_t
	*synced; /* the layer when the flush began: what its first sync makes durable at least */
static unsigned n_of_flush;

static void read_layer(uint8_t *data)
{
	cr_assert_eq(fd_pread_all(layer_fd, data, layer_len, 0), 0);
}

/* After each operation the host could crash. */
static void after_each(unsigned i)
{
	if (i == FLUSH && ++n_of_flush == 1)
		memcpy(durable, synced, layer_len);
	crash();
}

Test(block_overlay, a_crash_at_any_moment_shows_no_cluster_that_is_not_there)
{
	/* So that what is written meanwhile ends before. */
	const struct fault slow = {.op = IORING_OP_FSYNC, .kind = FAULT_LATE, .value = 20};

	faults_add(&slow);
	start(layer_fd, 0);
	layer_len = overlay.geometry.file_len;
	durable = malloc(layer_len);
	synced = malloc(layer_len);
	read_layer(durable);
	memcpy(allowed, base, LEN);
	after_operation = after_each;
	for (unsigned i = 0; i + 2 < CLUSTERS; i += 2) {
		uint64_t at = (uint64_t)i * CLUSTER;

		host_fill(bytes, LEN, seed += 17);
		memcpy(allowed + at + 512, bytes, 1024);
		cr_assert_eq(host_do(BLOCK_WRITE, at + 512, bytes, 1024), 0);
		read_layer(synced);
		n_of_flush = 0;
		host_submit(FLUSH, BLOCK_FLUSH, 0, NULL, 0, 1);
		/* Written while the flush is under way, and not durable. */
		memcpy(allowed + at + CLUSTER, bytes, CLUSTER);
		host_submit(3, BLOCK_WRITE, at + CLUSTER, bytes, CLUSTER, 1);
		host_await(3);
		host_await(FLUSH);
		cr_assert_eq(n_of_flush, 3);
	}
	cr_assert_gt(n_crashes, 3 * CLUSTERS);
	after_operation = NULL;
	free(durable);
	free(synced);
}

/* What was flushed is there after a crash, though nothing else was written since. */
Test(block_overlay, what_was_flushed_is_there_after_a_crash)
{
	start(layer_fd, 0);
	cr_assert_eq(writes(512, 3 * CLUSTER), 0);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	host_fill(bytes, LEN, 200);
	cr_assert_eq(host_do(BLOCK_WRITE, 10 * CLUSTER, bytes, 2 * CLUSTER), 0);
	/* Not flushed: the map in the file has no bit of it. */
	restart(layer_fd);
	check_model();
}

Test(block_overlay, a_flush_writes_the_map_between_two_syncs)
{
	unsigned n;

	start(layer_fd, 0);
	cr_assert_eq(writes(0, CLUSTER), 0);
	n = faults_counts().n_made;
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	cr_assert_eq(faults_counts().n_made - n, 3);
	/* Nothing new in the map: one sync is all. */
	cr_assert_eq(writes(0, CLUSTER), 0);
	n = faults_counts().n_made;
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	cr_assert_eq(faults_counts().n_made - n, 1);
}

static void flush_fails(uint8_t op, unsigned nth)
{
	const struct fault fault = {.op = op, .nth = nth, .kind = FAULT_ERROR, .value = EIO};

	start(layer_fd, 0);
	cr_assert_eq(writes(512, CLUSTER), 0);
	faults_add(&fault);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -EIO);
}

Test(block_overlay, a_flush_whose_map_fails_is_done_again)
{
	flush_fails(IORING_OP_WRITEV, 1);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	restart(layer_fd);
	check_model();
}

/* What the next sync says nothing of is lost: no flush succeeds, and no map is written over it. */
static void no_flush_succeeds(void)
{
	unsigned n = faults_counts().n_made;

	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -EIO);
	cr_assert_eq(writes(5 * CLUSTER, CLUSTER), 0);
	host_submit(2, BLOCK_FLUSH, 0, NULL, 0, 1);
	host_submit(3, BLOCK_FLUSH, 0, NULL, 0, 1);
	cr_assert(results[2] == -EIO && results[3] == -EIO);
	cr_assert_eq(faults_counts().n_made - n, 1);
	check_model();
}

Test(block_overlay, no_flush_succeeds_after_a_first_sync_that_failed)
{
	flush_fails(IORING_OP_FSYNC, 1);
	no_flush_succeeds();
	restart(layer_fd);
	memcpy(model, base, LEN);
	check_model();
}

Test(block_overlay, no_flush_succeeds_after_a_last_sync_that_failed)
{
	flush_fails(IORING_OP_FSYNC, 2);
	no_flush_succeeds();
}

Test(block_overlay, a_flush_that_waited_for_one_that_fails_fails)
{
	const struct fault fault = {
		.op = IORING_OP_FSYNC, .nth = 1, .kind = FAULT_ERROR, .value = EIO};

	start(layer_fd, 0);
	faults_add(&fault);
	host_submit(2, BLOCK_FLUSH, 0, NULL, 0, 1);
	host_submit(3, BLOCK_FLUSH, 0, NULL, 0, 1);
	host_await(2);
	host_await(3);
	cr_assert(results[2] == -EIO && results[3] == -EIO);
}

/* Opening. */

static const char *refusal(int layer)
{
	struct block_overlay other = {.block = {.ring = ring}};

	cr_assert_eq(block_overlay_init(&other, config(layer, 0), &err), -EINVAL);
	return err.text;
}

Test(block_overlay, a_layer_belongs_to_its_base)
{
	struct overlay_header header = {.cluster_shift = 12, .len = LEN, .base_mtime = MTIME + 1};

	start(-1, 0);
	cr_assert_eq(overlay_file_format(layer_fd, &header, &err), 0);
	cr_assert_str_eq(refusal(layer_fd),
			 "the base was changed since the layer was made, or is another one");
	header.base_mtime = MTIME;
	header.len = 4096;
	cr_assert_eq(overlay_file_format(layer_fd, &header, &err), 0);
	cr_assert_str_eq(refusal(layer_fd),
			 "it is a layer over 4096 bytes, and the base has 79360");
	header.len = LEN;
	header.state = OVERLAY_COMMITTING;
	cr_assert_eq(overlay_file_format(layer_fd, &header, &err), 0);
	cr_assert_str_eq(refusal(layer_fd),
			 "a commit was begun and not finished: mayfly disk commit "
			 "finishes it");
}

Test(block_overlay, a_damaged_layer_is_refused)
{
	struct overlay_header header = {.cluster_shift = 12, .len = LEN, .base_mtime = MTIME};

	start(-1, 0);
	cr_assert_eq(pwrite(layer_fd, "text", 4, 0), 4);
	cr_assert_str_eq(refusal(layer_fd), "it is no layer of an overlay");
	cr_assert_eq(overlay_file_format(layer_fd, &header, &err), 0);
	cr_assert_eq(pwrite(layer_fd, "\1", 1, OVERLAY_MAP_OFFSET), 1);
	cr_assert_str_eq(refusal(layer_fd), "its map is damaged: sector 0 of 1");
	cr_assert_eq(overlay_file_format(layer_fd, &header, &err), 0);
	cr_assert_eq(ftruncate(layer_fd, 8192), 0);
	cr_assert_str_eq(refusal(layer_fd), "it is cut off: 8192 bytes instead of 90112");
}

/* A host that crashed while it made the layer left its length and nothing else. */
Test(block_overlay, a_layer_that_was_not_finished_is_made_again)
{
	cr_assert_eq(ftruncate(layer_fd, 90112), 0);
	start(layer_fd, 0);
	cr_assert_eq(writes(0, 512), 0);
	check_model();
}
