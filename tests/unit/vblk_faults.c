/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk, on its transport, whose host fails: what the driver is told, that nothing hangs, and that a
 * reset ends when the host has let go of the guest's memory, and not before.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "tests/support/block_fixture.h"
#include "tests/support/faults.h"
#include "tests/support/rig.h"
#include "virtio-mmio/vblk.h"

#define LEN       (UINT64_C(1) << 20)
#define N         16 /* requests at once: the rig's queue */
#define DATA_LEN  UINT64_C(0x10000)
#define DATA      (RIG_BUFFERS + 0x1000)
#define FEATURES  (FAKEDRV_FEATURES | UINT64_C(1) << VIRTIO_BLK_F_FLUSH)
#define NO_STATUS 0xff /* that no device writes */

static struct rig rig;
static struct vblk *vblk;
static struct vblk_config config;
static int file_fd, layer_fd;
static uint8_t content[LEN];

static void start(bool has_layer)
{
	file_fd = host_file(LEN, 1);
	layer_fd = has_layer ? memfd_create("layer", 0) : -1;
	host_fill(content, LEN, 1);
	config.kind = has_layer ? VBLK_OVERLAY : VBLK_FILE;
	config.len = LEN;
	config.sector = 512;
	config.n_queues = 1;
	config.file = (struct block_raw_config){.fd = file_fd, .direct_fd = -1};
	config.layer_fd = layer_fd;
	vblk = calloc(1, sizeof(*vblk));
	rig_init(&rig);
	cr_assert_eq(vblk_init(vblk, &rig.mem, rig.ring, &config, &err), 0, "%s", err.text);
	rig_plug_in(&rig, &vblk->vdev);
	rig.patience = 5;
	rig_start(&rig, FEATURES);
}

static void tear_down(void)
{
	rig_done(&rig);
	vblk_done(vblk);
	free(vblk);
}

TestSuite(vblk_faults, .fini = tear_down, .timeout = 60);

static void add_fault(uint8_t op, unsigned nth, enum fault_kind kind, int value)
{
	const struct fault fault = {.op = op, .nth = nth, .kind = kind, .value = value};

	faults_add(&fault);
}

/* Requests: each has its place for header, data and status. */

static uint8_t *header_of(unsigned i)
{
	return fakedrv_hva(&rig.queues[0], RIG_BUFFERS + UINT64_C(64) * i, 64);
}

static uint8_t *data_of(unsigned i)
{
	return fakedrv_hva(&rig.queues[0], DATA + DATA_LEN * i, DATA_LEN);
}

static uint8_t status_of(unsigned i)
{
	return header_of(i)[16];
}

static void submit(unsigned i, uint32_t type, uint64_t sector, uint32_t len)
{
	uint64_t gpa = RIG_BUFFERS + UINT64_C(64) * i;
	const struct fakedrv_part parts[] = {
		{.gpa = gpa, .len = 16},
		{.gpa = DATA + DATA_LEN * i, .len = len, .in = type == VIRTIO_BLK_T_IN},
		{.gpa = gpa + 16, .len = 1, .in = true}};
	const struct fakedrv_part without[] = {parts[0], parts[2]};

	le32_put(header_of(i), type);
	le64_put(header_of(i) + 8, sector);
	header_of(i)[16] = NO_STATUS;
	cr_assert_geq(
		fakedrv_add_indirect(&rig.queues[0], len > 0 ? parts : without, len > 0 ? 3 : 2),
		0);
	rig_publish(&rig, 0);
}

static uint8_t do_request(uint32_t type, uint64_t sector, uint32_t len)
{
	struct vring_used_elem used;

	submit(0, type, sector, len);
	used = rig_await(&rig, 0);
	cr_assert_eq(used.len, 1 + (type == VIRTIO_BLK_T_IN && status_of(0) == 0 ? len : 0));
	return status_of(0);
}

/* Discards and zeroes a cluster that is in the layer, if there is one. */
static uint8_t do_range(uint32_t type)
{
	le64_put(data_of(0), 0);
	le32_put(data_of(0) + 8, 8);
	le32_put(data_of(0) + 12, 0);
	return do_request(type, 0, 16);
}

