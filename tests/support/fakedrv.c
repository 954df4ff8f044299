/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fakedrv.h"

#include <stdlib.h>

#define PAGE UINT64_C(4096)

/* The index of either side, and where it asks to be notified; ordered like the monitor's. */
static uint16_t load(const __virtio16 *value)
{
	return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static void store(__virtio16 *value, uint16_t to)
{
	__atomic_store_n(value, to, __ATOMIC_SEQ_CST);
}

static void insist(bool condition)
{
	if (!condition)
		abort();
}

void *fakedrv_hva(const struct fakedrv *drv, uint64_t gpa, uint64_t len)
{
	void *hva = mem_get(drv->mem, gpa, len);

	insist(hva != NULL);
	return hva;
}

void fakedrv_init(struct fakedrv *drv, const struct mem *mem, uint64_t gpa, uint16_t size,
		  uint64_t features)
{
	insist(gpa % PAGE == 0 && size <= VQ_SIZE_MAX);
	*drv = (struct fakedrv){
		.mem = mem,
		.geometry = {.size = size,
			     .desc = gpa,
			     .driver = gpa + PAGE,
			     .device = gpa + 2 * PAGE},
		.event_idx = (features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX) != 0,
		.tables = gpa + 3 * PAGE,
		.end = gpa + FAKEDRV_LEN(size),
		.n_free = size,
	};
	drv->desc = fakedrv_hva(drv, drv->geometry.desc, FAKEDRV_LEN(size));
	drv->avail = fakedrv_hva(drv, drv->geometry.driver, PAGE);
	drv->used = fakedrv_hva(drv, drv->geometry.device, PAGE);
	memset(drv->desc, 0, 3 * PAGE);
	for (uint16_t i = 0; i < size; i++)
		drv->free[i] = (uint16_t)(size - 1 - i);
}

static struct vring_desc describe(const struct fakedrv_part *part)
{
	return (struct vring_desc){
		.addr = part->gpa, .len = part->len, .flags = part->in ? VRING_DESC_F_WRITE : 0};
}

/* Fills the table that is for a head. Returns the descriptor that refers to it. */
static struct vring_desc fill_table(const struct fakedrv *drv, uint16_t head,
				    const struct fakedrv_part *parts, unsigned n)
{
	struct vring_desc *table = fakedrv_table(drv, head);
	uint64_t len = drv->geometry.size * sizeof(*table);

	insist(n <= drv->geometry.size);
	for (unsigned i = 0; i < n; i++) {
		table[i] = describe(&parts[i]);
		if (i + 1 == n)
			break;
		table[i].flags |= VRING_DESC_F_NEXT;
		table[i].next = (uint16_t)(i + 1);
	}
	return (struct vring_desc){.addr = drv->tables + head * len,
				   .len = n * (uint32_t)sizeof(*table),
				   .flags = VRING_DESC_F_INDIRECT};
}

int fakedrv_add_mixed(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n,
		      unsigned n_direct)
{
	unsigned n_outer = n_direct + (n > n_direct);
	uint16_t head, at;

	if (n_outer == 0 || n_outer > drv->n_free)
		return -1;
	head = at = drv->free[--drv->n_free];
	for (unsigned i = 0;; i++) {
		drv->desc[at] = i < n_direct ? describe(&parts[i])
					     : fill_table(drv, head, parts + i, n - i);
		drv->has_next[at] = i + 1 < n_outer;
		if (!drv->has_next[at])
			break;
		drv->next[at] = drv->free[--drv->n_free];
		drv->desc[at].flags |= VRING_DESC_F_NEXT;
		drv->desc[at].next = drv->next[at];
		at = drv->next[at];
	}
	drv->is_head[head] = true;
	fakedrv_put(drv, head);
	return head;
}

int fakedrv_add(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n)
{
	return fakedrv_add_mixed(drv, parts, n, n);
}

int fakedrv_add_indirect(struct fakedrv *drv, const struct fakedrv_part *parts, unsigned n)
{
	return fakedrv_add_mixed(drv, parts, n, 0);
}

struct vring_desc *fakedrv_table(const struct fakedrv *drv, uint16_t head)
{
	uint64_t len = drv->geometry.size * sizeof(struct vring_desc);

	return fakedrv_hva(drv, drv->tables + head * len, len);
}

void fakedrv_put(struct fakedrv *drv, uint16_t head)
{
	__atomic_store_n(&drv->avail->ring[drv->next_avail++ % drv->geometry.size], head,
			 __ATOMIC_RELAXED);
}

bool fakedrv_publish(struct fakedrv *drv)
{
	uint16_t old = drv->published;

	drv->published = drv->next_avail;
	store(&drv->avail->idx, drv->published);
	if (drv->event_idx)
		return vring_need_event(
			load((__virtio16 *)(void *)&drv->used->ring[drv->geometry.size]),
			drv->published, old);
	return (load(&drv->used->flags) & VRING_USED_F_NO_NOTIFY) == 0;
}

/* The descriptors of a chain are free again. A head that was just put there has none. */
static void release(struct fakedrv *drv, uint32_t head)
{
	if (head >= drv->geometry.size || !drv->is_head[head])
		return;
	drv->is_head[head] = false;
	for (uint16_t at = (uint16_t)head;; at = drv->next[at]) {
		drv->free[drv->n_free++] = at;
		if (!drv->has_next[at])
			return;
	}
}

bool fakedrv_collect(struct fakedrv *drv, struct vring_used_elem *ret_used)
{
	struct vring_used_elem *entry = &drv->used->ring[drv->next_used % drv->geometry.size];

	if (load(&drv->used->idx) == drv->next_used)
		return false;
	ret_used->id = __atomic_load_n(&entry->id, __ATOMIC_RELAXED);
	ret_used->len = __atomic_load_n(&entry->len, __ATOMIC_RELAXED);
	release(drv, ret_used->id);
	drv->next_used++;
	return true;
}

void fakedrv_ask_after(struct fakedrv *drv, uint16_t n)
{
	insist(drv->event_idx && n > 0);
	store(&drv->avail->ring[drv->geometry.size], (uint16_t)(drv->next_used + n - 1));
}

bool fakedrv_ask(struct fakedrv *drv, bool interrupt)
{
	if (drv->event_idx)
		fakedrv_ask_after(drv, interrupt ? 1 : 0x8000);
	else
		store(&drv->avail->flags, interrupt ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
	return load(&drv->used->idx) != drv->next_used;
}
