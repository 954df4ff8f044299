/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/faults.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "iouring-io/ring_kernel.h"

#define FAULTS_MAX 64
#define HELD_MAX   1024
#define ROOMS      256 /* as many as a ring submits at once */
#define ROOM_LEN   64

/* What nobody waits for: the tag of an owner that there is not. */
#define NOBODY UINT64_MAX

/* A completion that is kept from the ring. */
struct held {
	struct ring_done done;
	bool is_back;  /* the kernel has ended it, or never had it */
	bool is_never; /* until faults_release() */
	unsigned late; /* calls of io_uring_enter, from when it is back */
};

static struct {
	struct fault faults[FAULTS_MAX];
	unsigned n_seen[FAULTS_MAX];         /* operations of its kind since it was added */
	struct iovec rooms[ROOMS][ROOM_LEN]; /* for what is cut; taken in turn */
	unsigned n_cut;
	unsigned n_faults;
	struct held held[HELD_MAX];
	unsigned n_held;
	unsigned fail_enter_in;
	int enter_error;
	unsigned hoard;
	unsigned refused_flags;
	int setup_error;
	struct faults_counts counts;
	struct faults_watcher watcher;
	struct io_uring *uring;
} state;

int __real_ring_kernel_enter(struct io_uring *uring, unsigned n_wait);
int __wrap_ring_kernel_enter(struct io_uring *uring, unsigned n_wait);
unsigned __real_ring_kernel_reap(struct io_uring *uring, struct ring_done *ret_done, unsigned max);
unsigned __wrap_ring_kernel_reap(struct io_uring *uring, struct ring_done *ret_done, unsigned max);
int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *uring,
				      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *uring,
				      struct io_uring_params *params);

static void need_room(unsigned n, unsigned max)
{
	if (n < max)
		return;
	fprintf(stderr, "faults: no room for one more\n");
	abort();
}

void faults_add(const struct fault *fault)
{
	need_room(state.n_faults, FAULTS_MAX);
	state.n_seen[state.n_faults] = 0;
	state.faults[state.n_faults++] = *fault;
}

void faults_fail_enter(unsigned nth, int error)
{
	state.fail_enter_in = nth;
	state.enter_error = error;
}

void faults_hoard(unsigned n)
{
	state.hoard = n;
}

void faults_release(void)
{
	for (unsigned i = 0; i < state.n_held; i++)
		state.held[i].is_never = false;
}

void faults_refuse_setup(unsigned flags, int error)
{
	state.refused_flags = flags;
	state.setup_error = error;
}

struct faults_counts faults_counts(void)
{
	return state.counts;
}

struct io_uring *faults_uring(void)
{
	return state.uring;
}

void faults_watch(const struct faults_watcher *watcher)
{
	state.watcher = *watcher;
}

static void hold(const struct held *held)
{
	need_room(state.n_held, HELD_MAX);
	state.held[state.n_held++] = *held;
}

/* The operation becomes one that does nothing; the ring takes no notice of its completion. */
static void unmake(struct io_uring_sqe *sqe)
{
	io_uring_prep_cancel64(sqe, NOBODY, 0);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = NOBODY;
}

/* Only the first `len` bytes of it. */
static void cut(struct io_uring_sqe *sqe, size_t len)
{
	struct iovec *room = state.rooms[state.n_cut++ % ROOMS];
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;

	if (sqe->opcode == IORING_OP_READ && sqe->len > len)
		sqe->len = (unsigned)len;
	if (sqe->opcode != IORING_OP_READV && sqe->opcode != IORING_OP_WRITEV)
		return;
	need_room(sqe->len, ROOM_LEN + 1);
	for (unsigned i = 0; i < sqe->len; i++) {
		room[i] = iov[i];
		if (room[i].iov_len > len)
			room[i].iov_len = len;
		len -= room[i].iov_len;
	}
	sqe->addr = (uintptr_t)room;
}

