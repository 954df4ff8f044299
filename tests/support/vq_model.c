/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vq_model.h"

#include <errno.h>
#include <string.h>

#define PAGE UINT64_C(4096)

struct descriptor {
	uint64_t addr;
	uint64_t len;
	unsigned flags, next;
};

struct list {
	unsigned n;
	struct descriptor of[VQ_SIZE_MAX + 1]; /* one more than there may be */
};

static int region_of(const struct mem *mem, uint64_t gpa)
{
	for (unsigned i = 0; i < mem->n_regions; i++)
		if (gpa >= mem->regions[i].gpa && gpa - mem->regions[i].gpa < mem->regions[i].len)
			return (int)i;
	return -1;
}

static uint8_t *byte_at(const struct mem *mem, uint64_t gpa)
{
	const struct mem_region *region = &mem->regions[region_of(mem, gpa)];

	return mem->hva + region->offset + (gpa - region->gpa);
}

static uint64_t number_at(const struct mem *mem, uint64_t gpa, unsigned len)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < len; i++)
		number |= (uint64_t)*byte_at(mem, gpa + i) << 8 * i;
	return number;
}

/* Is it all RAM, and of one region? */
static bool is_in_one(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	int region = region_of(mem, gpa);

	for (uint64_t i = 0; i < len; i++)
		if (gpa + i < gpa || region_of(mem, gpa + i) < 0 ||
		    region_of(mem, gpa + i) != region)
			return false;
	return true;
}

/* The same of a table, which may claim to be large: in steps of no more than a page. */
static bool is_table_in_one(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	uint64_t at = 0;

	for (; at + PAGE < len; at += PAGE)
		if (!is_in_one(mem, gpa + at, 1) || region_of(mem, gpa + at) != region_of(mem, gpa))
			return false;
	return is_in_one(mem, gpa + at, len - at) &&
	       region_of(mem, gpa + at) == region_of(mem, gpa);
}

static bool is_size(unsigned size)
{
	for (unsigned good = 1; good <= VQ_SIZE_MAX; good += good)
		if (size == good)
			return true;
	return false;
}

bool model_start(struct vq_model *model, const struct mem *mem, const struct vq_geometry *geometry,
		 uint64_t features)
{
	uint64_t size = geometry->size;

	if (!is_size(geometry->size) || (geometry->desc & 15) != 0 || (geometry->driver & 1) != 0 ||
	    (geometry->device & 3) != 0 || !is_in_one(mem, geometry->desc, 16 * size) ||
	    !is_in_one(mem, geometry->driver, 6 + 2 * size) ||
	    !is_in_one(mem, geometry->device, 6 + 8 * size))
		return false;
	*model = (struct vq_model){.mem = mem,
				   .geometry = *geometry,
				   .event_idx = (features >> 29 & 1) != 0,
				   .indirect = (features >> 28 & 1) != 0};
	for (uint64_t i = 0; i < 6 + 8 * size; i++)
		model->used[i] = *byte_at(mem, geometry->device + i);
	return true;
}

static uint16_t avail16(const struct vq_model *model, uint64_t offset)
{
	return (uint16_t)number_at(model->mem, model->geometry.driver + offset, 2);
}

static void write_used(struct vq_model *model, unsigned offset, uint64_t number, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		model->used[offset + i] = (uint8_t)(number >> 8 * i);
		model->is_dirty[offset + i] = true;
	}
}

bool model_is_shown(const struct vq_model *model)
{
	for (unsigned i = 0; i < 6 + 8U * model->geometry.size; i++)
		if (*byte_at(model->mem, model->geometry.device + i) != model->used[i])
			return false;
	return true;
}

static struct descriptor descriptor_at(const struct mem *mem, uint64_t gpa)
{
	return (struct descriptor){.addr = number_at(mem, gpa, 8),
				   .len = number_at(mem, gpa + 8, 4),
				   .flags = (unsigned)number_at(mem, gpa + 12, 2),
				   .next = (unsigned)number_at(mem, gpa + 14, 2)};
}

/* The buffers of a chain, or as many of them as show that there are too many. */
static bool collect(const struct vq_model *model, unsigned index, struct list *list)
{
	uint64_t table = model->geometry.desc, n_table = model->geometry.size;
	bool inside = false;

	list->n = 0;
	while (list->n <= model->geometry.size) {
		struct descriptor at;

		if (index >= n_table)
			return false;
		at = descriptor_at(model->mem, table + UINT64_C(16) * index);
		index = at.next;
		if ((at.flags & 4) == 0) {
			list->of[list->n++] = at;
			if ((at.flags & 1) == 0)
				return true;
			continue;
		}
		if (!model->indirect || inside || (at.flags & 1) != 0 || at.len == 0 ||
		    at.len % 16 != 0 || !is_table_in_one(model->mem, at.addr, at.len))
			return false;
		table = at.addr;
		n_table = at.len / 16;
		index = 0;
		inside = true;
	}
	return true;
}

