/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_kernel.h - a ring's way to the kernel and back. The loop's thread. It is a file of its own, so
 * that tests can put themselves between (tests/support/faults.h).
 */
#ifndef MAYFLY_IOURING_RING_KERNEL_H
#define MAYFLY_IOURING_RING_KERNEL_H

#include <liburing.h>

#include "base/scope.h"

/* A completion. */
struct ring_done {
	uint64_t user_data;
	int32_t result;
};

/*
 * Submits all that is queued, and waits for `n_wait` completions (0 or 1). Returns how many were
 * submitted, or -errno.
 */
MUST_CHECK int ring_kernel_enter(struct io_uring *uring, unsigned n_wait);

/* Takes up to `max` completions; returns how many. */
MUST_CHECK unsigned ring_kernel_reap(struct io_uring *uring, struct ring_done *ret_done,
				     unsigned max);

/* How many submissions are queued. */
static inline unsigned ring_n_queued(const struct io_uring *uring)
{
	return uring->sq.sqe_tail - io_uring_smp_load_acquire(uring->sq.khead);
}

#endif
