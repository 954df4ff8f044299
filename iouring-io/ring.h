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
 * The ring is made disabled, and restricted to the operations in ring_ops.def, before the guest runs;
 * the loop's thread enables it, which also makes it the only one that may use it. Owners say at set-up
 * how many operations they have in flight at most, so that neither queue can overflow and no call here
 * can fail once the guest runs. Nothing is allocated then.
 */
#ifndef MAYFLY_IOURING_RING_H
#define MAYFLY_IOURING_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

#define RING_OWNERS_MAX 32
#define RING_FILES_MAX  160

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

/* Makes a ring, disabled. Errors: the host's, e.g. -EPERM where io_uring is forbidden. Set-up. */
MUST_CHECK int ring_new(struct ring **ret_ring, struct err *err);
void ring_free(struct ring *ring);

/*
 * Set-up. A file of the ring's; the descriptor stays the caller's, who may close it after ring_seal().
 * -1 keeps a place for ring_swap_file(). Errors: -ENFILE.
 */
MUST_CHECK int ring_add_file(struct ring *ring, int fd, unsigned *ret_file);

/* Set-up. `n_ops`: how many operations it has in flight at most. Errors: -ENFILE, -E2BIG. */
MUST_CHECK int ring_add_owner(struct ring *ring, const struct ring_owner_ops *ops, void *owner,
			      unsigned n_ops, uint16_t *ret_owner);

/* Set-up, the last call of it: makes the queues, registers files and restrictions. Errors: the host's. */
MUST_CHECK int ring_seal(struct ring *ring, struct err *err);

/* The loop's thread, before its final filter: the ring is this thread's from now on. */
MUST_CHECK int ring_enable(struct ring *ring, struct err *err);

/* Goes round until ring_stop(). The loop's thread. Errors: what io_uring_enter answered. */
MUST_CHECK int ring_run(struct ring *ring);

/* One turn. `wait`: until something is done. As ring_run(). For it, and for tests. */
MUST_CHECK int ring_turn(struct ring *ring, bool wait);

/* All below: the loop's thread, out of `complete` and `turn`. */
void ring_stop(struct ring *ring);
void ring_readv(struct ring *ring, struct ring_tag tag, const struct ring_io *io);
void ring_writev(struct ring *ring, struct ring_tag tag, const struct ring_io *io);
void ring_read(struct ring *ring, struct ring_tag tag, unsigned file, void *buffer, unsigned len);
void ring_fsync(struct ring *ring, struct ring_tag tag, unsigned file); /* data and size */
void ring_fallocate(struct ring *ring, struct ring_tag tag, unsigned file, int mode,
		    uint64_t offset, uint64_t len);
void ring_poll(struct ring *ring, struct ring_tag tag, unsigned file, short events); /* once */
/* After `ns`, with -ETIME. */
void ring_timeout(struct ring *ring, struct ring_tag tag, uint64_t ns);
/* The operation with this tag ends soon, with -ECANCELED if it can. Has no completion of its own. */
void ring_cancel(struct ring *ring, struct ring_tag tag);
/* The owner has its `turn` at the end of this turn. */
void ring_wake(struct ring *ring, uint16_t owner);
/* Puts another file in this place; operations in flight keep the old one. Errors: the host's. */
MUST_CHECK int ring_swap_file(struct ring *ring, unsigned file, int fd);

#endif
