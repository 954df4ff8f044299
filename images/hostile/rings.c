/* SPDX-License-Identifier: Apache-2.0 */
/* rings.c - what is wrong with the rings themselves, and with memory that is used twice. */
#include "images/hostile/hostile.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

/* Where the device may either see it or have been faster. */
static void tell_any(enum answer answer)
{
	print(answer == SILENT ? "silent" : "answered");
}

static void offer_head(uint16_t head)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	offer(0, head);
	tell_status(await(0, 1));
}

static void head_beyond(void)
{
	offer_head(RING_SIZE);
}

static void head_far_beyond(void)
{
	offer_head(0xffff);
}

static void jump_to(uint16_t index)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	offer(0, 0);
	(void)await(0, 1);
	show_index(0, index);
	tell_status(await(0, 2));
}

static void index_too_far(void)
{
	jump_to(1 + RING_SIZE + 1);
}

static void index_half_around(void)
{
	jump_to(0x8000);
}

static void index_back(void)
{
	jump_to(0);
}

static void head_many_times(void)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	show_index(0, RING_SIZE); /* the ring is full of zeros */
	tell_any(await(0, RING_SIZE));
}

static void chain_within_a_chain(void)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	for (uint16_t i = 0; i < 3; i++)
		rings[0].avail.ring[i] = i;
	show_index(0, 3);
	tell_any(await(0, 3));
}

static void buffer_of_two(void)
{
	volatile struct vring_desc *desc = rings[0].desc;

	begin(VIRTIO_ID_BLOCK);
	sound_read();
	for (unsigned i = 0; i < 3; i++) {
		desc[4 + i] = desc[i];
		desc[4 + i].next = (uint16_t)(5 + i);
	}
	rings[0].avail.ring[1] = 4;
	show_index(0, 2);
	tell_status(await(0, 2));
}

/* Queue 0 with its used ring, and then its available ring, at `at`. */
static void begin_over(unsigned low_register, const volatile void *at)
{
	meet(VIRTIO_ID_BLOCK);
	set_up_queue(0, RING_SIZE);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 0);
	tell_address(low_register, (uintptr_t)at);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
	virtio_ready(&device);
}

/* A used entry, or an index, is a descriptor or a head from now on. */
static void feed(void)
{
	for (uint16_t i = 0; i < rounds; i++) {
		sound_read();
		offer(0, i % 3);
		for (unsigned j = 0; j < 1000; j++)
			pause_cpu();
	}
	print("fed");
}

static void used_over_descriptors(void)
{
	begin_over(VIRTIO_MMIO_QUEUE_USED_LOW, rings[0].desc);
	feed();
}

static void used_over_available(void)
{
	begin_over(VIRTIO_MMIO_QUEUE_USED_LOW, &rings[0].avail);
	feed();
}

static void used_over_status(void)
{
	begin_over(VIRTIO_MMIO_QUEUE_USED_LOW, &request);
	feed();
}

static void available_over_descriptors(void)
{
	begin_over(VIRTIO_MMIO_QUEUE_AVAIL_LOW, rings[0].desc);
	feed();
}

/* Reads into `at`, or has its status there. */
static void read_over(unsigned descriptor, const volatile void *at)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	rings[0].desc[descriptor].addr = (uintptr_t)at;
	offer(0, 0);
	tell_any(await(0, 1));
}

static void data_over_descriptors(void)
{
	read_over(1, rings[0].desc);
}

static void data_over_header(void)
{
	read_over(1, &request.header);
}

static void data_over_available(void)
{
	read_over(1, &rings[0].avail);
}

static void status_over_used(void)
{
	read_over(2, &rings[0].used.ring[0]);
}

static void status_over_header(void)
{
	read_over(2, &request.header);
}

/* `n` bytes of the header in descriptors of one byte; the device does not care. */
static void header_in_bytes(void)
{
	volatile struct vring_desc *desc = rings[0].desc;
	volatile uint8_t *header = (volatile uint8_t *)&request.header;

	begin(VIRTIO_ID_BLOCK);
	sound_read();
	desc[17] = desc[1];
	desc[18] = desc[2];
	desc[17].next = 18;
	for (uint16_t i = 0; i < sizeof(request.header); i++) {
		set_desc(&desc[i], header + i, 1, VRING_DESC_F_NEXT);
		desc[i].next = (uint16_t)(i + 1);
	}
	desc[15].next = 17;
	offer(0, 0);
	tell_status(await(0, 1));
}

