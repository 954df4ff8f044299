/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vblk.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"

#define PHYSICAL_BLOCK 4096 /* what is written at once without reading first, on most hosts */
#define SAVED_LEN      8

/* Kinds of tags: an operation of slot `index`, or the end of a wait for a limit. */
enum { TAG_SLOT, TAG_TIMER };

static_assert(sizeof(struct virtio_blk_config) <= VDEV_CONFIG_MAX, "room for the configuration");

static struct vblk *to_vblk(struct vdev *vdev)
{
	return container_of(vdev, struct vblk, vdev);
}

/* Answers. */

/* `len`: bytes of data that the device has written before the status. */
static void answer(struct vblk *vblk, const struct vblk_slot *slot, uint8_t status, uint64_t len)
{
	*slot->status_byte = status;
	mem_dirty(vblk->vdev.mem, slot->status_byte, 1);
	vdev_push(&vblk->vdev, slot->queue, slot->head, (uint32_t)len + 1);
}

/*
 * After the operation, not before: what is marked when nothing is in flight covers every byte that was
 * written until then, whenever the marks were last taken. A read that failed may have written a part.
 */
static void mark_written(const struct vblk *vblk, const struct vblk_slot *slot)
{
	for (unsigned i = 0; i < slot->n_iov; i++)
		mem_dirty(vblk->vdev.mem, slot->iov[i].iov_base, slot->iov[i].iov_len);
}

static void give_back(struct vblk *vblk, struct vblk_slot *slot)
{
	slot->next = vblk->free;
	vblk->free = slot;
	vblk->n_busy--;
	for (; vblk->starved != 0; vblk->starved &= vblk->starved - 1)
		vdev_kick(&vblk->vdev, (unsigned)__builtin_ctz(vblk->starved));
}

/* [virtio 1.2 §5.2.6.2] Without FLUSH, what is answered is durable. */
static bool needs_flush(const struct vblk *vblk, const struct block_request *request)
{
	return !vdev_has(&vblk->vdev, VIRTIO_BLK_F_FLUSH) &&
	       (request->op == BLOCK_WRITE || request->op == BLOCK_ZERO);
}

static void request_done(void *owner, struct block_request *request, int result)
{
	struct vblk *vblk = owner;
	struct vblk_slot *slot = container_of(request, struct vblk_slot, request);
	bool is_read = request->op == BLOCK_READ;
	uint8_t status = VIRTIO_BLK_S_OK;

	if (result == 0 && needs_flush(vblk, request)) {
		request->op = BLOCK_FLUSH;
		block_start(vblk->block, request);
		return;
	}
	if (result < 0)
		status = result == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	if (is_read)
		mark_written(vblk, slot);
	if (slot->status_byte != NULL)
		answer(vblk, slot, status, is_read && result == 0 ? slot->len : 0);
	give_back(vblk, slot);
}

static void give_id(struct vblk *vblk, struct vblk_slot *slot)
{
	struct iov_cursor data;

	iov_init(&data, slot->iov, slot->n_iov);
	iov_scatter(&data, vblk->serial, sizeof(vblk->serial));
	mark_written(vblk, slot);
	answer(vblk, slot, VIRTIO_BLK_S_OK, sizeof(vblk->serial));
}

/* Requests. */

static enum block_op op_of(uint32_t type)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return BLOCK_READ;
	case VIRTIO_BLK_T_OUT:
		return BLOCK_WRITE;
	case VIRTIO_BLK_T_DISCARD:
		return BLOCK_DISCARD;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return BLOCK_ZERO;
	case VIRTIO_BLK_T_FLUSH:
	default:
		return BLOCK_FLUSH;
	}
}

/* The slot is at the head of the free ones. */
static void start(struct vblk *vblk, struct vblk_slot *slot, const struct vblk_parsed *parsed)
{
	vblk->free = slot->next;
	vblk->n_busy++;
	vblk->started += parsed->len;
	vblk->unsettled |= parsed->type != VIRTIO_BLK_T_IN && parsed->type != VIRTIO_BLK_T_FLUSH;
	slot->request = (struct block_request){
		.op = op_of(parsed->type),
		.unmap = parsed->unmap,
		.offset = parsed->offset,
		.len = parsed->len,
		.tag = vdev_tag(&vblk->vdev, TAG_SLOT, (uint32_t)(slot - vblk->slots))};
	iov_init(&slot->request.data, slot->iov, slot->n_iov);
	block_start(vblk->block, &slot->request);
}

