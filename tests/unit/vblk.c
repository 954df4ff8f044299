/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vblk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "iouring-io/overlay_file.h"
#include "tests/support/blk_driver.h"
#include "tests/support/block_fixture.h"
#include "tests/support/faults.h"

#define LEN     (UINT64_C(1) << 20)
#define SECTORS (LEN / 512)
#define FLUSHES (UINT64_C(1) << VIRTIO_BLK_F_FLUSH)

static struct blk_driver drv;
static struct vblk_config config;
static uint8_t content[LEN], *buffer;
static int fd;

static void set_up(void)
{
	fd = host_file(LEN, 1);
	host_fill(content, LEN, 1);
	config = (struct vblk_config){
		.kind = VBLK_FILE,
		.len = LEN,
		.sector = 512,
		.n_queues = BLK_QUEUES,
		.serial = "serial-of-20-bytes!!",
		.file = {.fd = fd, .direct_fd = -1, .memory_align = 512, .offset_align = 512},
		.layer_fd = -1,
	};
}

static void tear_down(void)
{
	blk_driver_done(&drv);
}

TestSuite(vblk, .init = set_up, .fini = tear_down, .timeout = 30);

static void start(uint64_t features)
{
	cr_assert_eq(blk_driver_init(&drv, &config, features, &err), 0, "%s", err.text);
	buffer = blk_buffer(&drv);
}

static uint8_t give(uint32_t type, uint64_t sector, uint32_t len)
{
	return blk_do(&drv, type, sector, len);
}

static bool is_dirty(uint64_t gpa)
{
	return (drv.mem.dirty[gpa / 4096 / 64] >> gpa / 4096 % 64 & 1) != 0;
}

static void fails(uint8_t op, unsigned nth, int error)
{
	const struct fault fault = {.op = op, .nth = nth, .kind = FAULT_ERROR, .value = error};

	faults_add(&fault);
}

static void set_range(uint64_t sector, uint32_t n_sectors, uint32_t flags)
{
	le64_put(buffer, sector);
	le32_put(buffer + 8, n_sectors);
	le32_put(buffer + 12, flags);
}

/* Requests. */

Test(vblk, reads_what_is_in_the_file)
{
	start(FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 3, 8192), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(buffer, content + 1536, 8192), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, SECTORS - 1, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(buffer, content + LEN - 512, 512), 0);
	cr_assert_eq(drv.n_resets, 0);
}

Test(vblk, writes_into_the_file)
{
	uint8_t seen[1024];

	start(FLUSHES);
	host_fill(buffer, 1024, 50);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 10, 1024), VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 1024, 5120), 0);
	cr_assert_eq(memcmp(seen, buffer, 1024), 0);
}

/* [virtio 1.2 §5.2.6] The used length is of the data read and the status. */
Test(vblk, tells_how_much_it_wrote)
{
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 4096, .in = true};
	struct blk_request requests[3];

	start(FLUSHES);
	requests[0] = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	requests[1] = blk_add(&drv, 1, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	requests[2] = blk_add(&drv, 0, VIRTIO_BLK_T_IN, SECTORS, &data, 1);
	blk_publish(&drv, 0);
	blk_publish(&drv, 1);
	blk_await(&drv, requests, 3);
	cr_assert_eq(requests[0].len, 4097);
	cr_assert_eq(requests[1].len, 1);
	cr_assert_eq(requests[2].len, 1);
}

/* What the host copies at once is bounded, however often a guest names the same buffer. */
Test(vblk, starts_so_many_bytes_in_a_turn)
{
	enum { PARTS = 16 };
	struct fakedrv_part data[PARTS];
	struct blk_request requests[3];

	config.kind = VBLK_MEMORY;
	config.len = VBLK_TURN_BYTES;
	start(FLUSHES);
	for (unsigned i = 0; i < PARTS; i++)
		data[i] = (struct fakedrv_part){BLK_BUFFER, VBLK_TURN_BYTES / PARTS, true};
	for (unsigned i = 0; i < 3; i++)
		requests[i] = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, data, PARTS);
	blk_publish(&drv, 0);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_not(requests[i].is_done);
		blk_turn(&drv, requests, 3, false);
		cr_assert(requests[i].is_done);
	}
}

