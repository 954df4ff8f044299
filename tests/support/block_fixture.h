/* SPDX-License-Identifier: Apache-2.0 */
/* block_fixture.h - requests to a back end of a disk, on a ring of their own, for the tests of these. */
#ifndef MAYFLY_TESTS_BLOCK_FIXTURE_H
#define MAYFLY_TESTS_BLOCK_FIXTURE_H

#include "iouring-io/block.h"

#define REQUESTS 8
#define PENDING  1 /* as a result: not done yet */

extern struct ring *ring;
extern struct err err;
extern struct block *block;                 /* set by the test, before host_start() */
extern int results[REQUESTS];               /* of what was submitted as this */
extern void (*after_operation)(unsigned i); /* of a request's, if set */

/* A ring, and a block with it and the fixture's done. */
struct block host_init(void);

/* Once the back end has its files. */
void host_start(void);
void host_done(void);

/* Starts a request; `pieces` buffers of about the same length share its `bytes`. */
void host_submit(unsigned i, enum block_op op, uint64_t offset, void *bytes, uint64_t len,
		 unsigned pieces);
void host_turn(void);
void host_await(unsigned i);

/* Starts a request and waits. Returns its result. */
int host_do(enum block_op op, uint64_t offset, void *bytes, uint64_t len);

/* A file of `len` bytes, each different from those near it and with `seed`. */
int host_file(uint64_t len, uint8_t seed);
void host_fill(uint8_t *bytes, uint64_t len, uint8_t seed);

#endif
