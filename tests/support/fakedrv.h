/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakedrv.h - the driver of one split virtqueue, in plain memory. [virtio 1.2 §2.7]
 *
 * It keeps the rules by itself: which descriptors are free it knows without looking at the guest's
 * memory. A test that wants to break one writes to `desc`, `avail`, `used` or a table itself, before
 * fakedrv_publish(). The device may be on another thread. Plain C: the fuzz harnesses use it, too;
 * what cannot be aborts.
 */
#ifndef MAYFLY_TESTS_FAKEDRV_H
#define MAYFLY_TESTS_FAKEDRV_H

#include "virtio-mmio/vq.h"

#define FAKEDRV_FEATURES                                                                           \
	(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

/* A buffer, or a part of one. */
struct fakedrv_part {
	uint64_t gpa;
	uint32_t len;
	bool in; /* the device writes it */
};

struct fakedrv {
	const struct mem *mem;
	struct vq_geometry geometry; /* for vq_start() or a transport's registers */
	bool event_idx;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint64_t tables; /* gpa of a table of `size` descriptors for each head */
	uint64_t end;    /* first gpa after all of this */
	uint16_t next_avail;
	uint16_t published; /* avail->idx */
	uint16_t next_used;
	unsigned n_free;
	uint16_t free[VQ_SIZE_MAX];
	uint16_t next[VQ_SIZE_MAX]; /* of the chain that a descriptor is in */
	bool has_next[VQ_SIZE_MAX];
	bool is_head[VQ_SIZE_MAX]; /* the device has it */
};

/* Makes a queue of `size` at `gpa`, which is page-aligned; FAKEDRV_LEN bytes of one region. */
void fakedrv_init(struct fakedrv *drv, const struct mem *mem, uint64_t gpa, uint16_t size,
		  uint64_t features);
#define FAKEDRV_LEN(size) (UINT64_C(4096) * 3 + UINT64_C(16) * (size) * (size))

/*
 * Makes a chain of parts and puts its head on the available ring; it is not published yet. Those from
 * `n_direct` on are in a table of indirect descriptors. Returns the head, or -1 where there is no room.
 */
int fakedrv_add_mixed(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n,
		      unsigned n_direct);
int fakedrv_add(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n);
int fakedrv_add_indirect(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n);

/* The table of indirect descriptors that is for this head. */
struct vring_desc *fakedrv_table(const struct fakedrv *drv, uint16_t head);

/* Puts any number on the available ring. */
void fakedrv_put(struct fakedrv *drv, uint16_t head);

/* Moves the index over what was put on the ring. Returns whether the device wants a kick for it. */
bool fakedrv_publish(struct fakedrv *drv);

/* Takes the next used buffer back; false where there is none. */
bool fakedrv_collect(struct fakedrv *drv, struct vring_used_elem *ret_used);

/*
 * Asks for an interrupt for the next used buffer, or for none. Returns whether there already is a
 * used buffer, for which none may come.
 */
bool fakedrv_ask(struct fakedrv *drv, bool interrupt);

/* Asks for an interrupt once `n` more buffers are used; with event indices. */
void fakedrv_ask_after(struct fakedrv *drv, uint16_t n);

/* Host address of guest RAM, or an abort. */
void *fakedrv_hva(const struct fakedrv *drv, uint64_t gpa, uint64_t len);

#endif