/* Does a limit let it pass? Else it goes back into its queue until it does. */
static bool passes(struct vblk *vblk, unsigned queue, const struct vq_chain *chain,
		   const struct vblk_parsed *parsed)
{
	bool moves = parsed->type == VIRTIO_BLK_T_IN || parsed->type == VIRTIO_BLK_T_OUT;
	uint64_t delay;

	if (!throttle_limits(&vblk->throttle) || parsed->type == VIRTIO_BLK_T_GET_ID)
		return true;
	delay = throttle_take(&vblk->throttle, moves ? parsed->len : 0, (uint64_t)clock_ns());
	if (delay == 0)
		return true;
	vq_unpop(&vblk->vdev.queues[queue], chain);
	vblk->held |= 1U << queue;
	vblk->timer_armed = true;
	ring_timeout(vblk->vdev.ring, vdev_tag(&vblk->vdev, TAG_TIMER, 0), delay);
	return false;
}

/* Takes a chain with the first free slot. False: no more for now. */
static bool take(struct vblk *vblk, unsigned queue, const struct vq_chain *chain)
{
	struct vblk_slot *slot = vblk->free;
	struct vblk_parsed parsed;

	vblk_parse(chain, &vblk->disk, slot->iov, &parsed);
	/* Nothing can be said where there is no place for it. */
	if (parsed.status_byte == NULL) {
		vdev_fail(&vblk->vdev);
		return false;
	}
	slot->status_byte = parsed.status_byte;
	slot->head = chain->head;
	slot->queue = (uint8_t)queue;
	slot->len = parsed.len;
	slot->n_iov = parsed.n_iov;
	if (parsed.status != VIRTIO_BLK_S_OK) {
		answer(vblk, slot, parsed.status, 0);
		return true;
	}
	if (!passes(vblk, queue, chain, &parsed))
		return false;
	if (parsed.type == VIRTIO_BLK_T_GET_ID)
		give_id(vblk, slot);
	else
		start(vblk, slot, &parsed);
	return true;
}

static bool vblk_kick(struct vdev *vdev, unsigned queue)
{
	struct vblk *vblk = to_vblk(vdev);
	struct vq_chain chain = {.iov = vblk->chain, .n_iov = VBLK_CHAIN_MAX};

	vblk->started = 0;
	for (unsigned n = 0; n < VDEV_BUDGET && vblk->started < VBLK_TURN_BYTES; n++) {
		if (vblk->timer_armed) {
			vblk->held |= 1U << queue;
			return false;
		}
		if (vblk->free == NULL) {
			vblk->starved |= 1U << queue;
			return false;
		}
		if (!vdev_pop(vdev, queue, &chain) || !take(vblk, queue, &chain))
			return false;
	}
	return true;
}

static void vblk_complete(struct vdev *vdev, struct ring_tag tag, int32_t result)
{
	struct vblk *vblk = to_vblk(vdev);

	if (tag.kind == TAG_SLOT) {
		block_step(vblk->block, &vblk->slots[tag.index].request, result);
		return;
	}
	vblk->timer_armed = false;
	for (; vblk->held != 0; vblk->held &= vblk->held - 1)
		vdev_kick(vdev, (unsigned)__builtin_ctz(vblk->held));
}

/* A flush that no driver asked for, and nobody is answered. */
static void settle(struct vblk *vblk)
{
	const struct vblk_parsed flush = {.type = VIRTIO_BLK_T_FLUSH};

	vblk->free->status_byte = NULL;
	vblk->free->n_iov = 0;
	vblk->unsettled = false;
	start(vblk, vblk->free, &flush);
}

/*
 * What was written to a layer in a file is only found there once its map is written: for a guest that
 * does not flush that is now, the last time maybe. A timer does not touch the guest's memory.
 */
