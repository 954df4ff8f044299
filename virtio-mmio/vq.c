/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vq.c - the device's side of a split virtqueue. [virtio 1.2 §2.7]
 *
 * Rings and descriptors are the driver's to change at any moment. An index or a flag is one atomic
 * access, a descriptor is copied as a whole, and each is read once: what was judged is what is used.
 * Loads and stores of indices keep their order among each other, which costs nothing but where a load
 * follows a store: there it is needed.
 */
#include "virtio-mmio/vq.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

/* Nor may a chain be longer. [virtio 1.2 §2.7.5.2] */
#define CHAIN_LEN_MAX (UINT64_C(1) << 32)

/* Where a chain is at: the descriptors that `next` counts, and what was found so far. */
struct walk {
	const uint8_t *table;
	uint32_t n_table;
	bool in_indirect;
	bool in;    /* the last buffer is one that the device writes */
	unsigned n; /* buffers */
	uint64_t len;
};

static uint16_t load16(const __virtio16 *value)
{
	return le16toh(__atomic_load_n(value, __ATOMIC_SEQ_CST));
}

static void store16(const struct vq *vq, __virtio16 *value, uint16_t to)
{
	__atomic_store_n(value, htole16(to), __ATOMIC_SEQ_CST);
	mem_dirty(vq->mem, value, sizeof(*value));
}

/* After the ring lies where the other side asks to be notified. [virtio 1.2 §2.7.6, §2.7.8] */
static const __virtio16 *used_event(const struct vq *vq)
{
	return &vq->avail->ring[vq->size];
}

static __virtio16 *avail_event(const struct vq *vq)
{
	return (__virtio16 *)(void *)&vq->used->ring[vq->size];
}

/* [virtio 1.2 §2.7] */
static bool is_sound(const struct vq_geometry *geometry)
{
	unsigned size = geometry->size;

	return size > 0 && size <= VQ_SIZE_MAX && (size & (size - 1)) == 0 &&
	       geometry->desc % VRING_DESC_ALIGN_SIZE == 0 &&
	       geometry->driver % VRING_AVAIL_ALIGN_SIZE == 0 &&
	       geometry->device % VRING_USED_ALIGN_SIZE == 0;
}

int vq_start(struct vq *vq, const struct mem *mem, const struct vq_geometry *geometry,
	     uint64_t features)
{
	struct vq started = {
		.mem = mem,
		.size = geometry->size,
		.event_idx = (features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX) != 0,
		.indirect = (features & UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC) != 0,
		.geometry = *geometry,
	};
	uint64_t size = geometry->size;

	if (!is_sound(geometry))
		return -EINVAL;
	/* Each with the event index at its end, which has its place there in any case. */
	started.desc = mem_get(mem, geometry->desc, sizeof(*vq->desc) * size);
	started.avail = mem_get(mem, geometry->driver,
				sizeof(*vq->avail) + sizeof(vq->avail->ring[0]) * (size + 1));
	started.used = mem_get(mem, geometry->device,
			       sizeof(*vq->used) + sizeof(vq->used->ring[0]) * size +
				       sizeof(__virtio16));
	if (started.desc == NULL || started.avail == NULL || started.used == NULL)
		return -EINVAL;
	*vq = started;
	return 0;
}

void vq_stop(struct vq *vq)
{
	*vq = (struct vq){0};
}

static bool is_in_flight(const struct vq *vq, uint16_t head)
{
	return (vq->in_flight[head / 64] & UINT64_C(1) << head % 64) != 0;
}

static void toggle_in_flight(struct vq *vq, uint16_t head)
{
	vq->in_flight[head / 64] ^= UINT64_C(1) << head % 64;
}

/*
 * Looks at the driver's index. Acquires: the driver fills entry and descriptors, then moves the index;
 * who sees the index moved must not see what it points at as it was before. And not before what
 * vq_arm() stored.
 */
static bool look(struct vq *vq)
{
	uint16_t index = load16(&vq->avail->idx);

	/* It went too far, or back. [virtio 1.2 §2.7.6.1] */
	if ((uint16_t)(index - vq->next_avail) > vq->size)
		vq->broken = true;
	else
		vq->seen_avail = index;
	return !vq->broken;
}

