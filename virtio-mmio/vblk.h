/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vblk.h - the block device. [virtio 1.2 §5.2] Cell; [io], but for set-up.
 *
 * It parses requests (vblk_request.h) and gives them to a back end (iouring-io/block.h), which does them
 * in any order. There are VBLK_SLOTS of them at most at once, over all queues; what comes then waits in
 * its queue, and so does what a limit on bytes or operations does not let pass yet.
 *
 * A driver that does not want VIRTIO_BLK_F_FLUSH gets a disk without a cache: each write is made
 * durable before it is answered. VIRTIO_BLK_F_CONFIG_WCE is not offered: with FLUSH there is nothing to
 * be gained by switching. A flush that failed is the end of all flushes (block.h), also for the next
 * driver; vblk_swap() begins anew.
 */
#ifndef MAYFLY_VIRTIO_VBLK_H
#define MAYFLY_VIRTIO_VBLK_H

#include "iouring-io/block_memory.h"
#include "iouring-io/block_overlay.h"
#include "iouring-io/block_raw.h"
#include "iouring-io/throttle.h"
#include "virtio-mmio/vblk_request.h"
#include "virtio-mmio/vdev.h"

#define VBLK_SLOTS 64
/* In flight at most, with a doorbell for each queue and a timer. */
#define VBLK_OPS(n_queues) (VBLK_SLOTS + 1 + (n_queues))
#define VBLK_QUEUE_SIZE    128
#define VBLK_TURN_BYTES                                                                            \
	(UINT64_C(16) << 20) /* started in one turn: the host may copy them at once */
#define VBLK_CHAIN_MAX                                                                             \
	(VQ_SIZE_MAX + MEM_REGIONS_MAX) /* buffers of the longest chain there can be */

enum vblk_kind {
	VBLK_FILE,    /* a file or a block device; or nothing, until vblk_swap() */
	VBLK_MEMORY,  /* memory of the cell's */
	VBLK_OVERLAY, /* a file that is only read, and a layer over it */
};

struct vblk_config {
	enum vblk_kind kind;
	uint64_t len;    /* bytes, a multiple of `sector` */
	unsigned sector; /* 512 or 4096: what the driver is told */
	unsigned n_queues;
	bool read_only;
	char serial[VIRTIO_BLK_ID_BYTES]; /* filled up with zeros */
	struct block_raw_config file;     /* VBLK_FILE, and the base of VBLK_OVERLAY */
	int layer_fd;                     /* VBLK_OVERLAY: -1: the layer is in memory */
	uint64_t layer_max;               /* bytes of one in memory; 0: as many as the disk has */
	uint64_t base_mtime;              /* of the base, ns; 0: it is a block device */
	struct throttle_config bandwidth, ops;
};

struct vblk_slot {
	struct block_request request;
	struct vblk_slot *next; /* free ones */
	uint8_t *status_byte;
	uint16_t head;
	uint8_t queue;
	uint64_t len; /* bytes of data */
	unsigned n_iov;
	struct iovec iov[VBLK_SEG_MAX];
};

struct vblk {
	struct vdev vdev;
	struct vblk_disk disk; /* [io] */
	enum vblk_kind kind;
	_Atomic uint64_t asked_len; /* [any] it is to have; UINT64_MAX: nothing is asked */
	bool timer_armed;
	uint64_t started; /* bytes, in this turn */
	bool unsettled;   /* it was written to since the last drain */
	uint32_t held;    /* bits: queues that a limit holds back */
	uint32_t starved; /* bits: queues that found no free slot */
	unsigned n_busy;  /* slots */
	struct vblk_slot *free;
	struct throttle throttle;
	char serial[VIRTIO_BLK_ID_BYTES];
	struct block *block; /* one of these */
	union {
		struct block_raw raw;
		struct block_memory memory;
		struct block_overlay overlay;
	};
	struct iovec chain[VBLK_CHAIN_MAX];
	struct vblk_slot slots[VBLK_SLOTS];
};

/*
 * Set-up: `vblk` is zero; puts the files into the ring. Errors: a layer's, see block_overlay_init(); the
 * host's.
 */
MUST_CHECK int vblk_init(struct vblk *vblk, const struct mem *mem, struct ring *ring,
			 const struct vblk_config *config, struct err *err);
void vblk_done(struct vblk *vblk);

/* The file has another length now, rounded down here; the driver is told. Errors: -EOPNOTSUPP: no file. */
MUST_CHECK int vblk_resize(struct vblk *vblk, uint64_t len);

/* As vblk_resize(), which its loop does when it is called to attend to the device. Any thread. */
void vblk_ask_resize(struct vblk *vblk, uint64_t len);

/*
 * Another file of `len` bytes in the place of the one there is, or of none; the driver is told. It has to be
 * drained. Errors: -EBUSY where it is not, -EOPNOTSUPP for memory and overlays, the ring's.
 */
MUST_CHECK int vblk_swap(struct vblk *vblk, int fd, uint64_t len);

/* Forgets what was written to a layer in memory. Drained. Errors: -EBUSY, -EOPNOTSUPP: there is none. */
MUST_CHECK int vblk_drop(struct vblk *vblk);

#endif