static bool is_allowed(const struct vq_model *model, const struct list *list)
{
	uint64_t len = 0;

	if (list->n > model->geometry.size)
		return false;
	for (unsigned i = 0; i < list->n; i++)
		if (list->of[i].len == 0)
			return false;
	for (unsigned i = 0; i < list->n; i++)
		len += list->of[i].len;
	if (len > UINT64_C(0x100000000))
		return false;
	for (unsigned i = 1; i < list->n; i++)
		if ((list->of[i].flags & 2) == 0 && (list->of[i - 1].flags & 2) != 0)
			return false;
	return true;
}

/* Page by page; pages of one region are one part. */
static bool add_parts(const struct mem *mem, const struct descriptor *buffer,
		      struct model_chain *chain)
{
	uint64_t gpa = buffer->addr, left = buffer->len;
	int last = -1;

	while (left > 0) {
		uint64_t len = PAGE - gpa % PAGE < left ? PAGE - gpa % PAGE : left;
		int region = region_of(mem, gpa);

		if (region < 0)
			return false;
		if (region != last)
			chain->parts[chain->n++] = (struct model_part){
				.hva = byte_at(mem, gpa), .in = (buffer->flags & 2) != 0};
		chain->parts[chain->n - 1].len += len;
		last = region;
		left -= len;
		if (left > 0 && gpa + len < gpa)
			return false;
		gpa += len;
	}
	return true;
}

static bool take(struct vq_model *model, struct model_chain *chain)
{
	struct list list;

	chain->n = 0;
	chain->head = avail16(model, 4 + 2 * (model->taken % model->geometry.size));
	if (chain->head >= model->geometry.size || model->held[chain->head] ||
	    !collect(model, chain->head, &list) || !is_allowed(model, &list))
		return false;
	for (unsigned i = 0; i < list.n; i++)
		if (!add_parts(model->mem, &list.of[i], chain))
			return false;
	return true;
}

/* Between none and `size` entries can have come. */
static bool look(struct vq_model *model)
{
	uint16_t index = avail16(model, 2);

	for (unsigned n = 0; n <= model->geometry.size; n++)
		if ((uint16_t)(model->taken + n) == index) {
			model->seen = index;
			return true;
		}
	model->broken = true;
	return false;
}

int model_pop(struct vq_model *model, struct model_chain *ret_chain)
{
	if (model->broken || (model->seen == model->taken && !look(model)))
		return -EBADMSG;
	if (model->seen == model->taken)
		return 0;
	if (!take(model, ret_chain)) {
		model->broken = true;
		return -EBADMSG;
	}
	model->held[ret_chain->head] = true;
	model->n_held++;
	model->taken++;
	return 1;
}

void model_unpop(struct vq_model *model, uint16_t head)
{
	model->held[head] = false;
	model->n_held--;
	model->taken--;
}

bool model_has_next(const struct vq_model *model)
{
	return !model->broken && (model->seen != model->taken || avail16(model, 2) != model->taken);
}

bool model_arm(struct vq_model *model)
{
	if (model->broken)
		return false;
	if (model->event_idx)
		write_used(model, 4 + 8 * model->geometry.size, model->taken, 2);
	else
		write_used(model, 0, 0, 2);
	return !look(model) || model->seen != model->taken;
}

void model_disarm(struct vq_model *model)
{
	if (!model->event_idx)
		write_used(model, 0, 1, 2);
}

void model_push(struct vq_model *model, uint16_t head, uint32_t len)
{
	unsigned entry = 4 + 8U * (model->given % model->geometry.size);

	write_used(model, entry, head, 4);
	write_used(model, entry + 4, len, 4);
	model->held[head] = false;
	model->n_held--;
	model->given++;
}

/* [virtio 1.2 §2.7.7.2], word by word: was an entry placed where used_event says? */
bool model_flush(struct vq_model *model)
{
	uint16_t event = avail16(model, 4 + 2 * model->geometry.size);
	bool is_new = model->shown != model->given, wanted = false;

	if (is_new)
		write_used(model, 2, model->given, 2);
	for (; model->shown != model->given; model->shown++)
		wanted |= model->shown == event;
	return is_new && (model->event_idx ? wanted : (avail16(model, 0) & 1) == 0);
}