/*
 * Goes on in a table of indirect descriptors: the last of a chain, and only one. What its WRITE flag
 * says does not count. [virtio 1.2 §2.7.5.3]
 */
static bool enter_table(const struct vq *vq, struct walk *walk, const struct vring_desc *desc)
{
	if (!vq->indirect || walk->in_indirect || (desc->flags & VRING_DESC_F_NEXT) != 0 ||
	    desc->len % sizeof(*desc) != 0)
		return false;
	walk->table = mem_get(vq->mem, desc->addr, desc->len);
	walk->n_table = desc->len / (uint32_t)sizeof(*desc);
	walk->in_indirect = true;
	return walk->table != NULL;
}

/* One entry for each region that the buffer lies in. */
static bool add_parts(const struct mem *mem, struct vq_chain *chain, const struct vring_desc *desc)
{
	bool in = (desc->flags & VRING_DESC_F_WRITE) != 0;
	uint64_t gpa = desc->addr, left = desc->len, len = 0;

	for (; left > 0; gpa += len, left -= len) {
		void *hva = mem_get_part(mem, gpa, left, &len);

		if (hva == NULL)
			return false;
		if (chain->n_out + chain->n_in == chain->n_iov)
			chain->too_long = true;
		if (chain->too_long)
			continue;
		chain->iov[chain->n_out + chain->n_in] = (struct iovec){.iov_base = hva,
									.iov_len = len};
		*(in ? &chain->n_in : &chain->n_out) += 1;
		*(in ? &chain->in_len : &chain->out_len) += len;
	}
	return true;
}

static bool add_buffer(const struct vq *vq, struct walk *walk, struct vq_chain *chain,
		       const struct vring_desc *desc)
{
	bool in = (desc->flags & VRING_DESC_F_WRITE) != 0;
	uint64_t last;

	/* What the device reads comes before what it writes. [virtio 1.2 §2.7.4.2] */
	if (walk->in && !in)
		return false;
	walk->in = in;
	walk->n++;
	walk->len += desc->len;
	/* More descriptors than the queue has: a loop, or as good as one. [virtio 1.2 §2.7.5.3.1] */
	if (walk->n > vq->size || walk->len > CHAIN_LEN_MAX || desc->len == 0 ||
	    __builtin_add_overflow(desc->addr, desc->len - 1, &last))
		return false;
	return add_parts(vq->mem, chain, desc);
}

/* The tables of indirect descriptors may lie at any address. */
static struct vring_desc copy_descriptor(const struct walk *walk, uint32_t index)
{
	struct vring_desc desc;

	mem_copy_in(&desc, walk->table + index * sizeof(desc), sizeof(desc));
	return (struct vring_desc){.addr = le64toh(desc.addr),
				   .len = le32toh(desc.len),
				   .flags = le16toh(desc.flags),
				   .next = le16toh(desc.next)};
}

static bool walk_chain(const struct vq *vq, struct vq_chain *chain)
{
	struct walk walk = {.table = (const uint8_t *)vq->desc, .n_table = vq->size};
	uint32_t index = chain->head;
	struct vring_desc desc;

	while (index < walk.n_table) {
		desc = copy_descriptor(&walk, index);
		if ((desc.flags & VRING_DESC_F_INDIRECT) != 0) {
			if (!enter_table(vq, &walk, &desc))
				return false;
			index = 0;
			continue;
		}
		if (!add_buffer(vq, &walk, chain, &desc))
			return false;
		if ((desc.flags & VRING_DESC_F_NEXT) == 0)
			return true;
		index = desc.next;
	}
	return false;
}

int vq_pop(struct vq *vq, struct vq_chain *chain)
{
	struct vq_chain taken = {.iov = chain->iov, .n_iov = chain->n_iov};

	if (vq->desc == NULL)
		return 0;
	if (vq->broken || (vq->seen_avail == vq->next_avail && !look(vq)))
		return -EBADMSG;
	if (vq->seen_avail == vq->next_avail)
		return 0;
	taken.head = load16(&vq->avail->ring[vq->next_avail & (vq->size - 1)]);
	/* A descriptor that we have is not free to be another head. [virtio 1.2 §2.7.13] */
	vq->broken = taken.head >= vq->size || is_in_flight(vq, taken.head) ||
		     !walk_chain(vq, &taken);
	if (vq->broken)
		return -EBADMSG;
	toggle_in_flight(vq, taken.head);
	vq->next_avail++;
	*chain = taken;
	return 1;
}

