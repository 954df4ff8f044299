/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_memory.h - a disk of memory: zero at first, gone with the cell. Cell, loop thread.
 *
 * It is mapped whole and has a page once that was written. Every request is done when it is started.
 */
#ifndef MAYFLY_IOURING_BLOCK_MEMORY_H
#define MAYFLY_IOURING_BLOCK_MEMORY_H

#include "iouring-io/block.h"

struct block_memory {
	struct block block;
	uint8_t *bytes;
	uint64_t len;
};

/* Set-up; `memory->block` has its done and owner. Errors: -ENOMEM. */
MUST_CHECK int block_memory_init(struct block_memory *memory, uint64_t len);
void block_memory_done(struct block_memory *memory);

/* Maps `len` bytes that take memory once they are written, and are in no core dump. NULL: no room. */
uint8_t *block_memory_map(uint64_t len);

/* Makes bytes of such a mapping zero and gives whole pages of them back. */
void block_memory_clear(uint8_t *bytes, uint64_t len);

#endif
