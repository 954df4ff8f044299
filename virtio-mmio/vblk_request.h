/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vblk_request.h - what a chain asks of a block device. [virtio 1.2 §5.2.6] Pure.
 *
 * The header, and the range of a discard, are copied once, and the copy is judged; nothing else of
 * the guest's bytes is looked at. Where the buffers are cut into descriptors does not matter.
 */
#ifndef MAYFLY_VIRTIO_VBLK_REQUEST_H
#define MAYFLY_VIRTIO_VBLK_REQUEST_H

#include <linux/virtio_blk.h>

#include "virtio-mmio/vq.h"

#define VBLK_SEG_MAX         62         /* buffers of data in a request */
#define VBLK_SIZE_MAX        (1U << 20) /* bytes of each; a request may share them out as it wants */
#define VBLK_LEN_MAX         ((uint64_t)VBLK_SEG_MAX * VBLK_SIZE_MAX)
#define VBLK_DISCARD_SECTORS (1U << 21) /* 1 GiB */
#define VBLK_ZERO_SECTORS    (1U << 15) /* 16 MiB: where the host has to write them */

/* The disk, as far as it matters here. */
struct vblk_disk {
	uint64_t len; /* bytes */
	bool read_only;
};

struct vblk_parsed {
	uint8_t *status_byte; /* NULL: the chain has none, so nothing can be answered */
	uint8_t status;       /* VIRTIO_BLK_S_OK: the rest is to be done */
	uint32_t type;        /* VIRTIO_BLK_T_* */
	bool unmap;           /* WRITE_ZEROES */
	uint64_t offset;      /* bytes, inside the disk */
	uint64_t len;         /* bytes */
	unsigned n_iov;       /* buffers of IN, OUT and GET_ID */
};

/* Judges a chain; `iov` has room for VBLK_SEG_MAX buffers. */
void vblk_parse(const struct vq_chain *chain, const struct vblk_disk *disk, struct iovec *iov,
		struct vblk_parsed *ret_parsed);

#endif
