/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcon.h - the console device, with one port. [virtio 1.2 §5.3] Cell, loop thread.
 *
 * Bytes go straight from the guest's buffers to the file, one write at a time, and straight from the
 * file into its buffers. Nothing is kept in between: a reader that does not read keeps the guest's
 * buffers, and so its driver waits; what the guest does not take stays in the pipe, and so whoever
 * types waits. A reader that is gone for good takes everything, which is counted.
 */
#ifndef MAYFLY_VIRTIO_VCON_H
#define MAYFLY_VIRTIO_VCON_H

#include <linux/virtio_console.h>

#include "virtio-mmio/vdev.h"

#define VCON_QUEUE_SIZE 128
#define VCON_IOV        (2 * VCON_QUEUE_SIZE)
#define VCON_OPS        8U                /* in flight at most, with cancellations and doorbells */
#define VCON_CHAINS     64                /* of one write */
#define VCON_WRITE_MAX  ((size_t)1 << 20) /* bytes of one: a guest's buffers may be all its memory */

struct vcon_config {
	int output; /* descriptors; -1: there is none */
	int input;
	uint16_t cols, rows; /* 0: not known */
	/* Called once, when the first driver is up; may be NULL. [io] */
	void (*on_up)(void *context);
	void *context;
};

struct vcon { /* [io] */
	struct vdev vdev;
	const struct vcon_config *config; /* [ro] */
	unsigned output, input;           /* [ro] files of the ring */
	bool was_up;
	bool writing, reading;           /* an operation is in flight */
	bool cancelling;                 /* the read is to end */
	bool no_input;                   /* the end of it was read, or there is none */
	bool broken;                     /* the reader is gone */
	_Atomic int error;               /* [io] writes: by which that was noticed, an errno */
	_Atomic uint64_t dropped;        /* [io] writes: bytes */
	_Atomic uint64_t kept;           /* [io] writes: bytes that the reader has yet to take */
	_Atomic uint32_t wanted_size;    /* [any] rows << 16 | cols */
	uint16_t input_head;             /* chain that is read into */
	unsigned n_chains, n_iov, first; /* of what is being written; `first`: iov not done */
	uint16_t heads[VCON_CHAINS];
	struct iovec piece; /* the beginning of a part that is too long for one write */
	struct iovec iov[VCON_IOV];
	unsigned first_input_iov; /* after those that the device reads */
	struct iovec input_iov[VCON_IOV];
};

/* Makes the device on a ring. `config` must outlive it. Errors: -ENFILE. Set-up. */
MUST_CHECK int vcon_init(struct vcon *vcon, const struct vcon_config *config, const struct mem *mem,
			 struct ring *ring);

/* The window has this size from now on; the transport is to call the loop. Any thread. */
void vcon_resize(struct vcon *vcon, uint16_t cols, uint16_t rows);

/* How many bytes of output no reader got, or will get if the run ends now. Any thread. */
uint64_t vcon_n_lost(const struct vcon *vcon);

#endif
