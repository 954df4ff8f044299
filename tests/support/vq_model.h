/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vq_model.h - a split virtqueue once more, slow and simple, for vq to be compared with.
 *
 * It reads memory byte by byte, collects the descriptors of a chain, and then judges the list by one
 * rule after another. It writes nothing: what the used ring has to hold it keeps beside, and in which
 * pages that differs from before. Plain C.
 */
#ifndef MAYFLY_TESTS_VQ_MODEL_H
#define MAYFLY_TESTS_VQ_MODEL_H

#include "virtio-mmio/vq.h"

#define MODEL_PARTS_MAX (VQ_SIZE_MAX * MEM_REGIONS_MAX)
#define MODEL_USED_MAX  (4 + 8 * VQ_SIZE_MAX + 2)

struct vq_model {
	const struct mem *mem;
	struct vq_geometry geometry;
	bool event_idx, indirect;
	bool broken;
	bool held[VQ_SIZE_MAX]; /* heads that the device has */
	unsigned n_held;
	uint16_t seen, taken, given, shown;
	uint8_t used[MODEL_USED_MAX];  /* what the used ring holds */
	bool is_dirty[MODEL_USED_MAX]; /* the device has written the byte */
};

struct model_part {
	uint8_t *hva;
	uint64_t len;
	bool in;
};

struct model_chain {
	uint16_t head;
	unsigned n;
	struct model_part parts[MODEL_PARTS_MAX];
};

/* As the functions of vq; nothing limits the parts of a chain. The used ring is as it is now. */
bool model_start(struct vq_model *model, const struct mem *mem, const struct vq_geometry *geometry,
		 uint64_t features);
int model_pop(struct vq_model *model, struct model_chain *ret_chain);
void model_unpop(struct vq_model *model, uint16_t head);
bool model_has_next(const struct vq_model *model);
bool model_arm(struct vq_model *model);
void model_disarm(struct vq_model *model);
void model_push(struct vq_model *model, uint16_t head, uint32_t len);
bool model_flush(struct vq_model *model);

/* Does the used ring hold what it has to? */
bool model_is_shown(const struct vq_model *model);

#endif
