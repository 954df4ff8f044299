/* SPDX-License-Identifier: Apache-2.0 */
/* What a ring makes of a kernel that fails, and of one that has no io_uring for us. */
#include "tests/support/faults.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "iouring-io/ring.h"

#define N_OPS 512

static struct ring *ring;
static struct err err;
static uint16_t id;
static unsigned n_done;
static int32_t results[N_OPS]; /* by index */

static void complete(void *owner, struct ring_tag tag, int32_t result)
{
	(void)owner;
	results[tag.index] = result;
	n_done++;
}

static bool turn(void *owner)
{
	(void)owner;
	return false;
}

static const struct ring_owner_ops ops = {complete, turn};

static struct ring_tag tag_of(uint32_t index)
{
	return (struct ring_tag){.owner = id, .index = index};
}

static struct ring_io io;
static char bytes[8];
static struct iovec iov[] = {{bytes, 3}, {bytes + 3, 5}};
static int fd;

static void set_up(void)
{
	memset(results, -1, sizeof(results));
	fd = memfd_create("file", 0);
	cr_assert_eq(write(fd, "abcdefgh", 8), 8);
	cr_assert_eq(ring_new(&ring, &err), 0);
	cr_assert_eq(ring_add_owner(ring, &ops, NULL, N_OPS, &id), 0);
	cr_assert_eq(ring_add_file(ring, fd, &io.file), 0);
	io.iov = iov;
	io.n_iov = 2;
}

static void start(void)
{
	set_up();
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_turn(ring, true), 0);
}

TestSuite(ring_faults, .init = start, .timeout = 20);
TestSuite(ring_refused, .init = set_up, .timeout = 20);

static void await(unsigned n)
{
	while (n_done < n)
		cr_assert_eq(ring_turn(ring, true), 0);
}

Test(ring_faults, the_nth_of_its_kind_fails_and_is_not_made)
{
	faults_add(&(struct fault){
		.op = IORING_OP_WRITEV, .nth = 2, .kind = FAULT_ERROR, .value = ENOSPC});
	memcpy(bytes, "ABCDEFGH", 8);
	for (unsigned i = 0; i < 3; i++) {
		io.offset = UINT64_C(8) * i;
		ring_readv(ring, tag_of(N_OPS - 1), &io);
		await(2 * i + 1);
		ring_writev(ring, tag_of(i), &io);
		await(2 * i + 2);
	}
	cr_assert_eq(results[0], 8);
	cr_assert_eq(results[1], -ENOSPC);
	cr_assert_eq(results[2], 8);
	cr_assert_eq(pread(fd, bytes, 8, 8), 8);
	cr_assert_eq(memcmp(bytes, "\0\0\0\0\0\0\0\0", 8), 0);
}

Test(ring_faults, every_one_of_its_kind_fails)
{
	faults_add(&(struct fault){.op = IORING_OP_FSYNC, .kind = FAULT_ERROR, .value = EIO});
	for (unsigned i = 0; i < 3; i++)
		ring_fsync(ring, tag_of(i), io.file);
	ring_readv(ring, tag_of(3), &io);
	await(4);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(results[i], -EIO);
	cr_assert_eq(results[3], 8);
}

Test(ring_faults, is_done_in_part)
{
	faults_add(
		&(struct fault){.op = IORING_OP_READV, .nth = 1, .kind = FAULT_SHORT, .value = 4});
	ring_readv(ring, tag_of(0), &io);
	await(1);
	cr_assert_eq(results[0], 4);
	cr_assert_eq(memcmp(bytes, "abcd\0\0\0\0", 8), 0);
	ring_readv(ring, tag_of(1), &io);
	await(2);
	cr_assert_eq(results[1], 8);
}

Test(ring_faults, comes_late_and_out_of_order)
{
	faults_add(
		&(struct fault){.op = IORING_OP_TIMEOUT, .nth = 1, .kind = FAULT_LATE, .value = 5});
	ring_timeout(ring, tag_of(0), 0);
	await(0);
	while (faults_counts().n_enters < 4)
		cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_done, 0u);
	ring_timeout(ring, tag_of(1), 0);
	await(1);
	cr_assert_eq(results[0], -1);
	cr_assert_eq(results[1], -ETIME);
	await(2);
	cr_assert_eq(results[0], -ETIME);
}

