/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed ring lets pass what ring_ops.def lists, on registered files, and nothing else. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iouring-io/ring.h"
#include "iouring-io/ring_kernel.h"
#include "tests/support/faults.h"

#define OPS_MAX       256 /* an opcode is a byte */
#define REGISTERS_MAX 64
#define NS_LONG       UINT64_C(3600000000000)

static const bool is_allowed[OPS_MAX] = {
#define RING_OP(op, why) [IORING_OP_##op] = true,
#include "iouring-io/ring_ops.def"
#undef RING_OP
};

static struct ring *ring;
static struct err err;
static struct ring_tag tag;
static int32_t last;
static unsigned n_done;
static int fd, event;
static unsigned file, event_file;

static void complete(void *owner, struct ring_tag unused, int32_t result)
{
	(void)owner;
	(void)unused;
	last = result;
	n_done++;
}

static bool turn(void *owner)
{
	(void)owner;
	return false;
}

static const struct ring_owner_ops owner_ops = {complete, turn};

static void set_up(void)
{
	fd = memfd_create("file", 0);
	event = eventfd(1, 0);
	cr_assert_eq(ftruncate(fd, 8), 0);
	cr_assert_eq(ring_new(&ring, &err), 0);
	cr_assert_eq(ring_add_owner(ring, &owner_ops, NULL, 8, &tag.owner), 0);
	cr_assert_eq(ring_add_file(ring, fd, &file), 0);
	cr_assert_eq(ring_add_file(ring, event, &event_file), 0);
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_turn(ring, true), 0);
}

TestSuite(ring_ops, .init = set_up, .timeout = 20);

/* What the ring says to a submission that was not made by ring.c. */
static int32_t answer(struct io_uring *uring, const struct io_uring_sqe *wanted)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring);
	struct ring_done done;
	int ret;

	cr_assert(sqe != NULL);
	*sqe = *wanted;
	ret = ring_kernel_enter(uring, 1);
	cr_assert_eq(ret, 1, "%d", ret);
	while (ring_kernel_reap(uring, &done, 1) == 0)
		cr_assert_eq(ring_kernel_enter(uring, 1), 0);
	return done.result;
}

/* The highest opcode that this kernel has. */
static unsigned last_op(void)
{
	struct io_uring_probe *probe = io_uring_get_probe();
	unsigned last_one = probe->last_op;

	cr_assert_geq(last_one, IORING_OP_SEND_ZC);
	io_uring_free_probe(probe);
	return last_one;
}

Test(ring_ops, every_other_opcode_is_refused)
{
	unsigned n_refused = 0;

	for (unsigned op = 0; op < OPS_MAX; op++) {
		const struct io_uring_sqe sqe = {.opcode = (uint8_t)op, .flags = IOSQE_FIXED_FILE};

		if (is_allowed[op])
			continue;
		cr_assert_eq(answer(faults_uring(), &sqe), op <= last_op() ? -EACCES : -EINVAL,
			     "opcode %u", op);
		n_refused += op <= last_op();
	}
	cr_assert_geq(n_refused, 40u);
}

/* The control of the above: it is the restriction that refuses. */
Test(ring_ops, without_a_restriction_they_are_not_forbidden)
{
	struct io_uring uring;

	cr_assert_eq(io_uring_queue_init(8, &uring, 0), 0);
	cr_assert_eq(io_uring_register_ring_fd(&uring), 1);
	for (unsigned op = 0; op <= last_op(); op++) {
		const struct io_uring_sqe sqe = {.opcode = (uint8_t)op, .fd = -1};

		if (!is_allowed[op])
			cr_assert_neq(answer(&uring, &sqe), -EACCES, "opcode %u", op);
	}
}

Test(ring_ops, on_any_descriptor_is_refused)
{
	for (unsigned op = 0; op < OPS_MAX; op++) {
		const struct io_uring_sqe sqe = {.opcode = (uint8_t)op, .fd = fd};

		if (is_allowed[op])
			cr_assert_eq(answer(faults_uring(), &sqe), -EACCES, "opcode %u", op);
	}
}

Test(ring_ops, every_other_flag_is_refused)
{
	for (unsigned op = 0; op < OPS_MAX; op++)
		for (unsigned bit = 0; bit < 8; bit++) {
			const struct io_uring_sqe sqe = {
				.opcode = (uint8_t)op,
				.flags = (uint8_t)(IOSQE_FIXED_FILE | 1U << bit)};

			if (is_allowed[op] && 1U << bit != IOSQE_FIXED_FILE)
				cr_assert_lt(answer(faults_uring(), &sqe), 0, "opcode %u, flag %u",
					     op, bit);
		}
}

/* But that a place of a file gets another one. */
Test(ring_ops, nothing_can_be_registered_any_more)
{
	int ring_fd = faults_uring()->ring_fd;
	unsigned n_refused = 0;

	for (unsigned op = 0; op < REGISTERS_MAX; op++) {
		int ret = io_uring_register((unsigned)ring_fd, op, NULL, 0);

		if (op == IORING_REGISTER_FILES_UPDATE)
			continue;
		cr_assert(ret == -EACCES || ret == -EINVAL, "%u: %d", op, ret);
		n_refused += ret == -EACCES;
	}
	cr_assert_geq(n_refused, IORING_REGISTER_LAST - 4u);
	cr_assert_eq(ring_swap_file(ring, file, fd), 0);
}

static void await(int32_t result)
{
	unsigned n = n_done;

	while (n_done == n)
		cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(last, result);
}

static uint64_t value;
static struct iovec iov = {&value, 8};

static void try_readv(void)
{
	ring_readv(ring, tag, &(struct ring_io){.file = file, .iov = &iov, .n_iov = 1});
	await(8);
}

static void try_writev(void)
{
	ring_writev(ring, tag, &(struct ring_io){.file = file, .iov = &iov, .n_iov = 1});
	await(8);
}

static void try_read(void)
{
	ring_read(ring, tag, event_file, &value, sizeof(value));
	await(8);
}

static void try_fsync(void)
{
	ring_fsync(ring, tag, file);
	await(0);
}

static void try_fallocate(void)
{
	ring_fallocate(ring, tag, file, FALLOC_FL_KEEP_SIZE, 0, 4096);
	await(0);
}

static void try_poll(void)
{
	ring_poll(ring, tag, event_file, POLLOUT);
	await(POLLOUT);
}

static void try_timeout(void)
{
	ring_timeout(ring, tag, 1);
	await(-ETIME);
}

static void try_cancel(void)
{
	ring_timeout(ring, tag, NS_LONG);
	ring_cancel(ring, tag);
	await(-ECANCELED);
}

Test(ring_ops, all_that_are_listed_work)
{
	static void (*const tries[OPS_MAX])(void) = {
		[IORING_OP_READV] = try_readv,         [IORING_OP_WRITEV] = try_writev,
		[IORING_OP_READ] = try_read,           [IORING_OP_FSYNC] = try_fsync,
		[IORING_OP_FALLOCATE] = try_fallocate, [IORING_OP_POLL_ADD] = try_poll,
		[IORING_OP_TIMEOUT] = try_timeout,     [IORING_OP_ASYNC_CANCEL] = try_cancel,
	};

	for (unsigned op = 0; op < OPS_MAX; op++) {
		cr_assert_eq(tries[op] != NULL, is_allowed[op], "opcode %u", op);
		if (is_allowed[op])
			tries[op]();
	}
}
