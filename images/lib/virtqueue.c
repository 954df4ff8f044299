/* SPDX-License-Identifier: Apache-2.0 */
/* virtqueue.c - the split virtqueue, driver's side. [virtio 1.2 §2.7] */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"
#include "images/lib/virtio.h"

#define FAR_OFF 0x8000 /* used buffers, of the 65536 that an index can tell apart */

static void tell_address(const struct vq *q, unsigned low_register, const void *at)
{
	virtio_write(q->device, low_register, (uint32_t)(uintptr_t)at);
	virtio_write(q->device, low_register + 4, (uint32_t)((uintptr_t)at >> 32));
}

static void take_rings(struct vq *q)
{
	uint64_t desc_len = q->size * sizeof(struct vring_desc);
	uint64_t avail_len = (3 + q->size) * sizeof(uint16_t);
	uint64_t used_at = (desc_len + avail_len + 3) / 4 * 4;
	uint64_t used_len = 3 * sizeof(uint16_t) + q->size * sizeof(struct vring_used_elem);
	uint8_t *memory = memory_take(used_at + used_len);

	q->desc = (struct vring_desc *)memory;
	q->avail = (struct vring_avail *)(memory + desc_len);
	q->used = (struct vring_used *)(memory + used_at);
}

/* With EVENT_IDX the flags are to be 0, and the event is one that is far off. [virtio 1.2 §2.7.7.1] */
static void want_no_interrupt(struct vq *q)
{
	if (virtio_has(q->device, VIRTIO_RING_F_EVENT_IDX))
		vq_interrupt_after(q, FAR_OFF);
	else
		q->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

void vq_init(struct vq *q, struct virtio *device, uint16_t index, uint16_t size)
{
	uint32_t most;

	virtio_write(device, VIRTIO_MMIO_QUEUE_SEL, index);
	most = virtio_read(device, VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (most == 0 || virtio_read(device, VIRTIO_MMIO_QUEUE_READY) != 0)
		guest_fail("device at %lx: queue %u is not to be had\n", device->base, index);
	if (size > VQ_SIZE_MAX)
		size = VQ_SIZE_MAX;
	*q = (struct vq){
		.device = device, .index = index, .size = size < most ? size : (uint16_t)most};
	take_rings(q);
	q->n_free = q->size;
	for (unsigned i = 0; i < q->size; i++)
		q->next[i] = (uint16_t)(i + 1);
	if (device->polls)
		want_no_interrupt(q);
	virtio_write(device, VIRTIO_MMIO_QUEUE_NUM, q->size);
	tell_address(q, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	tell_address(q, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	tell_address(q, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	virtio_write(device, VIRTIO_MMIO_QUEUE_READY, 1);
}

static struct vring_desc describe(const struct vq_buffer *buffer, bool more, uint16_t next)
{
	return (struct vring_desc){
		.addr = (uintptr_t)buffer->at,
		.len = buffer->len,
		.flags = (uint16_t)((buffer->device_writes ? VRING_DESC_F_WRITE : 0) |
				    (more ? VRING_DESC_F_NEXT : 0)),
		.next = more ? next : 0,
	};
}

static void fill_table(struct vring_desc *table, const struct vq_buffer *buffers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		table[i] = describe(&buffers[i], i + 1 < n, (uint16_t)(i + 1));
}

static void fill_chain(const struct vq *q, const struct vq_buffer *buffers, unsigned n)
{
	uint16_t at = q->free;

	for (unsigned i = 0; i < n; i++, at = q->next[at])
		q->desc[at] = describe(&buffers[i], i + 1 < n, q->next[at]);
}

bool vq_add(struct vq *q, const struct vq_buffer *buffers, unsigned n, struct vring_desc *table,
	    void *token)
{
	uint16_t head = q->free, n_taken = table != NULL ? 1 : (uint16_t)n;

	if (q->n_free < n_taken)
		return false;
	if (table != NULL) {
		fill_table(table, buffers, n);
		q->desc[head] = (struct vring_desc){(uintptr_t)table, n * (uint32_t)sizeof(*table),
						    VRING_DESC_F_INDIRECT, 0};
	} else {
		fill_chain(q, buffers, n);
	}
	for (unsigned i = 0; i < n_taken; i++)
		q->free = q->next[q->free];
	q->n_free = (uint16_t)(q->n_free - n_taken);
	q->len[head] = n_taken;
	q->tokens[head] = token;
	q->avail->ring[q->next_avail++ % q->size] = head;
	return true;
}

/* The device may look as soon as it sees the new index: what it covers is to be there before. */
void vq_publish(const struct vq *q, uint16_t avail_idx)
{
	__atomic_store_n(&q->avail->idx, avail_idx, __ATOMIC_RELEASE);
}

void vq_notify(struct vq *q)
{
	q->n_kicks++;
	virtio_write(q->device, VIRTIO_MMIO_QUEUE_NOTIFY, q->index);
}

/* [virtio 1.2 §2.7.10] */
static bool wants_notification(const struct vq *q)
{
	if (virtio_has(q->device, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(*vq_avail_event(q), q->next_avail, q->kicked) != 0;
	return (*(volatile uint16_t *)&q->used->flags & VRING_USED_F_NO_NOTIFY) == 0;
}

/*
 * The fence: a device that goes to sleep writes avail_event and then looks at avail->idx; we write
 * avail->idx and then look at avail_event. One of the two sees what the other wrote.
 */
void vq_kick(struct vq *q)
{
	if (q->kicked == q->next_avail)
		return;
	vq_publish(q, q->next_avail);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_notification(q))
		vq_notify(q);
	q->kicked = q->next_avail;
}

unsigned vq_ready(const struct vq *q)
{
	return (uint16_t)(__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) - q->next_used);
}

static void free_chain(struct vq *q, uint16_t head)
{
	uint16_t last = head;

	for (unsigned i = 1; i < q->len[head]; i++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = head;
	q->n_free = (uint16_t)(q->n_free + q->len[head]);
}

void *vq_get(struct vq *q, uint32_t *ret_len)
{
	struct vring_used_elem used;
	void *token;

	if (vq_ready(q) == 0)
		return NULL;
	used = q->used->ring[q->next_used++ % q->size];
	if (used.id >= q->size || q->tokens[used.id] == NULL)
		guest_fail("device at %lx: queue %u: %u is not in flight\n", q->device->base,
			   q->index, used.id);
	token = q->tokens[used.id];
	q->tokens[used.id] = NULL;
	free_chain(q, (uint16_t)used.id);
	*ret_len = used.len;
	return token;
}

void vq_interrupt_after(struct vq *q, unsigned n)
{
	*vq_used_event(q) = (uint16_t)(q->next_used + n - 1);
}

/* The fence: as in vq_kick(), with used_event and used->idx, and the roles changed. */
void vq_wait(struct vq *q, unsigned n)
{
	while (vq_ready(q) < n) {
		uint32_t seen = q->device->n_used;

		if (q->device->polls) {
			want_no_interrupt(q);
			pause_cpu();
			continue;
		}
		vq_interrupt_after(q, n);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (vq_ready(q) < n)
			wait_change(&q->device->n_used, seen);
	}
}