/* A table with `n` pieces of data. */
static void read_pieces(uint16_t n)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	request.table[0] = rings[0].desc[0];
	for (uint16_t i = 1; i <= n; i++) {
		set_desc(&request.table[i], request.data, SECTOR,
			 VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
		request.table[i].next = (uint16_t)(i + 1);
	}
	request.table[n + 1] = rings[0].desc[2];
	set_desc(&rings[0].desc[0], request.table, (n + 2U) * (uint32_t)sizeof(request.table[0]),
		 VRING_DESC_F_INDIRECT);
	offer(0, 0);
	tell_status(await(0, 1));
}

static void table_as_long_as_the_queue(void)
{
	read_pieces(RING_SIZE - 2);
}

static void table_longer_than_the_queue(void)
{
	read_pieces(RING_SIZE - 1);
}

static void table_twice_the_queue(void)
{
	read_pieces(2 * RING_SIZE - 2);
}

/* Flags that nobody knows, and an event index that is never where it should be. */
static void suppression_at_random(void)
{
	bool ok = true;

	begin(VIRTIO_ID_BLOCK);
	for (uint16_t i = 0; i < rounds && ok; i++) {
		rings[0].avail.flags = (uint16_t)(i * 0x9e37);
		rings[0].avail.used_event = (uint16_t)(i * 0x61c9);
		rings[0].used.flags = 0xffff;
		rings[0].used.avail_event = (uint16_t)~i;
		sound_read();
		offer(0, 0);
		ok = await(0, i + 1U) == USED;
	}
	tell_status(ok ? USED : SILENT);
}

/* The driver moves the used index itself. */
static void used_index_moved(void)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	rings[0].used.idx = 0x1234;
	offer(0, 0);
	tell_status(await(0, 1));
}

static void queue_of_one(void)
{
	meet(VIRTIO_ID_BLOCK);
	set_up_queue(0, 1);
	virtio_ready(&device);
	sound_read();
	rings[0].avail.ring[0] = 0;
	show_index(0, 1);
	tell_status(await(0, 1));
}

const struct hostile_case ring_cases[] = {
	{"head-beyond", VIRTIO_ID_BLOCK, head_beyond},
	{"head-far-beyond", VIRTIO_ID_BLOCK, head_far_beyond},
	{"index-too-far", VIRTIO_ID_BLOCK, index_too_far},
	{"index-half-around", VIRTIO_ID_BLOCK, index_half_around},
	{"index-back", VIRTIO_ID_BLOCK, index_back},
	{"head-many-times", VIRTIO_ID_BLOCK, head_many_times},
	{"chain-within-a-chain", VIRTIO_ID_BLOCK, chain_within_a_chain},
	{"buffer-of-two", VIRTIO_ID_BLOCK, buffer_of_two},
	{"used-over-descriptors", VIRTIO_ID_BLOCK, used_over_descriptors},
	{"used-over-available", VIRTIO_ID_BLOCK, used_over_available},
	{"used-over-status", VIRTIO_ID_BLOCK, used_over_status},
	{"available-over-descriptors", VIRTIO_ID_BLOCK, available_over_descriptors},
	{"data-over-descriptors", VIRTIO_ID_BLOCK, data_over_descriptors},
	{"data-over-header", VIRTIO_ID_BLOCK, data_over_header},
	{"data-over-available", VIRTIO_ID_BLOCK, data_over_available},
	{"status-over-used", VIRTIO_ID_BLOCK, status_over_used},
	{"status-over-header", VIRTIO_ID_BLOCK, status_over_header},
	{"header-in-bytes", VIRTIO_ID_BLOCK, header_in_bytes},
	{"table-as-long-as-the-queue", VIRTIO_ID_BLOCK, table_as_long_as_the_queue},
	{"table-longer-than-the-queue", VIRTIO_ID_BLOCK, table_longer_than_the_queue},
	{"table-twice-the-queue", VIRTIO_ID_BLOCK, table_twice_the_queue},
	{"suppression-at-random", VIRTIO_ID_BLOCK, suppression_at_random},
	{"used-index-moved", VIRTIO_ID_BLOCK, used_index_moved},
	{"queue-of-one", VIRTIO_ID_BLOCK, queue_of_one},
	{NULL, 0, NULL},
};
