/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of a file and of memory: both answer alike, but for what only a kernel can do wrong. */
#include "iouring-io/block_raw.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "iouring-io/block_memory.h"
#include "tests/support/block_fixture.h"
#include "tests/support/faults.h"

#define LEN 65536

static struct block_raw raw;
static struct block_memory memory;
static uint8_t bytes[LEN], seen[LEN], zeros[LEN];
static int fd;

static void start_raw(int direct_fd)
{
	const struct block_raw_config config = {
		.fd = fd, .direct_fd = direct_fd, .memory_align = 512, .offset_align = 512};

	raw.block = host_init();
	block = &raw.block;
	cr_assert_eq(block_raw_init(&raw, &config), 0);
	host_start();
}

static void set_up(void)
{
	fd = host_file(LEN, 1);
	host_fill(bytes, LEN, 77);
}

TestSuite(block_raw, .init = set_up, .fini = host_done, .timeout = 20);

static void start(bool in_memory)
{
	if (!in_memory) {
		start_raw(-1);
		return;
	}
	memory.block = host_init();
	block = &memory.block;
	cr_assert_eq(block_memory_init(&memory, LEN), 0);
	host_start();
	host_fill(seen, LEN, 1);
	cr_assert_eq(host_do(BLOCK_WRITE, 0, seen, LEN), 0);
}

static void reads(uint64_t offset, const void *wanted, uint64_t len)
{
	memset(seen, 0xee, sizeof(seen));
	cr_assert_eq(host_do(BLOCK_READ, offset, seen, len), 0);
	cr_assert_eq(memcmp(seen, wanted, len), 0);
}

static void check_kinds(bool in_memory)
{
	uint8_t old[LEN];

	host_fill(old, LEN, 1);
	start(in_memory);
	reads(0, old, LEN);
	host_submit(1, BLOCK_WRITE, 4096, bytes, 8192, 5);
	host_await(1);
	cr_assert_eq(results[1], 0);
	reads(4096, bytes, 8192);
	reads(0, old, 4096);
	reads(12288, old + 12288, LEN - 12288);
	cr_assert_eq(host_do(BLOCK_ZERO, 4608, NULL, 4096), 0);
	reads(4608, zeros, 4096);
	reads(4096, bytes, 512);
	reads(8704, bytes + 4608, 512);
	cr_assert_eq(host_do(BLOCK_DISCARD, 16384, NULL, 8192), 0);
	reads(24576, old + 24576, 512);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
}

Test(block_raw, a_file_does_every_kind_of_request)
{
	check_kinds(false);
}

Test(block_raw, memory_does_every_kind_of_request)
{
	check_kinds(true);
	block_memory_done(&memory);
}

Test(block_raw, memory_gives_back_what_is_discarded)
{
	start(true);
	cr_assert_eq(host_do(BLOCK_DISCARD, 512, NULL, LEN - 1024), 0);
	reads(512, zeros, LEN - 1024);
	host_fill(bytes, LEN, 1);
	reads(0, bytes, 512);
	reads(LEN - 512, bytes + LEN - 512, 512);
}

static void short_by(uint8_t op, int value)
{
	const struct fault fault = {.op = op, .kind = FAULT_SHORT, .value = value};

	faults_add(&fault);
}

Test(block_raw, short_reads_and_writes_go_on_where_they_ended)
{
	start_raw(-1);
	short_by(IORING_OP_WRITEV, 1000);
	short_by(IORING_OP_READV, 700);
	host_submit(1, BLOCK_WRITE, 512, bytes, 8192, 4);
	host_await(1);
	cr_assert_eq(results[1], 0);
	host_submit(1, BLOCK_READ, 512, seen, 8192, 3);
	host_await(1);
	cr_assert_eq(results[1], 0);
	cr_assert_eq(memcmp(seen, bytes, 8192), 0);
	cr_assert_eq(faults_counts().n_made, 9 + 12);
}

static void fails(uint8_t op, unsigned nth, int error)
{
	const struct fault fault = {.op = op, .nth = nth, .kind = FAULT_ERROR, .value = error};

	faults_add(&fault);
}

Test(block_raw, what_the_kernel_wants_again_is_done_again)
{
	start_raw(-1);
	fails(IORING_OP_READV, 1, EINTR);
	fails(IORING_OP_READV, 2, EAGAIN);
	fails(IORING_OP_FSYNC, 1, EINTR);
	fails(IORING_OP_FALLOCATE, 1, EINTR);
	host_fill(bytes, LEN, 1);
	reads(0, bytes, LEN);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	cr_assert_eq(host_do(BLOCK_ZERO, 0, NULL, 4096), 0);
}

Test(block_raw, but_not_for_ever)
{
	start_raw(-1);
	fails(IORING_OP_READV, 0, EAGAIN);
	cr_assert_eq(host_do(BLOCK_READ, 0, seen, 512), -EAGAIN);
}