static bool vblk_drain(struct vdev *vdev)
{
	struct vblk *vblk = to_vblk(vdev);

	if (vblk->n_busy == 0 && vblk->unsettled && vblk->kind == VBLK_OVERLAY)
		settle(vblk);
	return vblk->n_busy == 0;
}

static void vblk_reset(struct vdev *vdev)
{
	to_vblk(vdev)->held = to_vblk(vdev)->starved = 0;
}

/*
 * The capacity, which is the first field of the configuration: all else comes from how it was made, which
 * the state has to fit.
 */
static size_t vblk_save(const struct vdev *vdev, void *bytes, size_t capacity)
{
	if (capacity < SAVED_LEN)
		return 0;
	memcpy(bytes, vdev->config, SAVED_LEN);
	return SAVED_LEN;
}

static int vblk_load(struct vdev *vdev, const void *bytes, size_t len)
{
	return len == SAVED_LEN && memcmp(bytes, vdev->config, SAVED_LEN) == 0 ? 0 : -EINVAL;
}

static void vblk_attend(struct vdev *vdev)
{
	struct vblk *vblk = to_vblk(vdev);
	uint64_t len = atomic_exchange(&vblk->asked_len, UINT64_MAX);

	/* An overlay's length is its base's for good. */
	if (len != UINT64_MAX && vblk_resize(vblk, len) < 0)
		return;
}

static const struct vdev_ops vblk_ops = {
	.kick = vblk_kick,
	.complete = vblk_complete,
	.drain = vblk_drain,
	.reset = vblk_reset,
	.save = vblk_save,
	.load = vblk_load,
	.attend = vblk_attend,
};

/* Set-up. */

static void fill_config(const struct vblk_config *config, struct virtio_blk_config *ret_fields)
{
	unsigned exponent = 0;

	while (config->sector << exponent < PHYSICAL_BLOCK)
		exponent++;
	*ret_fields = (struct virtio_blk_config){
		.capacity = htole64(config->len / BLOCK_SECTOR),
		.size_max = htole32(VBLK_SIZE_MAX),
		.seg_max = htole32(VBLK_SEG_MAX),
		.blk_size = htole32(config->sector),
		.physical_block_exp = (uint8_t)exponent,
		.min_io_size = htole16((uint16_t)(1U << exponent)),
		.num_queues = htole16((uint16_t)config->n_queues),
		.max_discard_sectors = htole32(VBLK_DISCARD_SECTORS),
		.max_discard_seg = htole32(1),
		.discard_sector_alignment = htole32(PHYSICAL_BLOCK / BLOCK_SECTOR),
		.max_write_zeroes_sectors = htole32(VBLK_ZERO_SECTORS),
		.max_write_zeroes_seg = htole32(1),
		.write_zeroes_may_unmap = 1,
	};
}

static uint64_t offered(const struct vblk_config *config)
{
	uint64_t features = UINT64_C(1) << VIRTIO_BLK_F_SIZE_MAX |
			    UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX |
			    UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
			    UINT64_C(1) << VIRTIO_BLK_F_TOPOLOGY |
			    UINT64_C(1) << VIRTIO_BLK_F_FLUSH;

	if (config->n_queues > 1)
		features |= UINT64_C(1) << VIRTIO_BLK_F_MQ;
	if (config->read_only)
		return features | UINT64_C(1) << VIRTIO_BLK_F_RO;
	return features | UINT64_C(1) << VIRTIO_BLK_F_DISCARD |
	       UINT64_C(1) << VIRTIO_BLK_F_WRITE_ZEROES;
}

static void init_vdev(struct vdev *vdev, const struct vblk_config *config)
{
	struct virtio_blk_config fields;

	fill_config(config, &fields);
	vdev->ops = &vblk_ops;
	vdev->id = VIRTIO_ID_BLOCK;
	vdev->features = offered(config);
	vdev->n_queues = config->n_queues;
	for (unsigned i = 0; i < config->n_queues; i++)
		vdev->queue_sizes[i] = VBLK_QUEUE_SIZE;
	vdev->config_len = sizeof(fields);
	memcpy(vdev->config, &fields, sizeof(fields));
	vdev->n_ops = VBLK_OPS(0);
}

