/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vrng.h - the entropy device: bytes of the host's own generator. [virtio 1.2 §5.4] Cell, loop thread.
 *
 * A request gets VRNG_REQUEST_MAX bytes at most, and the device gives VRNG_WINDOW_BYTES in each
 * VRNG_WINDOW_NS: a guest that asks for more waits, and costs the host no more than that.
 */
#ifndef MAYFLY_VIRTIO_VRNG_H
#define MAYFLY_VIRTIO_VRNG_H

#include "virtio-mmio/vdev.h"

#define VRNG_REQUEST_MAX  4096
#define VRNG_WINDOW_BYTES (1U << 18)
#define VRNG_WINDOW_NS    INT64_C(100000000)
#define VRNG_QUEUE_SIZE   64
#define VRNG_OPS          2U /* in flight at most: a doorbell and a timer */
#define VRNG_IOV          8

struct vrng { /* [io] */
	struct vdev vdev;
	int64_t window_at;    /* when the present window began, ns */
	unsigned window_left; /* bytes that it still has */
	bool waiting;         /* for the next window: a timer runs */
};

/* Makes the device; the caller gives it to a transport. Set-up. */
void vrng_init(struct vrng *vrng, const struct mem *mem);

#endif