/* Header, data and status in pieces that have nothing to do with what they are. [virtio 1.2 §2.7.4] */
Test(vblk, how_buffers_are_cut_does_not_matter)
{
	struct fakedrv_part parts[] = {{BLK_BUFFER, 7, false},
				       {BLK_BUFFER + 7, 8, false},
				       {BLK_BUFFER + 15, 201, false},
				       {BLK_BUFFER + 216, 312, false},
				       {BLK_BUFFER + 600, 1, true}};
	uint8_t seen[512];
	int head;

	start(FLUSHES);
	memset(buffer, 0, 16);
	buffer[0] = VIRTIO_BLK_T_OUT;
	buffer[8] = 5;
	host_fill(buffer + 16, 512, 90);
	buffer[600] = 0xff;
	head = fakedrv_add(&drv.queues[0], parts, 5);
	cr_assert_geq(head, 0);
	blk_publish(&drv, 0);
	while (buffer[600] == 0xff)
		blk_turn(&drv, NULL, 0, false);
	cr_assert_eq(buffer[600], VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 512, 2560), 0);
	cr_assert_eq(memcmp(seen, buffer + 16, 512), 0);
	/* A read, whose data and status are one buffer. */
	buffer[0] = VIRTIO_BLK_T_IN;
	parts[0] = (struct fakedrv_part){BLK_BUFFER, 16, false};
	parts[1] = (struct fakedrv_part){BLK_BUFFER + 4096, 513, true};
	buffer[4096 + 512] = 0xff;
	fakedrv_add(&drv.queues[0], parts, 2);
	blk_publish(&drv, 0);
	while (buffer[4096 + 512] == 0xff)
		blk_turn(&drv, NULL, 0, false);
	cr_assert_eq(memcmp(buffer + 4096, buffer + 16, 512), 0);
}

Test(vblk, gives_its_serial)
{
	start(FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(buffer, "serial-of-20-bytes!!", 20), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_GET_ID, 0, 19), VIRTIO_BLK_S_IOERR);
	memset(buffer, 0xee, 32);
	cr_assert_eq(give(VIRTIO_BLK_T_GET_ID, 0, 32), VIRTIO_BLK_S_OK);
	cr_assert_eq(buffer[20], 0xee);
}

Test(vblk, zeroes_and_discards)
{
	static const uint8_t zeros[4096];
	uint8_t seen[4096];

	start(FLUSHES);
	set_range(8, 8, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 4096, 4096), 0);
	cr_assert_eq(memcmp(seen, zeros, 4096), 0);
	set_range(16, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	cr_assert_eq(give(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 4096, 8192), 0);
	cr_assert_eq(memcmp(seen, zeros, 4096), 0);
	set_range(24, 8, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 512, 16384), 0);
	cr_assert_eq(memcmp(seen, content + 16384, 512), 0);
}

/* Refusals. */

Test(vblk, what_is_not_on_the_disk_is_an_error)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} outside[] = {{SECTORS, 512},
		       {SECTORS - 1, 1024},
		       {UINT64_MAX, 512},
		       {UINT64_MAX / 512, 512},
		       {UINT64_MAX - 1, 1024},
		       {1, LEN},
		       {0, LEN + 512},
		       {0, 1},
		       {0, 511},
		       {0, 513}};
	static const uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT};

	start(FLUSHES);
	memset(buffer, 0xee, 512);
	for (unsigned i = 0; i < ARRAY_LEN(outside); i++)
		for (unsigned type = 0; type < 2; type++)
			cr_assert_eq(give(types[type], outside[i].sector, outside[i].len),
				     VIRTIO_BLK_S_IOERR, "%u", i);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(buffer[0], 0xee);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}

Test(vblk, ranges_are_judged)
{
	static const struct {
		uint64_t sector;
		uint32_t n, flags, type;
		uint8_t status;
	} ranges[] = {
		{SECTORS, 1, 0, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_S_IOERR},
		{0, 0, 0, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_S_IOERR},
		{UINT64_MAX / 512, 2, 0, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_S_IOERR},
		{1, UINT32_MAX, 0, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_S_IOERR},
		{0, 1, 1, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_S_UNSUPP},
		{0, 1, 2, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_S_UNSUPP},
		{SECTORS - 1, 2, 0, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_S_IOERR},
	};

	start(FLUSHES);
	for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
		set_range(ranges[i].sector, ranges[i].n, ranges[i].flags);
		cr_assert_eq(give(ranges[i].type, 0, 16), ranges[i].status, "%u", i);
	}
	set_range(0, 1, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 15), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 32), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 0), VIRTIO_BLK_S_IOERR);
}

