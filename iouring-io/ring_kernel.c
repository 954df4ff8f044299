/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two queues that a ring shares with the kernel. liburing's own calls choose arguments as they
 * like; these are always the same, so that the loop's filter can ask for exactly them. [io_uring(7)]
 */
#include "iouring-io/ring_kernel.h"

#define ENTER_FLAGS (IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING)

int ring_kernel_enter(struct io_uring *uring, unsigned n_wait)
{
	unsigned n = ring_n_queued(uring);

	/* The kernel reads the submissions once it sees the tail. */
	io_uring_smp_store_release(uring->sq.ktail, uring->sq.sqe_tail);
	return io_uring_enter((unsigned)uring->enter_ring_fd, n, n_wait, ENTER_FLAGS, NULL);
}

unsigned ring_kernel_reap(struct io_uring *uring, struct ring_done *ret_done, unsigned max)
{
	unsigned head = *uring->cq.khead, n = io_uring_cq_ready(uring);

	if (n > max)
		n = max;
	for (unsigned i = 0; i < n; i++) {
		const struct io_uring_cqe *cqe = &uring->cq.cqes[(head + i) & uring->cq.ring_mask];

		ret_done[i] = (struct ring_done){cqe->user_data, cqe->res};
	}
	io_uring_cq_advance(uring, n);
	return n;
}
