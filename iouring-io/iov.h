/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iov.h - a place in a list of buffers, and parts of the list. Cell, loop thread.
 *
 * An operation that is done in parts wants lists of buffers that begin and end anywhere.
 * iov_cut() shortens the entries at both ends of a part in place, and iov_restore() puts them back, so
 * that a list costs no second one, and is afterwards what it was.
 */
#ifndef MAYFLY_IOURING_IOV_H
#define MAYFLY_IOURING_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct iov_cursor {
	struct iovec *iov;
	unsigned n_iov;
	unsigned index; /* of the entry with the next byte */
	size_t offset;  /* of that byte in its entry */
	/* What is cut: none where n_cut is 0. */
	unsigned n_cut;
	struct iovec first, last; /* as they were */
};

/* Starts at the first byte; no entry is empty. */
void iov_init(struct iov_cursor *cursor, struct iovec *iov, unsigned n_iov);

/*
 * The next `len` bytes, of which there are as many, as a list of their own: `cursor->n_cut` entries
 * from the result on, until iov_restore().
 */
const struct iovec *iov_cut(struct iov_cursor *cursor, uint64_t len);

/* Puts the list back; safe where nothing is cut. */
void iov_restore(struct iov_cursor *cursor);

/* Goes on by `len` bytes, of which there are as many. Nothing is cut. */
void iov_advance(struct iov_cursor *cursor, uint64_t len);

/* Copies the next `len` bytes out of the list, or into it, and goes on by as many. */
void iov_gather(struct iov_cursor *cursor, void *bytes, uint64_t len);
void iov_scatter(struct iov_cursor *cursor, const void *bytes, uint64_t len);

#endif