Test(vblk, unknown_types_are_unsupported)
{
	static const uint32_t types[] = {2, 3, 5, 7, 9, 10, 12, 14, 16, 100, UINT32_MAX};

	start(FLUSHES);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		cr_assert_eq(give(types[i], 0, 512), VIRTIO_BLK_S_UNSUPP, "%u", types[i]);
}

/* [virtio 1.2 §5.2.6.2] */
Test(vblk, a_disk_that_is_read_only_is_not_written)
{
	uint8_t seen[512];

	config.read_only = true;
	start(FLUSHES);
	cr_assert_neq(drv.vblk->vdev.features & UINT64_C(1) << VIRTIO_BLK_F_RO, 0);
	cr_assert_eq(drv.vblk->vdev.features & UINT64_C(1) << VIRTIO_BLK_F_DISCARD, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
	set_range(0, 1, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(fd_pread_all(fd, seen, 512, 0), 0);
	cr_assert_eq(memcmp(seen, content, 512), 0);
}

Test(vblk, a_chain_of_too_many_buffers_is_answered)
{
	struct fakedrv_part data[VBLK_SEG_MAX + 2];
	struct blk_request request;

	start(FLUSHES);
	for (unsigned i = 0; i < ARRAY_LEN(data); i++)
		data[i] = (struct fakedrv_part){BLK_BUFFER + UINT64_C(1024) * i, 512, true};
	for (unsigned n = VBLK_SEG_MAX - 1; n <= VBLK_SEG_MAX + 2; n++) {
		request = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, data, n);
		blk_publish(&drv, 0);
		blk_await(&drv, &request, 1);
		cr_assert_eq(*request.status,
			     n <= VBLK_SEG_MAX ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR, "%u", n);
	}
	for (unsigned i = 0; i < VBLK_SEG_MAX; i++)
		cr_assert_eq(memcmp(buffer + (size_t)1024 * i, content + (size_t)512 * i, 512), 0);
}

Test(vblk, a_request_without_a_place_for_its_status_breaks_the_device)
{
	const struct fakedrv_part part = {.gpa = BLK_BUFFER, .len = 528};

	start(FLUSHES);
	memset(buffer, 0, 16);
	fakedrv_add(&drv.queues[0], &part, 1);
	blk_publish(&drv, 0);
	blk_turn(&drv, NULL, 0, false);
	cr_assert_eq(drv.n_resets, 1);
	cr_assert_eq(vdev_drain(&drv.vblk->vdev), true);
	vdev_reset(&drv.vblk->vdev);
	blk_driver_start(&drv, FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}

Test(vblk, a_request_without_a_whole_header_is_an_error)
{
	const struct fakedrv_part parts[] = {{BLK_BUFFER, 15, false},
					     {BLK_BUFFER + 512, 513, true}};

	start(FLUSHES);
	memset(buffer, 0, 16);
	buffer[1024] = 0xff;
	fakedrv_add(&drv.queues[0], parts, 2);
	blk_publish(&drv, 0);
	blk_turn(&drv, NULL, 0, false);
	cr_assert_eq(buffer[1024], VIRTIO_BLK_S_IOERR);
	cr_assert_eq(drv.n_resets, 0);
}

/* The host's errors. */

Test(vblk, errors_of_the_host_have_their_status)
{
	start(FLUSHES);
	fails(IORING_OP_READV, 1, EIO);
	fails(IORING_OP_WRITEV, 1, ENOSPC);
	fails(IORING_OP_FSYNC, 1, EIO);
	fails(IORING_OP_FALLOCATE, 1, EOPNOTSUPP);
	fails(IORING_OP_FALLOCATE, 2, EIO);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_IOERR);
	set_range(0, 1, 0);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_UNSUPP);
	cr_assert_eq(give(VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}

Test(vblk, a_file_that_was_cut_off_is_an_error)
{
	start(FLUSHES);
	cr_assert_eq(ftruncate(fd, 4096), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 7, 1024), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 7, 512), VIRTIO_BLK_S_OK);
}