void vq_unpop(struct vq *vq, const struct vq_chain *chain)
{
	assert(is_in_flight(vq, chain->head));
	toggle_in_flight(vq, chain->head);
	vq->next_avail--;
}

bool vq_has_next(const struct vq *vq)
{
	return vq->desc != NULL && !vq->broken &&
	       (vq->seen_avail != vq->next_avail || load16(&vq->avail->idx) != vq->next_avail);
}

bool vq_arm(struct vq *vq)
{
	if (vq->desc == NULL || vq->broken)
		return false;
	/* With event indices the flags stay 0, as the driver made them. [virtio 1.2 §2.7.10.2] */
	if (vq->event_idx)
		store16(vq, avail_event(vq), vq->next_avail);
	else
		store16(vq, &vq->used->flags, 0);
	/*
	 * The driver moves its index, then looks whether it is to kick; we said that it is to, and now
	 * look at its index. Could a look overtake the store before it, on either side, each could miss
	 * the other's: a chain that nobody kicks for.
	 */
	return !look(vq) || vq->seen_avail != vq->next_avail;
}

void vq_disarm(struct vq *vq)
{
	/* An event index that was passed asks for nothing until the indices have gone around. */
	if (vq->desc != NULL && !vq->event_idx)
		store16(vq, &vq->used->flags, VRING_USED_F_NO_NOTIFY);
}

void vq_push(struct vq *vq, uint16_t head, uint32_t len)
{
	vring_used_elem_t *entry;

	assert(vq->desc != NULL && head < vq->size && is_in_flight(vq, head));
	entry = &vq->used->ring[vq->next_used & (vq->size - 1)];
	__atomic_store_n(&entry->id, htole32(head), __ATOMIC_RELAXED);
	__atomic_store_n(&entry->len, htole32(len), __ATOMIC_RELAXED);
	mem_dirty(vq->mem, entry, sizeof(*entry));
	toggle_in_flight(vq, head);
	vq->next_used++;
}

bool vq_flush(struct vq *vq)
{
	uint16_t old = vq->published;

	if (vq->next_used == old)
		return false;
	/*
	 * Releases: the driver that sees the index moved must find entries and buffers filled. And as in
	 * vq_arm(), the other way round: the driver asks for an interrupt, then looks at our index. Could
	 * our look at what it asks for overtake this store: a used buffer that nobody tells of.
	 */
	store16(vq, &vq->used->idx, vq->next_used);
	vq->published = vq->next_used;
	if (vq->event_idx)
		return vring_need_event(load16(used_event(vq)), vq->next_used, old);
	return (load16(&vq->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

unsigned vq_n_in_flight(const struct vq *vq)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VQ_SIZE_MAX / 64; i++)
		n += (unsigned)__builtin_popcountll(vq->in_flight[i]);
	return n;
}

void vq_save(const struct vq *vq, struct vq_state *ret_state)
{
	assert(vq_n_in_flight(vq) == 0 && vq->published == vq->next_used);
	*ret_state = (struct vq_state){.desc = vq->geometry.desc,
				       .driver = vq->geometry.driver,
				       .device = vq->geometry.device,
				       .size = vq->geometry.size,
				       .next = vq->next_used,
				       .started = vq->desc != NULL,
				       .broken = vq->broken};
}

int vq_load(struct vq *vq, const struct mem *mem, const struct vq_state *state, uint64_t features)
{
	static const struct vq_state stopped;
	const struct vq_geometry geometry = {.size = state->size,
					     .desc = state->desc,
					     .driver = state->driver,
					     .device = state->device};
	int ret;

	if (memcmp(state, &stopped, sizeof(stopped)) == 0) {
		vq_stop(vq);
		return 0;
	}
	if (state->started != 1 || state->broken > 1)
		return -EINVAL;
	ret = vq_start(vq, mem, &geometry, features);
	if (ret < 0)
		return ret;
	vq->seen_avail = vq->next_avail = vq->next_used = vq->published = state->next;
	vq->broken = state->broken != 0;
	return 0;
}
