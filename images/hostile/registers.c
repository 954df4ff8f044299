/* SPDX-License-Identifier: Apache-2.0 */
/* registers.c - what a transport is told in the wrong order, of the wrong width, or too often. */
#include "boot-proto/ports_abi.h"
#include "images/hostile/hostile.h"
#include "images/lib/guest.h"

#define STEPS      (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define CONFIG_LEN 0xf00

static void tell_state(void)
{
	print(needs_reset() ? "needs reset" : "lives");
}

static void say_ok_too_early(void)
{
	virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	virtio_write(&device, VIRTIO_MMIO_STATUS, STEPS | VIRTIO_CONFIG_S_DRIVER_OK);
	tell_state();
}

static void ok_without_features(void)
{
	meet(VIRTIO_ID_BLOCK);
	say_ok_too_early();
}

/* Of what is offered, and one more. */
static void features_not_offered(void)
{
	meet(VIRTIO_ID_BLOCK);
	virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	virtio_write(&device, VIRTIO_MMIO_STATUS, STEPS);
	for (uint32_t i = 0; i < 2; i++) {
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	}
	virtio_write(&device, VIRTIO_MMIO_STATUS, STEPS | VIRTIO_CONFIG_S_FEATURES_OK);
	print((virtio_read(&device, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) != 0
		      ? "agreed, "
		      : "refused, ");
	virtio_write(&device, VIRTIO_MMIO_STATUS,
		     STEPS | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	tell_state();
}

/* Once they are settled. */
static void features_afterwards(void)
{
	begin(VIRTIO_ID_BLOCK);
	for (uint32_t i = 0; i < 4; i++) {
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	}
	sound_read();
	offer(0, 0);
	tell_status(await(0, 1));
}

static void status_bits_taken_away(void)
{
	begin(VIRTIO_ID_BLOCK);
	virtio_write(&device, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_write(&device, VIRTIO_MMIO_STATUS, 0xffffff00 | VIRTIO_CONFIG_S_NEEDS_RESET);
	print("status %x, ", virtio_read(&device, VIRTIO_MMIO_STATUS));
	sound_read();
	offer(0, 0);
	tell_status(await(0, 1));
}

/* A queue 0 in which one register is wrong. */
static void begin_with(unsigned reg, uint32_t value)
{
	meet(VIRTIO_ID_BLOCK);
	set_up_queue(0, RING_SIZE);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 0);
	virtio_write(&device, reg, value);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
	virtio_ready(&device);
}

/* Says how many of the values the device takes for sound; all need a reset. */
static void try_values(unsigned reg, const uint32_t *values, unsigned n)
{
	unsigned n_resets = 0;

	for (unsigned i = 0; i < n; i++) {
		begin_with(reg, values[i]);
		n_resets += needs_reset();
	}
	print("%u of %u need reset", n_resets, n);
}

static void queue_sizes(void)
{
	static const uint32_t values[] = {0,      3,       24,      33,         0x1000,
					  0x8000, 0x10020, 0x10000, 0x80000000, UINT32_MAX};

	try_values(VIRTIO_MMIO_QUEUE_NUM, values, sizeof(values) / sizeof(values[0]));
}

static const uint32_t bad_addresses[] = {MMIO_VIRTIO, MMIO_IOAPIC, MMIO_LAPIC, 0xd0000000,
					 0xfffffff0,  0x1001,      0x40000000};
#define N_BAD (sizeof(bad_addresses) / sizeof(bad_addresses[0]))

static void rings_elsewhere(void)
{
	try_values(VIRTIO_MMIO_QUEUE_DESC_LOW, bad_addresses, N_BAD);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_AVAIL_LOW, bad_addresses, N_BAD);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_USED_LOW, bad_addresses, N_BAD);
}

static void rings_far_away(void)
{
	static const uint32_t values[] = {1, 0x100, 0x7fffffff, UINT32_MAX};

	try_values(VIRTIO_MMIO_QUEUE_DESC_HIGH, values, 4);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, values, 4);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_USED_HIGH, values, 4);
}

/* The last ring reaches over the end of memory. */
static void rings_over_the_end(void)
{
	const uint32_t values[] = {(uint32_t)ram_end - 16, (uint32_t)ram_end - 64};

	try_values(VIRTIO_MMIO_QUEUE_DESC_LOW, values, 2);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_AVAIL_LOW, values, 2);
	print(", ");
	try_values(VIRTIO_MMIO_QUEUE_USED_LOW, values, 2);
}