static uint8_t do_any(uint32_t type)
{
	switch (type) {
	case VIRTIO_BLK_T_FLUSH:
		return do_request(type, 0, 0);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_range(type);
	default:
		return do_request(type, 0, 4096);
	}
}

static const struct {
	uint32_t type;
	uint8_t op;
	bool later_succeeds;
} kinds[] = {
	{VIRTIO_BLK_T_IN, IORING_OP_READV, true},
	{VIRTIO_BLK_T_OUT, IORING_OP_WRITEV, true},
	{VIRTIO_BLK_T_DISCARD, IORING_OP_FALLOCATE, true},
	{VIRTIO_BLK_T_WRITE_ZEROES, IORING_OP_FALLOCATE, true},
	{VIRTIO_BLK_T_FLUSH, IORING_OP_FSYNC, false},
};

/* Errors. */

static void check_errors(bool has_layer)
{
	static const int errors[] = {EIO, ENOSPC, EDQUOT, ENOMEM, EBADF, EFBIG};

	start(has_layer);
	/* A cluster in the layer, and no map to write. */
	cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	cr_assert_eq(do_any(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t k = 0; k < ARRAY_LEN(errors); k++) {
			add_fault(kinds[i].op, 1, FAULT_ERROR, errors[k]);
			cr_assert_eq(do_any(kinds[i].type), VIRTIO_BLK_S_IOERR, "%u: %d",
				     kinds[i].type, errors[k]);
			cr_assert_eq(do_any(kinds[i].type), kinds[i].later_succeeds
								    ? VIRTIO_BLK_S_OK
								    : VIRTIO_BLK_S_IOERR);
		}
	cr_assert_eq(do_any(VIRTIO_BLK_T_IN), VIRTIO_BLK_S_OK);
	cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
}

Test(vblk_faults, of_a_file_are_errors_of_the_request)
{
	check_errors(false);
}

Test(vblk_faults, of_a_layer_are_errors_of_the_request)
{
	check_errors(true);
}

/* What passes is not told; what does not pass ends, too. */
static void check_again(bool has_layer)
{
	start(has_layer);
	for (unsigned nth = 1; nth < 36; nth += 2) {
		add_fault(IORING_OP_READV, nth, FAULT_ERROR, nth % 4 == 1 ? EINTR : EAGAIN);
		add_fault(IORING_OP_WRITEV, nth, FAULT_ERROR, nth % 4 == 1 ? EAGAIN : EINTR);
		add_fault(IORING_OP_FSYNC, nth, FAULT_ERROR, EINTR);
	}
	for (unsigned round = 0; round < 5; round++)
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			cr_assert_eq(do_any(kinds[i].type), VIRTIO_BLK_S_OK);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		add_fault(kinds[i].op, 0, FAULT_ERROR, i % 2 == 0 ? EAGAIN : EINTR);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		cr_assert_eq(do_any(kinds[i].type), VIRTIO_BLK_S_IOERR);
}

Test(vblk_faults, that_pass_are_not_told_of_a_file)
{
	check_again(false);
}

Test(vblk_faults, that_pass_are_not_told_of_a_layer)
{
	check_again(true);
}

static void check_short(bool has_layer)
{
	start(has_layer);
	add_fault(IORING_OP_READV, 0, FAULT_SHORT, 1536);
	add_fault(IORING_OP_WRITEV, 0, FAULT_SHORT, 1024);
	host_fill(data_of(0), 20480, 77);
	host_fill(content + 2560, 20480, 77);
	cr_assert_eq(do_request(VIRTIO_BLK_T_OUT, 5, 20480), VIRTIO_BLK_S_OK);
	cr_assert_eq(do_request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	memset(data_of(0), 0, DATA_LEN);
	cr_assert_eq(do_request(VIRTIO_BLK_T_IN, 0, 32768), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(data_of(0), content, 32768), 0);
}

Test(vblk_faults, in_part_are_gone_on_with_in_a_file)
{
	check_short(false);
}

Test(vblk_faults, in_part_are_gone_on_with_in_a_layer)
{
	check_short(true);
}

/* Each has its own answer, once. */
static void await_all(void)
{
	struct vring_used_elem used;
	bool seen[N] = {false};

	for (unsigned i = 0; i < N; i++) {
		used = rig_await(&rig, 0);
		cr_assert_lt(used.id, N);
		cr_assert_not(seen[used.id], "answered twice");
		seen[used.id] = true;
	}
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(status_of(i), VIRTIO_BLK_S_OK);
		cr_assert_eq(memcmp(data_of(i), content + UINT64_C(4096) * i, 4096), 0, "%u", i);
	}
	rig_turn(&rig, false);
	cr_assert_not(fakedrv_collect(&rig.queues[0], &used));
}

static void check_late(bool has_layer)
{
	start(has_layer);
	for (unsigned nth = 1; nth <= N; nth++)
		add_fault(IORING_OP_READV, nth, FAULT_LATE, (int)(nth * 7 % N));
	for (unsigned i = 0; i < N; i++)
		submit(i, VIRTIO_BLK_T_IN, UINT64_C(8) * i, 4096);
	await_all();
}

Test(vblk_faults, that_are_late_are_waited_for_of_a_file)
{
	check_late(false);
}

Test(vblk_faults, that_are_late_are_waited_for_of_a_layer)
{
	check_late(true);
}

/* As many completions at once as the disk and its doorbell can have. */
Test(vblk_faults, that_all_end_at_once_have_room)
{
	start(false);
	cr_assert_geq(faults_uring()->cq.ring_entries, vblk->vdev.n_ops + vblk->vdev.n_queues);
	for (unsigned i = 0; i < N; i++)
		submit(i, VIRTIO_BLK_T_IN, UINT64_C(8) * i, 4096);
	while (vblk->n_busy < N)
		cr_assert_eq(ring_turn(rig.ring, true), 0);
	faults_hoard(N);
	await_all();
}

/* Files that are cut off under the guest. */

static uint32_t status(void)
{
	return rig_read(&rig, VIRTIO_MMIO_STATUS);
}

static void await_reset(void)
{
	while (status() != 0)
		cr_assert_eq(ring_turn(rig.ring, true), 0);
}

static void reset(void)
{
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	await_reset();
}

static void check_cut_off(bool has_layer, const int *fd, uint64_t len)
{
	start(has_layer);
	cr_assert_eq(do_request(VIRTIO_BLK_T_OUT, 1024, 4096), VIRTIO_BLK_S_OK);
	cr_assert_eq(do_request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
	cr_assert_eq(ftruncate(*fd, (off_t)len), 0);
	cr_assert_eq(do_request(VIRTIO_BLK_T_IN, *fd == layer_fd ? 1024 : 1020, 4096),
		     VIRTIO_BLK_S_IOERR);
	cr_assert_eq(do_request(VIRTIO_BLK_T_IN, 0, 4096), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(data_of(0), content, 4096), 0);
	reset();
}

Test(vblk_faults, a_file_that_is_cut_off)
{
	check_cut_off(false, &file_fd, 8192);
}

Test(vblk_faults, a_base_that_is_cut_off)
{
	check_cut_off(true, &file_fd, 8192);
}

Test(vblk_faults, a_layer_that_is_cut_off)
{
	check_cut_off(true, &layer_fd, 12288);
}

/* Resets. */

static uint8_t memory[RIG_MEMORY];

/* From now on the guest's memory is its own again. */
static void nothing_more_is_written(void)
{
	const uint8_t *ram = mem_get(&rig.mem, 0, RIG_MEMORY);

	memcpy(memory, ram, RIG_MEMORY);
	for (unsigned i = 0; i < 20; i++)
		rig_turn(&rig, false);
	cr_assert_eq(memcmp(memory, ram, RIG_MEMORY), 0, "written after the reset");
}

/* The driver does not get it reset, whatever it tries, until the host lets go. */
static void reset_in_vain(void)
{
	for (unsigned i = 0; i < 3; i++) {
		rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
		cr_assert_neq(status(), 0);
		rig_write(&rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
		cr_assert_neq(status() & VIRTIO_CONFIG_S_DRIVER_OK, 0);
		rig_write(&rig, VIRTIO_MMIO_QUEUE_SEL, 0);
		rig_write(&rig, VIRTIO_MMIO_QUEUE_READY, 0);
		cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_QUEUE_READY), 1);
	}
}

static void comes_back(void)
{
	faults_release();
	await_reset();
	cr_assert_eq(vblk->n_busy, 0);
	nothing_more_is_written();
	rig_start(&rig, FEATURES);
	memset(data_of(0), 0, DATA_LEN);
	cr_assert_eq(do_request(VIRTIO_BLK_T_IN, 512, 4096), VIRTIO_BLK_S_OK);
	cr_assert_eq(memcmp(data_of(0), content + LEN / 4, 4096), 0);
	cr_assert_eq(do_request(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
}

static void check_reset(bool has_layer)
{
	start(has_layer);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		/* What it says when it ends at last: all of it is done. */
		bool moves = kinds[i].op == IORING_OP_READV || kinds[i].op == IORING_OP_WRITEV;
		uint32_t len = moves ? 4096 : 16;

		cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
		add_fault(kinds[i].op, 1, FAULT_NEVER, moves ? 4096 : 0);
		le64_put(data_of(0), 0);
		le32_put(data_of(0) + 8, 8);
		le32_put(data_of(0) + 12, 0);
		submit(0, kinds[i].type, 0, kinds[i].type == VIRTIO_BLK_T_FLUSH ? 0 : len);
		rig_turn(&rig, false);
		cr_assert_eq(vblk->n_busy, 1);
		reset_in_vain();
		comes_back();
	}
}

Test(vblk_faults, that_never_end_hold_up_the_reset_of_a_file)
{
	check_reset(false);
}

Test(vblk_faults, that_never_end_hold_up_the_reset_of_a_layer)
{
	check_reset(true);
}

/* The sync is our own: the map of what no driver flushed. */
Test(vblk_faults, that_never_end_hold_up_the_flush_of_a_reset)
{
	start(true);
	cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	add_fault(IORING_OP_FSYNC, 1, FAULT_NEVER, 0);
	reset_in_vain();
	comes_back();
}

/* The kernel writes into memory long before it says so. */
Test(vblk_faults, that_are_late_hold_up_a_reset)
{
	start(false);
	add_fault(IORING_OP_READV, 1, FAULT_LATE, 500);
	submit(0, VIRTIO_BLK_T_IN, 0, 4096);
	rig_turn(&rig, false);
	reset_in_vain();
	comes_back();
}

/* No error of the host's makes a reset fail, and no driver that comes later is told a lie. */
Test(vblk_faults, a_reset_does_not_heal_a_sync_that_failed)
{
	start(true);
	cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	add_fault(IORING_OP_FSYNC, 1, FAULT_ERROR, EIO);
	reset();
	rig_start(&rig, FEATURES);
	cr_assert_eq(do_any(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_IOERR);
	cr_assert_eq(do_any(VIRTIO_BLK_T_OUT), VIRTIO_BLK_S_OK);
	reset();
}

/* A limit holds one back, the host another: the reset waits for the host only. */
Test(vblk_faults, a_timer_of_a_limit_ends_in_another_drivers_time)
{
	config.ops = (struct throttle_config){.size = 2, .refill_ns = 20000000};
	start(false);
	cr_assert_eq(do_request(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
	add_fault(IORING_OP_READV, 1, FAULT_NEVER, 512);
	for (unsigned i = 0; i < 4; i++)
		submit(i, VIRTIO_BLK_T_IN, 0, 512);
	rig_turn(&rig, false);
	cr_assert(vblk->timer_armed);
	reset_in_vain();
	faults_release();
	await_reset();
	nothing_more_is_written();
	while (vblk->timer_armed)
		cr_assert_eq(ring_turn(rig.ring, true), 0);
	nothing_more_is_written();
	rig_start(&rig, FEATURES);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(do_request(VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
}