/* Memory that the host wrote is marked, of a read that failed, too. */
Test(vblk, what_is_written_into_guest_memory_is_marked)
{
	start(FLUSHES);
	fails(IORING_OP_READV, 2, EIO);
	cr_assert_not(is_dirty(BLK_BUFFER));
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 8192), VIRTIO_BLK_S_OK);
	cr_assert_not(is_dirty(BLK_BUFFER));
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 8192), VIRTIO_BLK_S_OK);
	cr_assert(is_dirty(BLK_BUFFER) && is_dirty(BLK_BUFFER + 4096));
	cr_assert_not(is_dirty(BLK_BUFFER + 8192));
	memset(drv.mem.dirty, 0, BLK_RAM / 4096 / 8);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
	cr_assert(is_dirty(BLK_BUFFER));
	cr_assert(is_dirty(UINT64_C(1) << 20), "the status");
	memset(drv.mem.dirty, 0, BLK_RAM / 4096 / 8);
	cr_assert_eq(give(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
	cr_assert(is_dirty(BLK_BUFFER));
}

/* Flushes. */

static unsigned n_made(void)
{
	return faults_counts().n_made;
}

Test(vblk, a_flush_is_one_sync_and_a_write_none)
{
	unsigned n;

	start(FLUSHES);
	n = n_made();
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(n_made() - n, 1);
	cr_assert_eq(give(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(n_made() - n, 2);
}

/* [virtio 1.2 §5.2.6.2] */
Test(vblk, a_driver_without_flush_has_each_write_made_durable)
{
	unsigned n;

	start(0);
	n = n_made();
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(n_made() - n, 2);
	fails(IORING_OP_FSYNC, 1, EIO);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
	n = n_made();
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(n_made() - n, 1);
}

/* Many at once. */

/* More than there are slots, over both queues: all are answered, and 32 with one kick interrupt once. */
Test(vblk, more_requests_than_slots_are_all_done)
{
	struct blk_request requests[2 * 100];
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 512, .in = true};

	start(FLUSHES);
	for (unsigned i = 0; i < ARRAY_LEN(requests); i++)
		requests[i] = blk_add(&drv, i % 2, VIRTIO_BLK_T_IN, i, &data, 1);
	blk_publish(&drv, 0);
	blk_publish(&drv, 1);
	cr_assert_leq(drv.vblk->n_busy, VBLK_SLOTS);
	blk_await(&drv, requests, ARRAY_LEN(requests));
	for (unsigned i = 0; i < ARRAY_LEN(requests); i++)
		cr_assert_eq(*requests[i].status, VIRTIO_BLK_S_OK);
	cr_assert_eq(drv.vblk->n_busy, 0);
}

Test(vblk, thirty_two_reads_are_two_calls_of_the_kernel)
{
	struct blk_request requests[32];
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 4096, .in = true};
	struct faults_counts before;

	/* Each read of a memfd is done when it is submitted. */
	start(FLUSHES);
	fakedrv_ask_after(&drv.queues[0], 32);
	for (unsigned i = 0; i < 32; i++)
		requests[i] = blk_add(&drv, 0, VIRTIO_BLK_T_IN, UINT64_C(8) * i, &data, 1);
	before = faults_counts();
	drv.n_interrupts = 0;
	blk_publish(&drv, 0);
	blk_turn(&drv, requests, 32, false);
	blk_turn(&drv, requests, 32, true);
	while (drv.vblk->n_busy > 0)
		blk_turn(&drv, requests, 32, true);
	cr_assert_eq(faults_counts().n_made - before.n_made, 32);
	cr_assert_eq(drv.n_interrupts, 1);
}

Test(vblk, drains_what_is_in_flight)
{
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 512, .in = true};
	const struct fault never = {
		.op = IORING_OP_READV, .nth = 1, .kind = FAULT_NEVER, .value = 512};
	struct blk_request request;

	start(FLUSHES);
	faults_add(&never);
	request = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	blk_publish(&drv, 0);
	blk_turn(&drv, &request, 1, false);
	cr_assert_not(vdev_drain(&drv.vblk->vdev));
	blk_turn(&drv, &request, 1, false);
	cr_assert_not(request.is_done);
	faults_release();
	while (!vdev_drain(&drv.vblk->vdev))
		blk_turn(&drv, &request, 1, false);
	vdev_resume(&drv.vblk->vdev);
	blk_await(&drv, &request, 1);
	cr_assert_eq(*request.status, VIRTIO_BLK_S_OK);
}