Test(ring_faults, never_ends_and_cannot_be_cancelled)
{
	faults_add(&(struct fault){
		.op = IORING_OP_READV, .nth = 1, .kind = FAULT_NEVER, .value = -EIO});
	ring_readv(ring, tag_of(0), &io);
	ring_cancel(ring, tag_of(0));
	ring_readv(ring, tag_of(1), &io);
	await(1);
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_done, 1u);
	cr_assert_eq(results[1], 8);
	faults_release();
	await(2);
	cr_assert_eq(results[0], -EIO);
}

/* A signal, no memory, a full queue: nothing is lost, and nobody is told. */
Test(ring_faults, goes_on_after_what_passes)
{
	static const int passing[] = {EINTR, EAGAIN, EBUSY};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned nth = 1; nth <= 2; nth++) {
			n_done = 0;
			faults_fail_enter(nth, passing[i]);
			ring_timeout(ring, tag_of(0), 0);
			cr_assert_eq(ring_turn(ring, false), 0);
			ring_timeout(ring, tag_of(1), 0);
			await(2);
		}
}

Test(ring_faults, goes_on_after_it_in_the_middle_of_a_turn)
{
	faults_fail_enter(1, EAGAIN);
	for (unsigned i = 0; i < 300; i++)
		ring_timeout(ring, tag_of(i), 0);
	await(300);
	faults_fail_enter(1, EINTR);
	ring_timeout(ring, tag_of(0), 0);
	cr_assert_eq(ring_swap_file(ring, io.file, fd), 0);
	await(301);
}

Test(ring_faults, ends_with_what_does_not_pass)
{
	faults_fail_enter(1, EBADR);
	cr_assert_eq(ring_turn(ring, true), -EBADR);
	faults_fail_enter(1, EFAULT);
	cr_assert_eq(ring_run(ring), -EFAULT);
	faults_fail_enter(1, ENXIO);
	ring_timeout(ring, tag_of(0), 0);
	cr_assert_eq(ring_swap_file(ring, io.file, fd), -ENXIO);
}

/* What is asked of it until the end of the turn does no harm. */
Test(ring_faults, ends_with_it_in_the_middle_of_a_turn)
{
	for (unsigned i = 0; i < 256; i++)
		ring_timeout(ring, tag_of(i), 0);
	faults_fail_enter(1, ENXIO);
	ring_timeout(ring, tag_of(256), 0);
	ring_readv(ring, tag_of(257), &io);
	ring_cancel(ring, tag_of(257));
	cr_assert_eq(ring_turn(ring, false), -ENXIO);
}

Test(ring_refused, says_who_forbids_it)
{
	faults_refuse_setup(0, EPERM);
	cr_assert_eq(ring_seal(ring, &err), -EPERM);
	cr_assert_eq(err.status, EXIT_STATUS_HOST);
	cr_assert_str_eq(
		err.text,
		"io_uring is forbidden here, by the sysctl kernel.io_uring_disabled or a "
		"container's filter; a microVM's devices need it: Operation not permitted");
	faults_refuse_setup(0, ENOSYS);
	cr_assert_eq(ring_seal(ring, &err), -ENOSYS);
	cr_assert_eq(err.status, EXIT_STATUS_HOST);
	cr_assert_str_eq(
		err.text,
		"this kernel has no io_uring, or a container's filter hides it; a microVM's "
		"devices need it: Function not implemented");
	faults_refuse_setup(0, ENOMEM);
	cr_assert_eq(ring_seal(ring, &err), -ENOMEM);
	cr_assert_str_eq(err.text,
			 "io_uring: the limit of locked memory (ulimit -l) is counted over "
			 "all rings of a user: Cannot allocate memory");
	faults_refuse_setup(0, ENFILE);
	cr_assert_eq(ring_seal(ring, &err), -ENFILE);
	cr_assert_str_eq(err.text, "io_uring: Too many open files in system");
	faults_refuse_setup(0, 0);
	cr_assert_eq(ring_seal(ring, &err), 0);
}

/* As a container engine's does. */
Test(ring_refused, by_a_filter_in_earnest)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0) <
			    0 ||
		    seccomp_load(filter) < 0)
			_exit(99);
		_exit(ring_seal(ring, &err) == -EPERM && err.status == EXIT_STATUS_HOST ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}
