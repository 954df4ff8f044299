/* SPDX-License-Identifier: Apache-2.0 */
/* seeds_devices.c - inputs for the harnesses of devices: what a driver does, and steps away from it. */
#include "base/scope.h"
#include "tests/fuzz/device.h"
#include "tests/fuzz/seeds.h"

#define MOVES_MAX 600

static const char *const harnesses[] = {"vmmio", "vcon", "vrng"};
static struct device_move moves[MOVES_MAX];
static size_t n_moves = 1;

static void add(enum device_move_kind kind, uint8_t a, uint8_t b, uint8_t c, uint32_t value)
{
	moves[n_moves++] = (struct device_move){(uint8_t)kind, a, b, c, value};
}

/*
 * The input for each harness. The first byte, of a move that does nothing yet, and an odd byte at the end
 * say to some what sort of device it is.
 */
static void put(void)
{
	static const uint8_t sorts[] = {0x02, 0x01, 0x31, 0xc1};

	for (size_t i = 0; i < ARRAY_LEN(harnesses); i++)
		for (size_t sort = 0; sort < ARRAY_LEN(sorts); sort++) {
			moves[0] = (struct device_move){.kind = sorts[sort]};
			seeds_put(harnesses[i], moves, n_moves * sizeof(moves[0]), "\1", sort % 2);
		}
	n_moves = 1;
}

static void begin(uint32_t without)
{
	add(MOVE_START, 0, 0, 0, without);
	add(MOVE_TURN, 0, 0, 0, 0);
}

static void put_chains(void)
{
	for (uint8_t how = 0; how < 16; how++)
		for (uint8_t queue = 0; queue < 2; queue++) {
			begin(how % 3 == 0 ? 3U << 28 : 0);
			for (uint8_t n = 0; n < 8; n++) {
				add(MOVE_CHAIN, queue, n, how, 0x12345678U * n);
				if (n % 2 == 1)
					add(MOVE_TURN, 0, 0, 0, 0);
			}
			for (uint8_t i = 0; i < 20; i++) {
				add(MOVE_EVENT, i % 3, 8, 9, 0);
				add(MOVE_TURN, 0, 0, 0, 0);
			}
			put();
		}
}

/* Chains in flight, events of each sort, and a reset or a stop in the middle. */
static void put_ends(void)
{
	for (uint8_t event = 0; event < 6; event++)
		for (uint8_t queue = 0; queue < 2; queue++)
			for (unsigned kind = MOVE_RESET; kind <= MOVE_STOP; kind++) {
				begin(0);
				add(MOVE_EVENT, 1, 5, 0, 0);
				add(MOVE_CHAIN, queue, 1, 1, 99);
				add(MOVE_CHAIN, queue, 7, CHAIN_LONG, 99);
				add(MOVE_TURN, 0, 0, 0, 0);
				add(MOVE_EVENT, event, 3, 7, 16);
				add(kind, queue, 0, 0, 0);
				add(MOVE_SAVE, 0, 0, 0, 1);
				add(kind, queue, 0, 0, 1);
				add(MOVE_EVENT, 0, 0, 0, 0);
				add(MOVE_TURN, 0, 0, 0, 0);
				begin(0);
				add(MOVE_CHAIN, queue, 1, 1, 99);
				add(MOVE_TURN, 0, 0, 0, 0);
				add(MOVE_EVENT, event, 3, 7, 0);
				add(MOVE_CHAIN, queue, 1, 0, 99);
				add(MOVE_TURN, 0, 0, 0, 0);
				put();
			}
}

static void put_registers(void)
{
	static const uint32_t values[] = {0, 1, 2, 15, UINT32_MAX};

	for (unsigned state = 0; state < 2; state++)
		for (size_t i = 0; i < ARRAY_LEN(values); i++) {
			if (state == 1)
				begin(0);
			for (uint8_t reg = 0; reg < 64; reg++)
				add(MOVE_REGISTER, reg, 0, 0, values[i]);
			for (uint8_t width = 0; width < 4; width++) {
				add(MOVE_ODD, width, 0, 0x70, 0);
				add(MOVE_ODD, width | 0x80, 0, 0x71, 0);
				add(MOVE_ODD, width | 0x80, 1, 0, 5);
			}
			put();
		}
}