/* Limits. */

Test(vblk, a_limit_on_operations_holds_the_rest_back)
{
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 512, .in = true};
	struct blk_request requests[6];
	unsigned n_done = 0;

	config.ops = (struct throttle_config){.size = 2, .refill_ns = INT64_C(1000000000)};
	start(FLUSHES);
	for (unsigned i = 0; i < 6; i++)
		requests[i] = blk_add(&drv, i % 2, VIRTIO_BLK_T_IN, i, &data, 1);
	blk_publish(&drv, 0);
	blk_publish(&drv, 1);
	blk_turn(&drv, requests, 6, false);
	/* Two at once; the others hold no slot. */
	cr_assert_leq(drv.vblk->n_busy, 2);
	while (drv.vblk->n_busy > 0)
		blk_turn(&drv, requests, 6, false);
	for (unsigned i = 0; i < 6; i++)
		n_done += requests[i].is_done;
	cr_assert_lt(n_done, 6);
	while (n_done < 6) {
		blk_turn(&drv, requests, 6, true);
		n_done = 0;
		for (unsigned i = 0; i < 6; i++)
			n_done += requests[i].is_done;
	}
	cr_assert_eq(drv.n_resets, 0);
}

Test(vblk, a_limit_on_bytes_does_not_count_flushes)
{
	config.bandwidth = (struct throttle_config){.size = 512,
						    .refill_ns = INT64_C(3600000000000)};
	start(FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(give(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(give(VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
}

/* Drained and reset while a limit holds it back, it goes on with the next driver. */
Test(vblk, a_reset_does_not_wait_for_a_limit)
{
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 512, .in = true};
	struct blk_request request;

	config.ops = (struct throttle_config){.size = 1, .refill_ns = 50000000};
	start(FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	request = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	blk_publish(&drv, 0);
	blk_turn(&drv, &request, 1, false);
	cr_assert(vdev_drain(&drv.vblk->vdev));
	vdev_reset(&drv.vblk->vdev);
	blk_driver_start(&drv, FLUSHES);
	request = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	blk_publish(&drv, 0);
	while (!request.is_done)
		blk_turn(&drv, &request, 1, drv.vblk->timer_armed);
	cr_assert_eq(*request.status, VIRTIO_BLK_S_OK);
}

/* What it is. */

static uint64_t capacity(void)
{
	return le64_get(drv.vblk->vdev.config);
}

Test(vblk, says_what_it_is)
{
	const struct virtio_blk_config *fields;

	config.sector = 4096;
	start(FLUSHES);
	fields = (const void *)drv.vblk->vdev.config;
	cr_assert_eq(drv.vblk->vdev.id, 2);
	cr_assert_eq(fields->capacity, SECTORS);
	cr_assert_eq(fields->blk_size, 4096);
	cr_assert_eq(fields->physical_block_exp, 0);
	cr_assert_eq(fields->seg_max, 62);
	cr_assert_eq(fields->num_queues, 2);
	cr_assert_eq(drv.vblk->vdev.config_len, sizeof(*fields));
	cr_assert_neq(drv.vblk->vdev.features & UINT64_C(1) << VIRTIO_BLK_F_MQ, 0);
}

Test(vblk, is_resized_while_it_runs)
{
	start(FLUSHES);
	cr_assert_eq(ftruncate(fd, LEN + 1024), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, SECTORS, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(vblk_resize(drv.vblk, LEN + 1024), 0);
	cr_assert_eq(drv.n_configs, 1);
	cr_assert_eq(capacity(), SECTORS + 2);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, SECTORS + 1, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(vblk_resize(drv.vblk, 1024), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 2, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK);
}

Test(vblk, an_empty_place_gets_a_file)
{
	config.file.fd = -1;
	config.len = 0;
	start(FLUSHES);
	cr_assert_eq(capacity(), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(give(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(vblk_swap(drv.vblk, fd, LEN), 0);
	cr_assert_eq(capacity(), SECTORS);
	cr_assert_eq(drv.n_configs, 1);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 1, 512), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(buffer, content + 512, 512), 0);
}

Test(vblk, another_file_takes_the_place_of_the_first)
{
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = 512, .in = true};
	const struct fault never = {
		.op = IORING_OP_READV, .nth = 1, .kind = FAULT_NEVER, .value = 512};
	struct blk_request request;
	int other = host_file(8192, 40);

	start(FLUSHES);
	faults_add(&never);
	request = blk_add(&drv, 0, VIRTIO_BLK_T_IN, 0, &data, 1);
	blk_publish(&drv, 0);
	blk_turn(&drv, &request, 1, false);
	blk_turn(&drv, &request, 1, false);
	cr_assert_eq(vblk_swap(drv.vblk, other, 8192), -EBUSY);
	faults_release();
	blk_await(&drv, &request, 1);
	cr_assert_eq(vblk_swap(drv.vblk, other, 8192), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 15, 512), VIRTIO_BLK_S_OK);
	host_fill(content, 8192, 40);
	cr_assert_eq(memcmp(buffer, content + 7680, 512), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 16, 512), VIRTIO_BLK_S_IOERR);
}

Test(vblk, its_state_goes_to_another_of_its_kind)
{
	uint8_t state[64];
	size_t len;

	start(FLUSHES);
	cr_assert_eq(drv.vblk->vdev.ops->save(&drv.vblk->vdev, state, 7), 0);
	len = drv.vblk->vdev.ops->save(&drv.vblk->vdev, state, sizeof(state));
	cr_assert_gt(len, 0);
	cr_assert_eq(drv.vblk->vdev.ops->load(&drv.vblk->vdev, state, len), 0);
	cr_assert_eq(drv.vblk->vdev.ops->load(&drv.vblk->vdev, state, len - 1), -EINVAL);
	state[0] ^= 1;
	cr_assert_eq(drv.vblk->vdev.ops->load(&drv.vblk->vdev, state, len), -EINVAL);
}

/* Memory and overlays. */

Test(vblk, memory_is_a_disk)
{
	config.kind = VBLK_MEMORY;
	start(FLUSHES);
	host_fill(buffer, 4096, 70);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 8, 4096), VIRTIO_BLK_S_OK);
	memset(buffer, 0, 4096);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 8, 4096), VIRTIO_BLK_S_OK);
	host_fill(content, 4096, 70);
	cr_assert_eq(memcmp(buffer, content, 4096), 0);
	cr_assert_eq(vblk_resize(drv.vblk, 512), -EOPNOTSUPP);
	cr_assert_eq(vblk_swap(drv.vblk, fd, 512), -EOPNOTSUPP);
	cr_assert_eq(vblk_drop(drv.vblk), -EOPNOTSUPP);
}