Test(block_raw, errors_are_told)
{
	start_raw(-1);
	fails(IORING_OP_READV, 1, EIO);
	fails(IORING_OP_WRITEV, 1, ENOSPC);
	fails(IORING_OP_FSYNC, 1, EIO);
	fails(IORING_OP_FALLOCATE, 1, EOPNOTSUPP);
	cr_assert_eq(host_do(BLOCK_READ, 0, seen, 512), -EIO);
	cr_assert_eq(host_do(BLOCK_WRITE, 0, seen, 512), -ENOSPC);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -EIO);
	cr_assert_eq(host_do(BLOCK_DISCARD, 0, NULL, 512), -EOPNOTSUPP);
	cr_assert_eq(host_do(BLOCK_READ, 0, seen, 512), 0);
}

/* What the next sync says nothing of is lost. */
Test(block_raw, no_flush_succeeds_after_a_sync_that_failed)
{
	int other = host_file(LEN, 9);

	start_raw(-1);
	fails(IORING_OP_FSYNC, 2, ENOSPC);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -ENOSPC);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -ENOSPC);
	cr_assert_eq(host_do(BLOCK_WRITE, 0, bytes, 512), 0);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), -ENOSPC);
	cr_assert_eq(block_raw_swap(&raw, other), 0);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
}

/* The kernel tells only one of two syncs at once that something is lost. */
Test(block_raw, there_is_one_sync_at_a_time)
{
	const struct fault late = {.op = IORING_OP_FSYNC, .nth = 1, .kind = FAULT_LATE, .value = 3};
	unsigned n;

	start_raw(-1);
	faults_add(&late);
	n = faults_counts().n_made;
	for (unsigned i = 0; i < 4; i++)
		host_submit(i, BLOCK_FLUSH, 0, NULL, 0, 1);
	host_turn();
	cr_assert_eq(faults_counts().n_made - n, 1);
	for (unsigned i = 0; i < 4; i++) {
		host_await(i);
		cr_assert_eq(results[i], 0);
	}
	/* One for the first, and one for all that came meanwhile. */
	cr_assert_eq(faults_counts().n_made - n, 2);
}

Test(block_raw, flushes_that_wait_for_one_that_fails_fail)
{
	start_raw(-1);
	fails(IORING_OP_FSYNC, 1, EIO);
	for (unsigned i = 0; i < 3; i++)
		host_submit(i, BLOCK_FLUSH, 0, NULL, 0, 1);
	for (unsigned i = 0; i < 3; i++) {
		host_await(i);
		cr_assert_eq(results[i], -EIO);
	}
}

Test(block_raw, a_file_that_was_cut_off_is_an_error_and_not_zeros)
{
	start_raw(-1);
	cr_assert_eq(ftruncate(fd, 1024), 0);
	cr_assert_eq(host_do(BLOCK_READ, 512, seen, 1024), -EIO);
	cr_assert_eq(host_do(BLOCK_READ, 512, seen, 512), 0);
}

/* What goes through the descriptor with O_DIRECT is seen by its being another file. */
Test(block_raw, direct_is_for_what_is_aligned)
{
	static _Alignas(4096) uint8_t aligned[4096];
	int other = host_file(LEN, 33);

	start_raw(other);
	cr_assert_eq(host_do(BLOCK_READ, 512, aligned, 1024), 0);
	cr_assert_eq(pread(other, seen, 1024, 512), 1024);
	cr_assert_eq(memcmp(aligned, seen, 1024), 0);
	cr_assert_eq(host_do(BLOCK_READ, 512, aligned + 1, 1024), 0);
	cr_assert_eq(pread(fd, seen, 1024, 512), 1024);
	cr_assert_eq(memcmp(aligned + 1, seen, 1024), 0);
	cr_assert_eq(host_do(BLOCK_READ, 256, aligned, 1024), 0);
	cr_assert_eq(pread(fd, seen, 1024, 256), 1024);
	cr_assert_eq(memcmp(aligned, seen, 1024), 0);
	/* Two buffers: the length of the first counts, too. */
	cr_assert_eq(host_do(BLOCK_READ, 512, aligned, 256), 0);
	cr_assert_eq(pread(fd, seen, 256, 512), 256);
	cr_assert_eq(memcmp(aligned, seen, 256), 0);
}

Test(block_raw, an_empty_place_fails_until_it_has_a_file)
{
	int other = host_file(LEN, 9);

	fd = -1;
	start_raw(-1);
	cr_assert_eq(host_do(BLOCK_READ, 0, seen, 512), -EIO);
	cr_assert_eq(host_do(BLOCK_WRITE, 0, seen, 512), -EIO);
	cr_assert_eq(host_do(BLOCK_FLUSH, 0, NULL, 0), 0);
	cr_assert_eq(block_raw_swap(&raw, other), 0);
	host_fill(bytes, LEN, 9);
	reads(0, bytes, LEN);
}