/* What is frozen at DRIVER_OK. */
static void geometry_afterwards(void)
{
	static const unsigned regs[] = {VIRTIO_MMIO_QUEUE_NUM,        VIRTIO_MMIO_QUEUE_DESC_LOW,
					VIRTIO_MMIO_QUEUE_DESC_HIGH,  VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_AVAIL_HIGH, VIRTIO_MMIO_QUEUE_USED_LOW,
					VIRTIO_MMIO_QUEUE_USED_HIGH};

	begin(VIRTIO_ID_BLOCK);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_SEL, 0);
	for (unsigned i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		virtio_write(&device, regs[i], 0xfffffff0);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
	sound_read();
	offer(0, 0);
	tell_status(await(0, 1));
}

/* Nobody is there to hear them; KVM may have taken them over from an earlier driver. */
static void bells_of_the_dead(void)
{
	meet(VIRTIO_ID_BLOCK);
	virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	for (uint32_t i = 0; i < 100 * rounds; i++)
		virtio_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, i & 3);
	tell_state();
}

static void bells_of_no_queue(void)
{
	begin(VIRTIO_ID_BLOCK);
	for (unsigned i = 0; i < 32; i++)
		virtio_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, 1U << i);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, UINT32_MAX);
	tell_state();
}

static void bells_without_end(void)
{
	begin(VIRTIO_ID_BLOCK);
	for (uint64_t i = 0; i < 1000 * rounds; i++)
		virtio_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	tell_state();
}

static void config_at_every_width(void)
{
	uint64_t base, sum = 0;

	begin(VIRTIO_ID_BLOCK);
	base = device.base + VIRTIO_MMIO_CONFIG;
	for (uint64_t i = 0; i < CONFIG_LEN; i++)
		sum |= *(volatile uint8_t *)(base + i);
	for (uint64_t i = 0; i + 2 <= CONFIG_LEN; i++)
		sum |= *(volatile uint16_t *)(base + i);
	for (uint64_t i = 0; i + 8 <= CONFIG_LEN; i++)
		sum |= *(volatile uint64_t *)(base + i);
	for (uint64_t i = 0x100; i + 4 <= CONFIG_LEN; i += 4)
		sum |= (uint64_t)mmio_read32(base + i) << 32;
	print(sum != 0 ? "read, " : "nothing there, ");
	tell_state();
}

static void config_written(void)
{
	uint64_t base, before;

	begin(VIRTIO_ID_BLOCK);
	before = VIRTIO_CONFIG(&device, struct virtio_blk_config, capacity);
	base = device.base + VIRTIO_MMIO_CONFIG;
	for (uint64_t i = 0; i < 64; i++)
		*(volatile uint8_t *)(base + i) = 0xff;
	*(volatile uint16_t *)(base + CONFIG_LEN - 2) = 0xffff;
	*(volatile uint64_t *)(base + CONFIG_LEN - 8) = UINT64_MAX;
	*(volatile uint64_t *)base = UINT64_MAX;
	print(VIRTIO_CONFIG(&device, struct virtio_blk_config, capacity) == before ? "as it was, "
										   : "changed, ");
	tell_state();
}

/* Registers are words; these are not, or lie across two. */
static void registers_of_other_widths(void)
{
	begin(VIRTIO_ID_BLOCK);
	for (uint64_t reg = 0; reg < VIRTIO_MMIO_CONFIG; reg++) {
		*(volatile uint8_t *)(device.base + reg) = 0;
		*(volatile uint16_t *)(device.base + reg) = 0;
		if (reg + 8 <= VIRTIO_MMIO_CONFIG)
			*(volatile uint64_t *)(device.base + reg) = 0;
		if (reg % 4 != 0)
			*(volatile uint32_t *)(device.base + reg) = 0;
	}
	sound_read();
	offer(0, 0);
	tell_status(await(0, 1));
}

/* Before a driver, in the middle, while it is alive, and with a broken queue. */
static void enter_state(unsigned state)
{
	if (state == 0)
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	else if (state == 1)
		meet(VIRTIO_ID_BLOCK);
	else
		begin(VIRTIO_ID_BLOCK);
	if (state == 3) {
		show_index(0, 0x4000);
		(void)await(0, 1);
	}
}

static void every_register(void)
{
	static const uint32_t values[] = {0,    1,         2,          15,        0x7f,
					  0xff, 0xfffffff, 0x80000000, UINT32_MAX};
	unsigned n = 0;

	meet(VIRTIO_ID_BLOCK);
	for (unsigned state = 0; state < 4; state++)
		for (unsigned reg = 0; reg < VIRTIO_MMIO_CONFIG; reg += 4)
			for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++, n++) {
				if (i == 0 || reg == VIRTIO_MMIO_STATUS)
					enter_state(state);
				virtio_write(&device, reg, values[i]);
			}
	print("%u writes", n);
}

