/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_raw.h - a disk that is a file or a block device, byte for byte. Cell, loop thread.
 *
 * With O_DIRECT it has two files in the ring: what is not aligned as the host wants it, in memory or
 * on the disk, goes through the other one and the page cache, which the kernel keeps coherent.
 */
#ifndef MAYFLY_IOURING_BLOCK_RAW_H
#define MAYFLY_IOURING_BLOCK_RAW_H

#include "iouring-io/block.h"

struct block_raw_config {
	int fd;                /* -1: a place that is empty until block_raw_swap() */
	int direct_fd;         /* the same with O_DIRECT, or -1 */
	uint32_t memory_align; /* powers of two, that direct_fd wants of buffers, */
	uint32_t offset_align; /* and of offsets and lengths */
};

struct block_raw {
	struct block block;
	unsigned file, direct_file; /* [ro] places in the ring */
	bool has_file;
	bool has_direct;
	uint32_t memory_align, offset_align;
	struct block_request *syncing; /* flushes that wait for the sync in flight, */
	struct block_request *waiting; /* and for the next one */
};

/* Set-up; `raw->block` has its ring, done and owner. Errors: the ring's. */
MUST_CHECK int block_raw_init(struct block_raw *raw, const struct block_raw_config *config);

/* Another file in its place, without O_DIRECT; requests in flight end on the old one. Errors: the ring's. */
MUST_CHECK int block_raw_swap(struct block_raw *raw, int fd);

#endif
