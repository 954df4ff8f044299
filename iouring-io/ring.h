/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - one io_uring and the loop around it. [io_uring(7), liburing] Cell, its own loop thread.
 *
 * Theory of operation. Everything a loop waits for is the completion of an operation in its ring:
 * a doorbell is a read of an eventfd, a timer a timeout. Whoever wants completions is an owner; an
 * operation carries a tag with its owner and two numbers that mean something to that owner only. A
 * turn of the loop is one io_uring_enter that submits what the last turn asked for and waits; then
 * every completion goes to its owner's `complete`, and then each owner that was touched, or that asked
 * for it, has its `turn`, where it does the work it has put off and publishes what is done: many
 * completions, one interrupt. A `turn` does a bounded amount of work and comes again if there is more.
 *
 * The ring is made disabled, and restricted to the operations in ring_ops.def on registered files,
 * before the guest runs; the loop's thread enables it, which also makes it the only one that may use
 * it. Owners say at set-up how many operations they have in flight at most, so that completions always
 * have room; where the submission queue is full, it is submitted in the middle of a turn. So no call
 * here can fail once the guest runs. Nothing is allocated then.
 *
 * A turn takes RING_BUDGET completions at most, in the order in which they came, and the rest in the
 * next; who has its `turn` first changes every time. Interrupted or short of memory, the kernel leaves
 * some submissions for the next turn. An operation that is done in part is its owner's matter.
 */
#ifndef MAYFLY_IOURING_RING_H
#define MAYFLY_IOURING_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

#define RING_OWNERS_MAX 32
#define RING_FILES_MAX  160
#define RING_OPS_MAX    8192 /* in flight, of all owners */
#define RING_BUDGET     256  /* completions in one turn */

/* Threads that the kernel may add to the process for one ring: for files, and for all else. */
#define RING_FILE_WORKERS  4
#define RING_OTHER_WORKERS 1
#define RING_WORKERS       (RING_FILE_WORKERS + RING_OTHER_WORKERS)

/* Where a completion goes. `kind` and `index` are the owner's own. */
struct ring_tag {
	uint32_t index;
	uint16_t kind;
	uint16_t owner; /* what ring_add_owner() gave */
};

struct ring_owner_ops {
	/* One operation is done; `result` is its system call's, or -errno. */
	void (*complete)(void *owner, struct ring_tag tag, int32_t result);
	/* The end of a turn. Returns whether there is more to do at once. */
	bool (*turn)(void *owner);
};

/* Where in a file, and from or to which memory, which stays as it is until the completion. */
struct ring_io {
	unsigned file; /* what ring_add_file() gave */
	const struct iovec *iov;
	unsigned n_iov;
	uint64_t offset; /* bytes; RING_NO_OFFSET for what has none */
};

#define RING_NO_OFFSET UINT64_MAX

struct ring;

/* Set-up. Errors: -ENOMEM. */
MUST_CHECK int ring_new(struct ring **ret_ring, struct err *err);
void ring_free(struct ring *ring);

/*
 * Makes the ring itself, disabled and restricted, for owners with `n_ops` operations in flight at
 * most. In a jail this comes before any hostile byte is read: no filter sees what a ring without
 * restrictions does. Where it is not called, ring_seal() does it. Errors: the host's.
 */
MUST_CHECK int ring_make(struct ring *ring, unsigned n_ops, struct err *err);

/*
 * Set-up. A file of the ring's; the descriptor stays the caller's, who may close it after ring_seal().
 * -1 keeps a place for ring_swap_file(). Errors: -ENFILE.
 */
MUST_CHECK int ring_add_file(struct ring *ring, int fd, unsigned *ret_file);

/* Set-up. `n_ops`: how many operations it has in flight at most. Errors: -ENFILE, -E2BIG. */
MUST_CHECK int ring_add_owner(struct ring *ring, const struct ring_owner_ops *ops, void *owner,
			      unsigned n_ops, uint16_t *ret_owner);

/*
 * Set-up, the last call of it: makes the ring, disabled, with its files and restrictions. Errors: the
 * host's, e.g. -EPERM where io_uring is forbidden, in words.
 */
MUST_CHECK int ring_seal(struct ring *ring, struct err *err);

/*
 * The loop's thread, before its final filter: the ring is this thread's from now on. The first turn
 * has every owner's `turn` in it. Errors: the host's.
 */
MUST_CHECK int ring_enable(struct ring *ring, struct err *err);

/* Goes round until ring_stop(). The loop's thread. Errors: what io_uring_enter refused for good. */
MUST_CHECK int ring_run(struct ring *ring);

/*
 * One turn; `wait`: until something is done, or a signal comes. For ring_run() and tests. Errors: as
 * ring_run().
 */
MUST_CHECK int ring_turn(struct ring *ring, bool wait);

/* All below: the loop's thread, out of `complete` and `turn`, or before ring_run(). */
void ring_stop(struct ring *ring);
void ring_readv(struct ring *ring, struct ring_tag tag, const struct ring_io *io);
void ring_writev(struct ring *ring, struct ring_tag tag, const struct ring_io *io);
/* Of what has no offsets. A file that is not ready is waited for, unless it has O_NONBLOCK. */
void ring_read(struct ring *ring, struct ring_tag tag, unsigned file, void *buffer, unsigned len);
void ring_fsync(struct ring *ring, struct ring_tag tag, unsigned file); /* data and size */
void ring_fallocate(struct ring *ring, struct ring_tag tag, unsigned file, int mode,
		    uint64_t offset, uint64_t len);
void ring_poll(struct ring *ring, struct ring_tag tag, unsigned file, short events); /* once */
/* After `ns`, with -ETIME. */
void ring_timeout(struct ring *ring, struct ring_tag tag, uint64_t ns);
/*
 * The operation with this tag ends soon, with -ECANCELED if it can. Has no completion of its own; once
 * for each operation.
 */
void ring_cancel(struct ring *ring, struct ring_tag tag);
/* The owner has its `turn` at the end of this turn, or of the next if its time has gone by. */
void ring_wake(struct ring *ring, uint16_t owner);
/* Puts another file in this place; operations in flight keep the old one. Errors: the host's. */
MUST_CHECK int ring_swap_file(struct ring *ring, unsigned file, int fd);

#endif
