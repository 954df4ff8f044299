/* SPDX-License-Identifier: Apache-2.0 */
/* ring_priv.h - what a ring is made of, for ring.c and ring_setup.c. */
#ifndef MAYFLY_IOURING_RING_PRIV_H
#define MAYFLY_IOURING_RING_PRIV_H

#include "iouring-io/ring.h"
#include "iouring-io/ring_kernel.h"

/* Few, because every place of the queue becomes resident; a full one is submitted at once. */
#define SUBMISSIONS_MAX 256 /* a power of two, as the kernel would make it */

struct ring_owner {
	const struct ring_owner_ops *ops;
	void *owner;
	unsigned n_ops;       /* the most it may have in flight */
	unsigned n_in_flight; /* [io] */
};

struct ring {
	struct io_uring uring;
	struct ring_owner owners[RING_OWNERS_MAX];
	unsigned n_owners;
	unsigned n_ops;            /* of all owners */
	int files[RING_FILES_MAX]; /* until they are registered */
	unsigned n_files;
	unsigned capacity; /* the most that n_ops may be; 0: the ring is not made yet */

	/* [io] from here */
	struct __kernel_timespec times[SUBMISSIONS_MAX]; /* by place in the submission queue */
	uint32_t due;   /* bits: owners that are to have their `turn` */
	unsigned first; /* the owner that has it first */
	bool is_stopped;
	int error;                          /* of io_uring_enter, in the middle of a turn */
	struct ring_done done[RING_BUDGET]; /* of this turn */
	struct io_uring_sqe nowhere;        /* what is asked of a ring that has failed */
};

_Static_assert(RING_OWNERS_MAX <= 32, "a bit of `due` for each owner");

#endif
