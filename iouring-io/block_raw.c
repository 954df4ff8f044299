/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/block_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

static struct block_raw *to_raw(struct block *block)
{
	return container_of(block, struct block_raw, block);
}

static bool is_aligned(const struct block_raw *raw, uint64_t offset, const struct iovec *iov,
		       unsigned n_iov)
{
	uint64_t memory = 0, disk = offset;

	for (unsigned i = 0; i < n_iov; i++) {
		memory |= (uintptr_t)iov[i].iov_base;
		disk |= iov[i].iov_len;
	}
	return (memory & (raw->memory_align - 1)) == 0 && (disk & (raw->offset_align - 1)) == 0;
}

static void transfer(struct block_raw *raw, struct block_request *request)
{
	struct ring_io io = {.file = raw->file, .offset = request->offset};

	io.iov = iov_cut(&request->data, request->len);
	io.n_iov = request->data.n_cut;
	if (raw->has_direct && is_aligned(raw, io.offset, io.iov, io.n_iov))
		io.file = raw->direct_file;
	if (request->op == BLOCK_READ)
		ring_readv(raw->block.ring, request->tag, &io);
	else
		ring_writev(raw->block.ring, request->tag, &io);
}

static void submit(struct block_raw *raw, struct block_request *request)
{
	int mode = FALLOC_FL_KEEP_SIZE;

	switch (request->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		transfer(raw, request);
		break;
	case BLOCK_FLUSH:
		ring_fsync(raw->block.ring, request->tag, raw->file);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
	default:
		mode |= request->op == BLOCK_DISCARD || request->unmap ? FALLOC_FL_PUNCH_HOLE
								       : FALLOC_FL_ZERO_RANGE;
		ring_fallocate(raw->block.ring, request->tag, raw->file, mode, request->offset,
			       request->len);
		break;
	}
}

/* One sync for all flushes that came during the last one. */
static void sync_waiting(struct block_raw *raw)
{
	if (raw->syncing != NULL || raw->waiting == NULL)
		return;
	raw->syncing = raw->waiting;
	raw->waiting = NULL;
	submit(raw, raw->syncing);
}

static void end_sync(struct block_raw *raw, int result)
{
	struct block_request *list = raw->syncing;

	raw->syncing = NULL;
	if (raw->block.sync_error == 0)
		raw->block.sync_error = result;
	while (list != NULL) {
		struct block_request *request = list;

		list = request->next;
		raw->block.done(raw->block.owner, request, raw->block.sync_error);
	}
	sync_waiting(raw);
}

static void end(struct block_raw *raw, struct block_request *request, int result)
{
	if (request->op == BLOCK_FLUSH)
		end_sync(raw, result);
	else
		raw->block.done(raw->block.owner, request, result);
}

static void raw_start(struct block *block, struct block_request *request)
{
	struct block_raw *raw = to_raw(block);

	if (!raw->has_file) {
		block->done(block->owner, request, request->op == BLOCK_FLUSH ? 0 : -EIO);
	} else if (request->op == BLOCK_FLUSH) {
		request->next = raw->waiting;
		raw->waiting = request;
		sync_waiting(raw);
	} else {
		submit(raw, request);
	}
}

static void raw_step(struct block *block, struct block_request *request, int32_t result)
{
	struct block_raw *raw = to_raw(block);
	bool is_transfer = request->op == BLOCK_READ || request->op == BLOCK_WRITE;
	int error = 0;

	iov_restore(&request->data);
	/* A hole is zero, too: a file system that can only have these is not asked for more. */
	if (result == -EOPNOTSUPP && request->op == BLOCK_ZERO && !request->unmap) {
		request->unmap = true;
		submit(raw, request);
		return;
	}
	switch (block_judge(request, result, is_transfer, &error)) {
	case BLOCK_AGAIN:
		submit(raw, request);
		return;
	case BLOCK_FAILED:
		end(raw, request, error);
		return;
	case BLOCK_GOES_ON:
	default:
		break;
	}
	if (is_transfer) {
		iov_advance(&request->data, (uint64_t)result);
		request->offset += (uint64_t)result;
		request->len -= (uint64_t)result;
	}
	if (is_transfer && request->len > 0)
		submit(raw, request);
	else
		end(raw, request, 0);
}

static const struct block_ops raw_ops = {.start = raw_start, .step = raw_step};

int block_raw_init(struct block_raw *raw, const struct block_raw_config *config)
{
	int ret = ring_add_file(raw->block.ring, config->fd, &raw->file);

	if (ret == 0 && config->direct_fd >= 0)
		ret = ring_add_file(raw->block.ring, config->direct_fd, &raw->direct_file);
	raw->block.ops = &raw_ops;
	raw->has_file = config->fd >= 0;
	raw->has_direct = config->direct_fd >= 0;
	raw->memory_align = config->memory_align;
	raw->offset_align = config->offset_align;
	return ret;
}

int block_raw_swap(struct block_raw *raw, int fd)
{
	int ret = ring_swap_file(raw->block.ring, raw->file, fd);

	if (ret == 0) {
		raw->block.sync_error = 0;
		raw->has_file = true;
		raw->has_direct = false;
	}
	return ret;
}
