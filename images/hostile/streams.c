/* SPDX-License-Identifier: Apache-2.0 */
/* streams.c - the console and the entropy device, badly used. */
#include "boot-proto/ports_abi.h"
#include "images/hostile/hostile.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define INPUT       0 /* queues of the console */
#define OUTPUT      1
#define MUCH        (UINT64_C(1) << 20) /* of memory, from there on, as output */
#define ENTROPY_MAX 4096

/* One buffer in queue 0 or 1. */
static void give(uint32_t id, unsigned queue, const volatile void *at, uint32_t len, uint16_t flags)
{
	begin(id);
	set_desc(&rings[queue].desc[0], at, len, flags);
	offer(queue, 0);
	tell_len(queue, await(queue, 1));
}

static void entropy_to_read(void)
{
	give(VIRTIO_ID_RNG, 0, request.data, 16, 0);
}

static void entropy_of_nothing(void)
{
	give(VIRTIO_ID_RNG, 0, request.data, 0, VRING_DESC_F_WRITE);
}

static void entropy_for_registers(void)
{
	give(VIRTIO_ID_RNG, 0, (void *)MMIO_VIRTIO, 16, VRING_DESC_F_WRITE);
}

static void entropy_for_a_loop(void)
{
	give(VIRTIO_ID_RNG, 0, request.data, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
}

/* More pieces than it looks at. */
static void entropy_in_pieces(void)
{
	begin(VIRTIO_ID_RNG);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		set_desc(&rings[0].desc[i], request.data + 16U * i, 16,
			 VRING_DESC_F_WRITE | (i + 1 < RING_SIZE ? VRING_DESC_F_NEXT : 0));
		rings[0].desc[i].next = (uint16_t)(i + 1);
	}
	offer(0, 0);
	tell_len(0, await(0, 1));
}

/* More than the device gives at a time: it is waited for. */
static void entropy_without_end(void)
{
	uint16_t n = 0;
	bool ok = true;

	begin(VIRTIO_ID_RNG);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		set_desc(&rings[0].desc[i], request.data, ENTROPY_MAX, VRING_DESC_F_WRITE);
		rings[0].avail.ring[i] = i;
	}
	for (uint64_t i = 0; i < rounds / 10 && ok; i++) {
		n = (uint16_t)(n + RING_SIZE);
		show_index(0, n);
		ok = await(0, n) == USED;
	}
	print(ok ? "waited for" : "silent");
}

/* The timer of a wait goes on over a reset. */
static void entropy_reset_while_it_waits(void)
{
	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_RNG);
		for (uint16_t j = 0; j < RING_SIZE; j++) {
			set_desc(&rings[0].desc[j], request.data, ENTROPY_MAX, VRING_DESC_F_WRITE);
			rings[0].avail.ring[j] = j;
		}
		show_index(0, RING_SIZE);
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	}
	print("status %u", virtio_read(&device, VIRTIO_MMIO_STATUS));
}

static void entropy_queue_1(void)
{
	begin(VIRTIO_ID_RNG);
	offer(1, 0);
	print(needs_reset() ? "needs reset" : "lives");
}

static void output_to_write(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, request.data, 16, VRING_DESC_F_WRITE);
}

static void output_of_nothing(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, request.data, 0, 0);
}

static void output_of_registers(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, (void *)MMIO_VIRTIO, 16, 0);
}

static void output_of_a_loop(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, request.data, 16, VRING_DESC_F_NEXT);
}

static void output_over_the_end(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, (void *)(ram_end - 8), 16, 0);
}

static void output_of_much(void)
{
	give(VIRTIO_ID_CONSOLE, OUTPUT, (void *)MUCH, 3 * MUCH, 0);
}

static void output_of_many(void)
{
	uint16_t n = 0;
	bool ok = true;

	begin(VIRTIO_ID_CONSOLE);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		set_desc(&rings[OUTPUT].desc[i], request.data, 1, 0);
		rings[OUTPUT].avail.ring[i] = i;
	}
	for (uint64_t i = 0; i < rounds && ok; i++) {
		n = (uint16_t)(n + RING_SIZE);
		show_index(OUTPUT, n);
		ok = await(OUTPUT, n) == USED;
	}
	print(ok ? "taken" : "not taken");
}

