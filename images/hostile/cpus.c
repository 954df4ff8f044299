/* SPDX-License-Identifier: Apache-2.0 */
/* cpus.c - one CPU drives the device while another changes what it looks at. Two CPUs. */
#include "images/hostile/hostile.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

static volatile bool is_over;
static void (*meddle)(uint32_t turn);
static void (*drive)(void);

static void share(uint32_t cpu)
{
	if (cpu == 0) {
		drive();
		is_over = true;
		return;
	}
	for (uint32_t turn = 0; !is_over; turn++)
		meddle(turn);
}

static void both(void (*driver)(void), void (*meddler)(uint32_t turn))
{
	is_over = false;
	drive = driver;
	meddle = meddler;
	run_on_cpus(2, share);
}

/* It may want a reset at any moment. */
static void read_on(void)
{
	for (uint64_t i = 0, n = 0; i < 10 * rounds; i++) {
		if (n == 0)
			begin(VIRTIO_ID_BLOCK);
		sound_read();
		offer(0, 0);
		n = await(0, (unsigned)n + 1) == USED ? n + 1 : 0;
	}
}

static void toggle_flags(uint32_t turn)
{
	rings[0].avail.flags = (uint16_t)(turn & 1);
	rings[0].avail.used_event = (uint16_t)turn;
}

static void flags_toggled(void)
{
	both(read_on, toggle_flags);
	print("status %u", request.status);
}

/* Buffers stay inside `request`, or are nowhere: what else is in memory is ours. */
static void scribble_descriptors(uint32_t turn)
{
	volatile struct vring_desc *desc = &rings[0].desc[turn % 3];

	switch (turn / 3 % 4) {
	case 0:
		desc->next = (uint16_t)(turn * 7);
		break;
	case 1:
		desc->len = turn % 16 == 1 ? -turn : turn & 0x3ff;
		break;
	case 2:
		desc->flags ^= (uint16_t)(turn & 7);
		break;
	default:
		desc->addr ^= UINT64_C(1) << (turn % 3 == 1 ? 40 + turn % 20 : 0);
		break;
	}
}

static void descriptors_scribbled(void)
{
	both(read_on, scribble_descriptors);
	print("done");
}

static void scribble_rings(uint32_t turn)
{
	if (turn % 64 == 0)
		rings[0].avail.idx = (uint16_t)turn;
	rings[0].avail.ring[turn % RING_SIZE] = (uint16_t)(turn % 61);
}

static void rings_scribbled(void)
{
	both(read_on, scribble_rings);
	print("done");
}

/* The steps of begin(), whatever the device says to them. */
static void begin_blindly(void)
{
	const uint32_t steps = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			       VIRTIO_CONFIG_S_FEATURES_OK;

	for (uint64_t i = 0; i < 10 * rounds; i++) {
		virtio_write(&device, VIRTIO_MMIO_STATUS, 0);
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		virtio_write(&device, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		virtio_write(&device, VIRTIO_MMIO_STATUS, steps);
		set_up_queue(0, RING_SIZE);
		virtio_write(&device, VIRTIO_MMIO_STATUS, steps | VIRTIO_CONFIG_S_DRIVER_OK);
		sound_read();
		offer(0, 0);
	}
}

static void reset_now(uint32_t turn)
{
	static const uint32_t writes[][2] = {
		{VIRTIO_MMIO_STATUS, 0},       {VIRTIO_MMIO_QUEUE_READY, 0},
		{VIRTIO_MMIO_QUEUE_NOTIFY, 0}, {VIRTIO_MMIO_QUEUE_SEL, 1},
		{VIRTIO_MMIO_QUEUE_SEL, 0},    {VIRTIO_MMIO_INTERRUPT_ACK, 3},
		{VIRTIO_MMIO_STATUS, 15},
	};
	const uint32_t *write = writes[turn % (sizeof(writes) / sizeof(writes[0]))];

	virtio_write(&device, write[0], write[1]);
}

static void resets_raced(void)
{
	meet(VIRTIO_ID_BLOCK);
	both(begin_blindly, reset_now);
	print("done");
}

const struct hostile_case cpu_cases[] = {
	{"flags-toggled", VIRTIO_ID_BLOCK, flags_toggled},
	{"descriptors-scribbled", VIRTIO_ID_BLOCK, descriptors_scribbled},
	{"rings-scribbled", VIRTIO_ID_BLOCK, rings_scribbled},
	{"resets-raced", VIRTIO_ID_BLOCK, resets_raced},
	{NULL, 0, NULL},
};