static int init_overlay(struct vblk *vblk, const struct vblk_config *config, struct err *err)
{
	const struct block_overlay_config overlay = {.len = config->len,
						     .base_fd = config->file.fd,
						     .base_mtime = config->base_mtime,
						     .layer_fd = config->layer_fd,
						     .memory_max = config->layer_max};

	vblk->block = &vblk->overlay.block;
	return block_overlay_init(&vblk->overlay, &overlay, err);
}

static int init_raw(struct vblk *vblk, const struct vblk_config *config, struct err *err)
{
	int ret = block_raw_init(&vblk->raw, &config->file);

	vblk->block = &vblk->raw.block;
	return ret == 0 ? 0 : err_host(err, -ret, "a place in the ring");
}

static int init_memory(struct vblk *vblk, const struct vblk_config *config, struct err *err)
{
	int ret = block_memory_init(&vblk->memory, config->len);

	vblk->block = &vblk->memory.block;
	return ret == 0 ? 0 : err_host(err, -ret, "%" PRIu64 " bytes", config->len);
}

static int init_back_end(struct vblk *vblk, const struct vblk_config *config, struct err *err)
{
	const struct block block = {.ring = vblk->vdev.ring, .done = request_done, .owner = vblk};

	switch (config->kind) {
	case VBLK_MEMORY:
		vblk->memory.block = block;
		return init_memory(vblk, config, err);
	case VBLK_OVERLAY:
		vblk->overlay.block = block;
		return init_overlay(vblk, config, err);
	case VBLK_FILE:
	default:
		vblk->raw.block = block;
		return init_raw(vblk, config, err);
	}
}

int vblk_init(struct vblk *vblk, const struct mem *mem, struct ring *ring,
	      const struct vblk_config *config, struct err *err)
{
	init_vdev(&vblk->vdev, config);
	vblk->vdev.mem = mem;
	vblk->vdev.ring = ring;
	vblk->kind = config->kind;
	atomic_init(&vblk->asked_len, UINT64_MAX);
	vblk->disk = (struct vblk_disk){.len = config->len, .read_only = config->read_only};
	memcpy(vblk->serial, config->serial, sizeof(vblk->serial));
	throttle_init(&vblk->throttle, &config->bandwidth, &config->ops, (uint64_t)clock_ns());
	/* The first one is taken first: what is not used has no page. */
	for (unsigned i = VBLK_SLOTS; i-- > 0;) {
		vblk->slots[i].next = vblk->free;
		vblk->free = &vblk->slots[i];
	}
	return init_back_end(vblk, config, err);
}

void vblk_done(struct vblk *vblk)
{
	if (vblk->kind == VBLK_MEMORY)
		block_memory_done(&vblk->memory);
	else if (vblk->kind == VBLK_OVERLAY)
		block_overlay_done(&vblk->overlay);
}

/* While the guest runs. */

static void change_capacity(struct vblk *vblk, uint64_t len)
{
	struct virtio_blk_config fields;

	vblk->disk.len = len - len % BLOCK_SECTOR;
	memcpy(&fields, vblk->vdev.config, sizeof(fields));
	fields.capacity = htole64(len / BLOCK_SECTOR);
	vdev_change_config(&vblk->vdev, &fields);
}

int vblk_resize(struct vblk *vblk, uint64_t len)
{
	if (vblk->kind != VBLK_FILE)
		return -EOPNOTSUPP;
	change_capacity(vblk, len);
	return 0;
}

void vblk_ask_resize(struct vblk *vblk, uint64_t len)
{
	atomic_store(&vblk->asked_len, len);
}

int vblk_swap(struct vblk *vblk, int fd, uint64_t len)
{
	int ret;

	if (vblk->kind != VBLK_FILE)
		return -EOPNOTSUPP;
	if (vblk->n_busy > 0)
		return -EBUSY;
	ret = block_raw_swap(&vblk->raw, fd);
	if (ret == 0)
		change_capacity(vblk, len);
	return ret;
}

int vblk_drop(struct vblk *vblk)
{
	if (vblk->kind != VBLK_OVERLAY || vblk->overlay.memory == NULL)
		return -EOPNOTSUPP;
	if (vblk->n_busy > 0)
		return -EBUSY;
	block_overlay_drop(&vblk->overlay);
	return 0;
}