static void output_reset(void)
{
	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_CONSOLE);
		set_desc(&rings[OUTPUT].desc[0], (void *)MUCH, DATA_LEN, 0);
		offer(OUTPUT, 0);
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	}
	print("status %u", virtio_read(&device, VIRTIO_MMIO_STATUS));
}

const struct hostile_case stream_cases[] = {
	{"entropy-to-read", VIRTIO_ID_RNG, entropy_to_read},
	{"entropy-of-nothing", VIRTIO_ID_RNG, entropy_of_nothing},
	{"entropy-for-registers", VIRTIO_ID_RNG, entropy_for_registers},
	{"entropy-for-a-loop", VIRTIO_ID_RNG, entropy_for_a_loop},
	{"entropy-in-pieces", VIRTIO_ID_RNG, entropy_in_pieces},
	{"entropy-without-end", VIRTIO_ID_RNG, entropy_without_end},
	{"entropy-reset-while-it-waits", VIRTIO_ID_RNG, entropy_reset_while_it_waits},
	{"entropy-queue-1", VIRTIO_ID_RNG, entropy_queue_1},
	{"output-to-write", VIRTIO_ID_CONSOLE, output_to_write},
	{"output-of-nothing", VIRTIO_ID_CONSOLE, output_of_nothing},
	{"output-of-registers", VIRTIO_ID_CONSOLE, output_of_registers},
	{"output-of-a-loop", VIRTIO_ID_CONSOLE, output_of_a_loop},
	{"output-over-the-end", VIRTIO_ID_CONSOLE, output_over_the_end},
	{"output-of-much", VIRTIO_ID_CONSOLE, output_of_much},
	{"output-of-many", VIRTIO_ID_CONSOLE, output_of_many},
	{"output-reset", VIRTIO_ID_CONSOLE, output_reset},
	{NULL, 0, NULL},
};

/* Somebody could type: a buffer for input stays with the device. */

static void offer_input(uint16_t flags)
{
	set_desc(&rings[INPUT].desc[0], request.data, 16, flags);
	offer(INPUT, 0);
}

static void input_to_read(void)
{
	begin(VIRTIO_ID_CONSOLE);
	offer_input(0);
	tell_len(INPUT, await(INPUT, 1));
}

/* What is read after the reset is another driver's. */
static void input_reset(void)
{
	unsigned n_left = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_CONSOLE);
		offer_input(VRING_DESC_F_WRITE);
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
		n_left += virtio_read(&device, VIRTIO_MMIO_STATUS) != 0;
	}
	print("%u left", n_left);
}

static void input_stopped(void)
{
	unsigned n_ready = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_CONSOLE);
		offer_input(VRING_DESC_F_WRITE);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_SEL, INPUT);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 0);
		n_ready += virtio_read(&device, VIRTIO_MMIO_QUEUE_READY);
	}
	print("%u ready", n_ready);
}

/* More output than its reader takes, and a reset that waits for it: for ever. */
static void stuck(void)
{
	begin(VIRTIO_ID_CONSOLE);
	set_desc(&rings[OUTPUT].desc[0], (void *)MUCH, MUCH, 0);
	offer(OUTPUT, 0);
	/* It says so once it has looked at what comes after. */
	while (rings[OUTPUT].used.avail_event == 0)
		pause_cpu();
	print("resetting\n");
	for (;;)
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
}

const struct hostile_case input_cases[] = {
	{"input-to-read", VIRTIO_ID_CONSOLE, input_to_read},
	{"input-reset", VIRTIO_ID_CONSOLE, input_reset},
	{"input-stopped", VIRTIO_ID_CONSOLE, input_stopped},
	{"stuck", VIRTIO_ID_CONSOLE, stuck},
	{NULL, 0, NULL},
};
