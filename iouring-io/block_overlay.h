/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block_overlay.h - a disk that is a base, which is only read, and a private layer over it: in a file
 * (overlay_format.h) or in memory. Cell, loop thread.
 *
 * Theory of operation. The map says which clusters are in the layer. A write of a whole cluster, or
 * into one that is in the layer, goes straight there. A write of a part of another one makes the
 * cluster first, from the base and the part. Its bit is set when the cluster is there; until then
 * everyone else reads the base. A write that sets bits claims its clusters, so that two that make the
 * same cluster come one after the other; there is one bounce buffer, so one cluster is made at a time.
 *
 * In a file, a flush makes the clusters durable, then writes the map as it was when the flush began,
 * then makes that durable: a bit that is found after a crash stands for a cluster that is there.
 * Bits are only ever set, so sectors of the map that are older than others do no harm.
 */
#ifndef MAYFLY_IOURING_BLOCK_OVERLAY_H
#define MAYFLY_IOURING_BLOCK_OVERLAY_H

#include "iouring-io/block.h"
#include "iouring-io/overlay_format.h"

struct block_overlay_config {
	uint64_t len; /* bytes of the disk */
	int base_fd;
	uint64_t base_mtime; /* ns; 0: it is a block device */
	int layer_fd;        /* -1: the layer is in memory */
	uint64_t memory_max; /* bytes of a layer in memory; 0: as many as the disk has */
};

struct block_overlay {
	struct block block;
	struct overlay_geometry geometry;
	unsigned base_file, layer_file; /* [ro] places in the ring */
	uint8_t *map;                   /* what is in the layer */
	uint8_t *staged;                /* file: sectors of the map on their way to it */
	uint8_t *dirty, *staging; /* file: a byte for each sector: not yet there, on its way */
	uint64_t next_staged;     /* file: the sector that the flush has come to */
	uint8_t *memory;          /* the clusters, where it is in memory */
	uint8_t *bounce;          /* file: one cluster */
	uint64_t n_left;          /* memory: clusters that there is room for, but for claims */
	bool bounce_taken;
	bool flushing;
	bool waking;
	struct block_request *claims;  /* that set bits */
	struct block_request *waiting; /* in their order */
};

/*
 * Set-up; `overlay->block` has its ring, done and owner. A blank layer file becomes a layer, another
 * one is judged. Errors: -EINVAL for one that is damaged, or of another base; else the host's.
 */
MUST_CHECK int block_overlay_init(struct block_overlay *overlay,
				  const struct block_overlay_config *config, struct err *err);
void block_overlay_done(struct block_overlay *overlay);

/* A layer in memory is as it was at first, with nothing in flight. */
void block_overlay_drop(struct block_overlay *overlay);

#endif