Test(vblk, a_layer_in_memory_is_full_and_dropped)
{
	config.kind = VBLK_OVERLAY;
	config.layer_max = 8192;
	start(FLUSHES);
	memset(buffer, 0x33, 16384);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 0, 8192), VIRTIO_BLK_S_OK);
	/* virtio has no word for a full disk. */
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 16, 512), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(vblk_drop(drv.vblk), 0);
	cr_assert_eq(give(VIRTIO_BLK_T_IN, 0, 8192), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(buffer, content, 8192), 0);
}

/* A guest that never flushes finds what it wrote the next time, if it was ended in peace. */
Test(vblk, a_drain_writes_the_map_of_a_layer)
{
	struct overlay_header header;
	struct overlay_geometry geometry;
	uint8_t map[OVERLAY_SECTOR] = {0};

	config.kind = VBLK_OVERLAY;
	config.layer_fd = memfd_create("layer", 0);
	start(FLUSHES);
	cr_assert_eq(give(VIRTIO_BLK_T_OUT, 8, 4096), VIRTIO_BLK_S_OK);
	cr_assert_not(vdev_drain(&drv.vblk->vdev));
	while (drv.vblk->n_busy > 0)
		blk_turn(&drv, NULL, 0, true);
	cr_assert(vdev_drain(&drv.vblk->vdev));
	cr_assert_eq(overlay_file_read_header(config.layer_fd, &header, &err), 0);
	geometry = overlay_geometry(header.len, header.cluster_shift);
	cr_assert_eq(overlay_file_read_map(config.layer_fd, &geometry, map, &err), 0);
	cr_assert(overlay_map_get(map, 1));
	cr_assert_eq(overlay_map_count(map), 1);
}
