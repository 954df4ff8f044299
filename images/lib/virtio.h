/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio.h - a driver's side of virtio-mmio and of the split virtqueue. [virtio 1.2 §2.7, §4.2]
 *
 * For both rings. A device is opened, given its queues, and made ready; vq_add() puts chains into a
 * queue and vq_kick() shows them to the device, all at once; vq_get() takes back what it has used.
 * One CPU at a time on a queue. Between polling and interrupts the whole difference is vq_wait().
 *
 * Everything is open to whoever wants to break the rules: the rings are plain memory at desc, avail
 * and used, and vq_publish() and vq_notify() do what they are told.
 */
#ifndef MAYFLY_GUEST_VIRTIO_H
#define MAYFLY_GUEST_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/lib/io.h"

#define VQ_SIZE_MAX 256

/* virtio.c */

struct virtio {
	/* Set by the driver before virtio_open() */
	bool polls;       /* never wants an interrupt */
	uint64_t without; /* features not to take */

	uint64_t base; /* of its registers */
	unsigned gsi;
	uint64_t offered, features; /* those it has, those that were agreed on */
	volatile uint32_t n_used,
		n_changed; /* interrupts for used buffers, for its configuration */
};

/*
 * Finds the `nth` device of type `id` (from 0), resets it, and agrees on the features among `wanted`,
 * version 1, EVENT_IDX and indirect descriptors. Devices are those that the command line names
 * (virtio_mmio.device=), else those at MMIO_VIRTIO. False: there is none.
 */
bool virtio_open(struct virtio *device, uint32_t id, unsigned nth, uint64_t wanted);
/* After its queues: DRIVER_OK. */
void virtio_ready(const struct virtio *device);
/* Returns when the device says that it is reset. */
void virtio_reset(const struct virtio *device);

static inline uint32_t virtio_read(const struct virtio *device, unsigned reg)
{
	return mmio_read32(device->base + reg);
}

static inline void virtio_write(const struct virtio *device, unsigned reg, uint32_t value)
{
	mmio_write32(device->base + reg, value);
}

static inline bool virtio_has(const struct virtio *device, unsigned feature)
{
	return (device->features >> feature & 1) != 0;
}

/* A field of the configuration space, `len` bytes (1, 2, 4 or 8) at `offset`. */
uint64_t virtio_config(const struct virtio *device, unsigned offset, unsigned len);
#define VIRTIO_CONFIG(device, type, field)                                                         \
	virtio_config(device, offsetof(type, field), sizeof(((type *)NULL)->field))

/* virtqueue.c */

struct vq {
	struct virtio *device;
	uint16_t index, size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	/* Kept where the device cannot write */
	uint16_t next_avail, next_used; /* free-running */
	uint16_t kicked;                /* what next_avail was at the last kick */
	uint16_t free, n_free;          /* a list through next[] */
	uint16_t next[VQ_SIZE_MAX];
	uint16_t len[VQ_SIZE_MAX]; /* descriptors of the chain that begins here */
	void *tokens[VQ_SIZE_MAX]; /* NULL: none in flight begins here */
	uint64_t n_kicks;
};

/* Makes queue `index` with `size` entries at most, in memory of its own. */
void vq_init(struct vq *q, struct virtio *device, uint16_t index, uint16_t size);

/* Where a queue's suppression fields are. [virtio 1.2 §2.7.10] */
static inline volatile uint16_t *vq_used_event(const struct vq *q)
{
	return &q->avail->ring[q->size];
}

static inline volatile uint16_t *vq_avail_event(const struct vq *q)
{
	return (volatile uint16_t *)&q->used->ring[q->size];
}

struct vq_buffer {
	const void *at;
	uint32_t len;
	bool device_writes;
};

/*
 * Puts a chain into the queue, by one descriptor that points to `table` (room for `n`) unless that is
 * NULL. False: there is no room. `token`, not NULL, comes back by vq_get().
 */
bool vq_add(struct vq *q, const struct vq_buffer *buffers, unsigned n, struct vring_desc *table,
	    void *token);
/* Shows the device what was added, and notifies it unless it asked not to be. */
void vq_kick(struct vq *q);
/* A chain that the device is done with: its token, and how many bytes were written. NULL: none. */
void *vq_get(struct vq *q, uint32_t *ret_len);
/* How many vq_get() would return now. */
unsigned vq_ready(const struct vq *q);
/* Returns when there are `n` for vq_get(). */
void vq_wait(struct vq *q, unsigned n);
/* Asks for an interrupt when the device has used `n` more than vq_get() has returned. */
void vq_interrupt_after(struct vq *q, unsigned n);

/* The two steps of a kick: avail->idx, and the register. */
void vq_publish(const struct vq *q, uint16_t avail_idx);
void vq_notify(struct vq *q);

#endif
