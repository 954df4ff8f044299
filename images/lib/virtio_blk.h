/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio_blk.h - a driver for disks. [virtio 1.2 §5.2] For both rings; each queue belongs to one CPU.
 */
#ifndef MAYFLY_GUEST_VIRTIO_BLK_H
#define MAYFLY_GUEST_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "images/lib/virtio.h"

#define SECTOR            512U
#define VBLK_QUEUES_MAX   16
#define VBLK_BUFFERS_MAX  16 /* data of one request, in pieces */
#define VBLK_STATUS_UNSET 0xff

struct vblk {
	struct virtio device;
	uint64_t capacity; /* sectors */
	uint32_t block_size;
	unsigned queues_offered, n_queues;
	struct vq queues[VBLK_QUEUES_MAX];
};

/* Lives until vblk_get() returns it. */
struct vblk_request {
	/* What the device reads, and writes */
	struct virtio_blk_outhdr header;
	uint8_t status;
	struct vring_desc table[VBLK_BUFFERS_MAX + 2] __attribute__((aligned(16)));
	/* The data: none if `len` is 0, in `n_pieces` buffers of about one size */
	uint8_t *data;
	uint32_t len;
	unsigned n_pieces; /* 0 as 1 */
	/* After it: bytes that the device says it has written */
	uint32_t written;
	/* The caller's own */
	uint64_t index, started;
};

/*
 * Opens disk `nth`, with `n_queues` of `ring_size`. `disk->device` may say polls and without. Ends the
 * guest where it cannot.
 */
void vblk_open(struct vblk *disk, unsigned nth, unsigned n_queues, uint16_t ring_size);
/* Puts a request of `type` (VIRTIO_BLK_T_) into the queue; vq_kick() sends it. False: it is full. */
bool vblk_add(struct vblk *disk, unsigned queue, struct vblk_request *request, uint32_t type,
	      uint64_t sector);
/* One that is done; NULL: none. */
struct vblk_request *vblk_get(struct vblk *disk, unsigned queue);
/* Sends one on queue 0, which has nothing in flight, and waits. Returns its status. */
uint8_t vblk_do(struct vblk *disk, struct vblk_request *request, uint32_t type, uint64_t sector);

#endif