static void resets_without_end(void)
{
	for (uint64_t i = 0; i < 10 * rounds; i++) {
		begin(VIRTIO_ID_BLOCK);
		sound_read();
		offer(0, 0);
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
	}
	print("status %u", virtio_read(&device, VIRTIO_MMIO_STATUS));
}

/* Reads that its files still do. */
static void reset_in_flight(void)
{
	unsigned n_left = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_BLOCK);
		sound_read();
		rings[0].desc[1].len = DATA_LEN;
		for (uint16_t j = 0; j < RING_SIZE; j++)
			rings[0].avail.ring[j] = 0;
		show_index(0, 1 + i % 2);
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
		n_left += virtio_read(&device, VIRTIO_MMIO_STATUS) != 0;
		/* From now on this is ours, and nobody else writes to it. */
		request.status = 0x55;
		for (unsigned j = 0; j < 1000; j++)
			n_left += request.status != 0x55;
	}
	print("%u left", n_left);
}

static void queue_stopped_in_flight(void)
{
	unsigned n_ready = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		begin(VIRTIO_ID_BLOCK);
		sound_read();
		offer(0, 0);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_SEL, 0);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 0);
		n_ready += virtio_read(&device, VIRTIO_MMIO_QUEUE_READY);
		offer(0, 0);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	print("%u ready, ", n_ready);
	tell_state();
}

/* An interrupt that nobody acknowledges, for the configuration and for used buffers. */
static void interrupts_not_acknowledged(void)
{
	begin(VIRTIO_ID_BLOCK);
	for (unsigned i = 0; i < rounds; i++) {
		sound_read();
		offer(0, 0);
		if (await(0, i + 1) != USED)
			break;
	}
	show_index(0, 0x4000);
	(void)await(0, 0x10000);
	print("interrupt status %x, ", virtio_read(&device, VIRTIO_MMIO_INTERRUPT_STATUS));
	tell_state();
}

/* The same queue 0 for every QueueSel there is none for. */
static void queues_not_there(void)
{
	meet(VIRTIO_ID_BLOCK);
	for (unsigned i = 1; i < 32; i++) {
		virtio_write(&device, VIRTIO_MMIO_QUEUE_SEL, 1U << i);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
		tell_address(VIRTIO_MMIO_QUEUE_DESC_LOW, (uintptr_t)rings[1].desc);
		virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	virtio_ready(&device);
	tell_state();
}

const struct hostile_case register_cases[] = {
	{"ok-without-features", VIRTIO_ID_BLOCK, ok_without_features},
	{"features-not-offered", VIRTIO_ID_BLOCK, features_not_offered},
	{"features-afterwards", VIRTIO_ID_BLOCK, features_afterwards},
	{"status-bits-taken-away", VIRTIO_ID_BLOCK, status_bits_taken_away},
	{"queue-sizes", VIRTIO_ID_BLOCK, queue_sizes},
	{"rings-elsewhere", VIRTIO_ID_BLOCK, rings_elsewhere},
	{"rings-far-away", VIRTIO_ID_BLOCK, rings_far_away},
	{"rings-over-the-end", VIRTIO_ID_BLOCK, rings_over_the_end},
	{"geometry-afterwards", VIRTIO_ID_BLOCK, geometry_afterwards},
	{"bells-of-the-dead", VIRTIO_ID_BLOCK, bells_of_the_dead},
	{"bells-of-no-queue", VIRTIO_ID_BLOCK, bells_of_no_queue},
	{"bells-without-end", VIRTIO_ID_BLOCK, bells_without_end},
	{"config-at-every-width", VIRTIO_ID_BLOCK, config_at_every_width},
	{"config-written", VIRTIO_ID_BLOCK, config_written},
	{"registers-of-other-widths", VIRTIO_ID_BLOCK, registers_of_other_widths},
	{"every-register", VIRTIO_ID_BLOCK, every_register},
	{"resets-without-end", VIRTIO_ID_BLOCK, resets_without_end},
	{"reset-in-flight", VIRTIO_ID_BLOCK, reset_in_flight},
	{"queue-stopped-in-flight", VIRTIO_ID_BLOCK, queue_stopped_in_flight},
	{"interrupts-not-acknowledged", VIRTIO_ID_BLOCK, interrupts_not_acknowledged},
	{"queues-not-there", VIRTIO_ID_BLOCK, queues_not_there},
	{NULL, 0, NULL},
};