static void put_broken(void)
{
	for (uint8_t page = 0; page < 4; page++)
		for (uint8_t at = 0; at < 8; at++) {
			begin(0);
			add(MOVE_CHAIN, 1, 2, CHAIN_INDIRECT, 7);
			add(MOVE_CHAIN, 0, 2, 1, 7);
			add(MOVE_TURN, 0, 0, 0, 0);
			add(MOVE_CORRUPT, 0, page, at, 0x4000);
			add(MOVE_CORRUPT, 1, page, at, 0x4000);
			add(MOVE_PUT, 0, 0, 0, at * 5U);
			add(MOVE_PUT, 1, 0, 0, at * 5U);
			add(MOVE_TURN, 0, 0, 0, 0);
			add(MOVE_SAVE, 0, 0, at, 0xff);
			put();
		}
}

/* Geometry that cannot be, before DRIVER_OK. */
static void put_geometry(void)
{
	for (uint8_t reg = VIRTIO_MMIO_QUEUE_NUM / 4; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH / 4;
	     reg++) {
		add(MOVE_REGISTER, VIRTIO_MMIO_STATUS / 4, 0, 0, 3);
		add(MOVE_REGISTER, VIRTIO_MMIO_DRIVER_FEATURES_SEL / 4, 0, 0, 1);
		add(MOVE_REGISTER, VIRTIO_MMIO_DRIVER_FEATURES / 4, 0, 0, 1);
		add(MOVE_REGISTER, VIRTIO_MMIO_STATUS / 4, 0, 0, 11);
		add(MOVE_REGISTER, VIRTIO_MMIO_QUEUE_NUM / 4, 0, 0, 16);
		add(MOVE_REGISTER, reg, 0, 0, 0x7777);
		add(MOVE_REGISTER, VIRTIO_MMIO_QUEUE_READY / 4, 0, 0, 1);
		add(MOVE_REGISTER, VIRTIO_MMIO_STATUS / 4, 0, 0, 15);
		add(MOVE_ATTEND, 0, 0, 0, 0);
		put();
	}
}

static void put_states(void)
{
	for (unsigned at = 0; at < sizeof(struct vmmio_saved); at += 29) {
		begin(0);
		add(MOVE_ARM, 0, 0, 0, 0);
		add(MOVE_SAVE, 0, (uint8_t)(at >> 8), (uint8_t)at, 0x81);
		put();
	}
}

static void put_bells(void)
{
	begin(0);
	for (unsigned i = 0; i < 20; i++)
		add(MOVE_NOTIFY, 0, 0, 0, i % 4);
	add(MOVE_TURN, 0, 0, 0, 0);
	put();
}

/* More chains than are taken at once, and more parts. */
static void put_many(void)
{
	for (uint8_t queue = 0; queue < 2; queue++)
		for (uint8_t n = 0; n < 8; n = (uint8_t)(n + 7)) {
			begin(0);
			for (unsigned i = 0; i < DEVICE_QUEUE_SIZE; i++)
				add(MOVE_CHAIN, queue, n, CHAIN_INDIRECT | (queue == 0), 1);
			for (unsigned i = 0; i < 8; i++)
				add(MOVE_TURN, 0, 0, 0, 0);
			put();
		}
}

/* Entropy: a window that is used up, and one that comes soon. */
static void put_windows(void)
{
	for (uint8_t event = 0; event < 4; event++) {
		begin(0);
		add(MOVE_EVENT, event, 0, 0, 5);
		for (unsigned i = 0; i < 4; i++)
			add(MOVE_CHAIN, 0, 0, CHAIN_IN, 99);
		add(MOVE_TURN, 0, 0, 0, 0);
		add(MOVE_EVENT, 3, 0, 0, 0);
		add(MOVE_TURN, 0, 0, 0, 0);
		put();
	}
}

void seeds_devices(void)
{
	put_many();
	put_windows();
	put_chains();
	put_ends();
	put_registers();
	put_broken();
	put_geometry();
	put_states();
	put_bells();
}
