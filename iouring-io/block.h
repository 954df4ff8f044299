/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.h - what a disk is to its device: a back end that does requests over a range of bytes. Cell,
 * the device's loop thread.
 *
 * Theory of operation. The device owns the requests, checks that they lie inside the disk, and starts
 * each by block_start(). A request has one operation in the ring at a time, under the tag that the
 * device gave it; the device hands its completion to block_step(), until the back end calls `done`,
 * which may be before block_start() returns. Short reads and writes are gone on with, and what the
 * kernel wants tried again is tried again, so that `done` is told of the whole.
 *
 * Requests in flight at once may be done in any order; one that is started after another's `done` sees
 * what that one did. A flush makes everything durable whose `done` was before its start.
 *
 * Where a sync fails, the kernel takes what it could not write for written: the next sync succeeds, and
 * the bytes are lost. [fsync(2)] So no flush succeeds from then on, until there is another file. It also
 * tells only one of two syncs at once, so a file has one at a time.
 */
#ifndef MAYFLY_IOURING_BLOCK_H
#define MAYFLY_IOURING_BLOCK_H

#include "iouring-io/iov.h"
#include "iouring-io/ring.h"

#define BLOCK_SECTOR 512 /* everything is a multiple of it */

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD, /* the bytes are of no use any more */
	BLOCK_ZERO,    /* they are zero */
};

struct block_request {
	/* Set by the device. */
	enum block_op op;
	bool unmap;             /* BLOCK_ZERO: their space may be given back */
	uint64_t offset;        /* bytes */
	uint64_t len;           /* bytes; 0 for a flush */
	struct iov_cursor data; /* BLOCK_READ and BLOCK_WRITE: `len` bytes of it */
	struct ring_tag tag;

	/* The back end's; `offset`, `len` and `data` go on with what is done, too. */
	unsigned n_retries;
	uint8_t step;
	bool has_claim;             /* overlay: in the list of claims */
	bool has_bounce;            /* overlay: the bounce buffer is its */
	uint64_t first, last;       /* overlay: clusters that it writes */
	uint64_t part, part_done;   /* overlay: bytes of the operation in flight */
	struct iovec bounce;        /* overlay: for operations on our own bytes */
	struct block_request *next; /* in the list of claims (overlay), or of those that wait */
};

struct block;

struct block_ops {
	void (*start)(struct block *block, struct block_request *request);
	void (*step)(struct block *block, struct block_request *request, int32_t result);
};

struct block {
	const struct block_ops *ops;
	struct ring *ring;
	/* A request is done: 0, or -errno; -EOPNOTSUPP where the disk cannot discard or zero. */
	void (*done)(void *owner, struct block_request *request, int result);
	void *owner;
	int sync_error; /* of the first sync that failed, or 0: what every flush ends with */
};

static inline void block_start(struct block *block, struct block_request *request)
{
	request->n_retries = 0;
	block->ops->start(block, request);
}

static inline void block_step(struct block *block, struct block_request *request, int32_t result)
{
	block->ops->step(block, request, result);
}

/* What a back end does with the result of an operation of a request's. */
enum block_verdict { BLOCK_GOES_ON, BLOCK_AGAIN, BLOCK_FAILED };

/*
 * Judges the result of a transfer (`is_transfer`: a read or write of bytes, of which none done is an
 * error) or of another operation. BLOCK_FAILED: `ret_error` is why.
 */
enum block_verdict block_judge(struct block_request *request, int32_t result, bool is_transfer,
			       int *ret_error);

#endif
