/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/block_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096UL

uint8_t *block_memory_map(uint64_t len)
{
	void *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return NULL;
	if (madvise(bytes, len, MADV_DONTDUMP) < 0) {
		munmap(bytes, len);
		return NULL;
	}
	return bytes;
}

void block_memory_clear(uint8_t *bytes, uint64_t len)
{
	uint64_t head = -(uintptr_t)bytes & (PAGE - 1);
	uint64_t whole;

	if (head > len)
		head = len;
	memset(bytes, 0, head);
	whole = (len - head) & ~(PAGE - 1);
	if (whole > 0 && madvise(bytes + head, whole, MADV_DONTNEED) < 0)
		memset(bytes + head, 0, whole);
	memset(bytes + head + whole, 0, len - head - whole);
}

static void memory_start(struct block *block, struct block_request *request)
{
	struct block_memory *memory = container_of(block, struct block_memory, block);
	uint8_t *place = memory->bytes + request->offset;

	switch (request->op) {
	case BLOCK_READ:
		iov_scatter(&request->data, place, request->len);
		break;
	case BLOCK_WRITE:
		iov_gather(&request->data, place, request->len);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
		block_memory_clear(place, request->len);
		break;
	case BLOCK_FLUSH:
	default:
		break;
	}
	block->done(block->owner, request, 0);
}

static const struct block_ops memory_ops = {.start = memory_start};

int block_memory_init(struct block_memory *memory, uint64_t len)
{
	memory->block.ops = &memory_ops;
	memory->len = len;
	memory->bytes = block_memory_map(len);
	return memory->bytes != NULL ? 0 : -ENOMEM;
}

void block_memory_done(struct block_memory *memory)
{
	if (memory->bytes != NULL)
		munmap(memory->bytes, memory->len);
	memory->bytes = NULL;
}