static void strike(struct io_uring_sqe *sqe, unsigned i)
{
	const struct fault *fault = &state.faults[i];
	struct held held = {.done = {.user_data = sqe->user_data, .result = fault->value}};

	switch (fault->kind) {
	case FAULT_SHORT:
		cut(sqe, (size_t)fault->value);
		return;
	case FAULT_LATE:
		held.late = (unsigned)fault->value;
		break;
	case FAULT_ERROR:
		held.done.result = -fault->value;
		held.is_back = true;
		unmake(sqe);
		break;
	case FAULT_NEVER:
		held.is_back = held.is_never = true;
		unmake(sqe);
		break;
	}
	hold(&held);
}

static void meet(struct io_uring_sqe *sqe)
{
	bool is_struck = false;
	uint8_t op = sqe->opcode;

	state.counts.n_made++;
	if (state.watcher.made != NULL)
		state.watcher.made(sqe);
	for (unsigned i = 0; i < state.n_faults; i++) {
		if (state.faults[i].op != op)
			continue;
		state.n_seen[i]++;
		if (is_struck ||
		    (state.faults[i].nth != 0 && state.faults[i].nth != state.n_seen[i]))
			continue;
		strike(sqe, i);
		is_struck = true;
	}
}

/* Nobody sleeps while something is on its way that the kernel does not know of. */
static bool may_sleep(void)
{
	for (unsigned i = 0; i < state.n_held; i++)
		if (state.held[i].is_back && !state.held[i].is_never)
			return false;
	return true;
}

int __wrap_ring_kernel_enter(struct io_uring *uring, unsigned n_wait)
{
	state.counts.n_enters++;
	state.counts.n_waits += n_wait;
	if (state.fail_enter_in > 0 && --state.fail_enter_in == 0)
		return -state.enter_error;
	/* What the kernel sees already was met before. */
	for (unsigned at = *uring->sq.ktail; at != uring->sq.sqe_tail; at++)
		meet(&uring->sq.sqes[at & uring->sq.ring_mask]);
	for (unsigned i = 0; i < state.n_held; i++)
		if (state.held[i].is_back && state.held[i].late > 0)
			state.held[i].late--;
	return __real_ring_kernel_enter(uring, may_sleep() ? n_wait : 0);
}

/* Keeps a completion that is to be late. */
static bool keep(const struct ring_done *done)
{
	for (unsigned i = 0; i < state.n_held; i++)
		if (!state.held[i].is_back && state.held[i].done.user_data == done->user_data) {
			state.held[i].done = *done;
			state.held[i].is_back = true;
			return true;
		}
	return false;
}

static bool is_ripe(const struct held *held)
{
	return held->is_back && !held->is_never && held->late == 0;
}

unsigned __wrap_ring_kernel_reap(struct io_uring *uring, struct ring_done *ret_done, unsigned max)
{
	unsigned n = 0, n_left = 0, n_real;

	if (io_uring_cq_ready(uring) < state.hoard)
		return 0;
	state.hoard = 0;
	for (unsigned i = 0; i < state.n_held; i++)
		if (n < max && is_ripe(&state.held[i]))
			ret_done[n++] = state.held[i].done;
		else
			state.held[n_left++] = state.held[i];
	state.n_held = n_left;
	n_real = __real_ring_kernel_reap(uring, ret_done + n, max - n);
	for (unsigned i = n, n_end = n + n_real; i < n_end; i++)
		if (!keep(&ret_done[i]))
			ret_done[n++] = ret_done[i];
	for (unsigned i = 0; i < n && state.watcher.done != NULL; i++)
		state.watcher.done(ret_done[i].user_data, ret_done[i].result);
	return n;
}

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *uring,
				      struct io_uring_params *params)
{
	bool is_refused = state.refused_flags == 0 || (params->flags & state.refused_flags) != 0;

	if (state.setup_error != 0 && is_refused)
		return -state.setup_error;
	state.uring = uring;
	return __real_io_uring_queue_init_params(entries, uring, params);
}
