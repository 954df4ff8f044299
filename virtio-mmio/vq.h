/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vq.h - one split virtqueue, as its device sees it. [virtio 1.2 §2.7] Cell, loop thread that owns
 * the queue.
 *
 * Theory of operation. The three rings lie in memory that the driver may change at any moment.
 * vq_start() looks their addresses up once; geometry does not change after that. vq_pop() copies the
 * head and each descriptor once and judges the copy: what it hands out are host addresses inside
 * guest RAM, and counts. A rule that the driver breaks makes the queue `broken`: it hands out nothing
 * more until it is started again, and its device says DEVICE_NEEDS_RESET; what is in flight can still
 * be given back. A head that is in flight cannot be handed out a second time, so a device has at most
 * `size` chains at once.
 *
 * Each ring, and a table of indirect descriptors, lies in one region of the guest's memory. A buffer
 * may span regions that touch each other, and is then more than one entry of `iov`. A descriptor of
 * length zero is a broken rule, too: the specification neither forbids nor uses it, no driver makes
 * one, and a device need not think about entries without a byte. [virtio 1.2 §2.7.5]
 *
 * vq_push() fills used entries, vq_flush() publishes them and says whether the driver wants an
 * interrupt: one of each for a whole turn of the loop. Whatever is written to guest memory is told to
 * mem_dirty(); the buffers of a chain are for its device to tell.
 */
#ifndef MAYFLY_VIRTIO_VQ_H
#define MAYFLY_VIRTIO_VQ_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/mem.h"

#define VQ_SIZE_MAX 256

/* What the driver has said of a queue. */
struct vq_geometry {
	uint16_t size;   /* entries: a power of two up to VQ_SIZE_MAX */
	uint64_t desc;   /* gpa of the descriptor table, 16-byte aligned */
	uint64_t driver; /* gpa of the available ring, 2-byte aligned */
	uint64_t device; /* gpa of the used ring, 4-byte aligned */
};

struct vq { /* [io] from vq_start() on */
	const struct mem *mem;
	const struct vring_desc *desc; /* these three: the guest's memory; NULL: not started */
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;
	bool event_idx; /* VIRTIO_RING_F_EVENT_IDX is negotiated */
	bool indirect;  /* VIRTIO_RING_F_INDIRECT_DESC is */
	bool broken;
	uint16_t seen_avail;                  /* the driver's index, when it was last looked at */
	uint16_t next_avail;                  /* index of the next entry to take */
	uint16_t next_used;                   /* index of the next entry to fill */
	uint16_t published;                   /* used index that the driver sees */
	uint64_t in_flight[VQ_SIZE_MAX / 64]; /* a bit for each head that the device has */
	struct vq_geometry geometry;
};

/* A chain of descriptors. The device gives `iov` and its room, vq_pop() fills the rest. */
struct vq_chain {
	uint16_t head;
	unsigned n_out;   /* entries of `iov` that the device reads; they come first */
	unsigned n_in;    /* and those it writes */
	uint64_t out_len; /* bytes of each */
	uint64_t in_len;
	struct iovec *iov;
	unsigned n_iov; /* room in `iov` */
	bool too_long;  /* it did not fit: `iov` holds its beginning, and the counts are of that */
};

/*
 * Takes over a queue with `features` negotiated. Errors: -EINVAL for a size, an alignment, or rings
 * that are not in RAM; then the queue is as it was.
 */
MUST_CHECK int vq_start(struct vq *vq, const struct mem *mem, const struct vq_geometry *geometry,
			uint64_t features);

/* Forgets the queue; safe on one that was not started. */
void vq_stop(struct vq *vq);

/*
 * Takes the next chain. Returns 1, 0 where there is none, -EBADMSG where the driver broke a rule;
 * `vq->broken` from then on.
 */
MUST_CHECK int vq_pop(struct vq *vq, struct vq_chain *chain);

/* Gives back the last vq_pop()ped chain, as if it had not been taken: the device has no room for it. */
void vq_unpop(struct vq *vq, const struct vq_chain *chain);

/* Is there a chain to take, or a broken rule to find? */
bool vq_has_next(const struct vq *vq);

/*
 * Asks the driver to kick at the next chain it makes available. Returns true where vq_pop() has
 * something to say, because one came meanwhile. [virtio 1.2 §2.7.10]
 */
MUST_CHECK bool vq_arm(struct vq *vq);

/* Asks the driver not to kick: the device is looking anyway. */
void vq_disarm(struct vq *vq);

/* Fills a used entry for a chain with this head; `len`: bytes written into its buffers. */
void vq_push(struct vq *vq, uint16_t head, uint32_t len);

/* Shows the driver what was pushed. Returns whether it wants an interrupt for it. */
MUST_CHECK bool vq_flush(struct vq *vq);

/* How many chains the device has. */
unsigned vq_n_in_flight(const struct vq *vq);

/* What of a queue outlives its process; all zero where it was not started. */
struct vq_state {
	uint64_t desc, driver, device;
	uint16_t size;
	uint16_t next; /* index in both rings: what was taken was given back */
	uint16_t started, broken;
};

/* No chain is in flight, and all are flushed. */
void vq_save(const struct vq *vq, struct vq_state *ret_state);

/* The state may be hostile. Errors as vq_start(), and -EINVAL for what vq_save() does not write. */
MUST_CHECK int vq_load(struct vq *vq, const struct mem *mem, const struct vq_state *state,
		       uint64_t features);

#endif
