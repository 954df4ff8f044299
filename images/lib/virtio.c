/* SPDX-License-Identifier: Apache-2.0 */
/* virtio.c - finding a device, agreeing with it, its configuration and its interrupts. */
#include "images/lib/virtio.h"

#include "boot-proto/ports_abi.h"
#include "images/lib/guest.h"

#define VECTOR_FIRST 0xa0
#define MAGIC        0x74726976
#define VERSION      2
#define RING_BITS                                                                                  \
	(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

/* By interrupt vector. */
static struct virtio *devices[VIRTIO_DEVICES_MAX];

static uint64_t map_registers(uint64_t base)
{
	map_for_user(base, MMIO_VIRTIO_LEN);
	return 0;
}

/* Is there a device, and of which type? An absent page reads as ones. */
static bool probe(uint64_t base, uint32_t *ret_id)
{
	in_ring_0(map_registers, base);
	if (mmio_read32(base + VIRTIO_MMIO_MAGIC_VALUE) != MAGIC ||
	    mmio_read32(base + VIRTIO_MMIO_VERSION) != VERSION)
		return false;
	*ret_id = mmio_read32(base + VIRTIO_MMIO_DEVICE_ID);
	return true;
}

/* SIZE@BASE:IRQ [linux admin-guide/kernel-parameters.txt "virtio_mmio.device"] */
static const char *parse_device(const char *at, struct virtio *device)
{
	at = find_text(at, "@");
	if (at == NULL)
		guest_fail("virtio_mmio.device without an address\n");
	at++;
	device->base = parse_number(&at);
	if (*at++ != ':')
		guest_fail("virtio_mmio.device without an interrupt\n");
	device->gsi = (unsigned)parse_number(&at);
	return at;
}

static bool find_named(struct virtio *device, uint32_t id, unsigned nth)
{
	const char *at = guest_boot.cmdline;
	uint32_t found;

	while ((at = find_text(at, "virtio_mmio.device=")) != NULL) {
		at = parse_device(at, device);
		if (probe(device->base, &found) && found == id && nth-- == 0)
			return true;
	}
	return false;
}

static bool find_by_place(struct virtio *device, uint32_t id, unsigned nth)
{
	uint32_t found;

	for (unsigned i = 0; i < VIRTIO_DEVICES_MAX; i++) {
		device->base = MMIO_VIRTIO + (uint64_t)i * MMIO_VIRTIO_LEN;
		device->gsi = GSI_VIRTIO + i;
		if (!probe(device->base, &found))
			return false;
		if (found == id && nth-- == 0)
			return true;
	}
	return false;
}

static bool find(struct virtio *device, uint32_t id, unsigned nth)
{
	return find_text(guest_boot.cmdline, "virtio_mmio.device=") != NULL
		       ? find_named(device, id, nth)
		       : find_by_place(device, id, nth);
}

/* Acknowledges what it has read, once; what comes later finds the rings, or interrupts again. */
static void on_interrupt(struct frame *frame)
{
	struct virtio *device = devices[frame->vector - VECTOR_FIRST];
	uint32_t status = virtio_read(device, VIRTIO_MMIO_INTERRUPT_STATUS);

	virtio_write(device, VIRTIO_MMIO_INTERRUPT_ACK, status);
	lapic_eoi();
	if ((status & VIRTIO_MMIO_INT_VRING) != 0)
		change_word(&device->n_used);
	if ((status & VIRTIO_MMIO_INT_CONFIG) != 0)
		change_word(&device->n_changed);
}

static uint64_t route_interrupt(uint64_t argument)
{
	struct virtio *device = (struct virtio *)argument;
	unsigned i = 0;

	while (i < VIRTIO_DEVICES_MAX && devices[i] != NULL && devices[i]->gsi != device->gsi)
		i++;
	if (i == VIRTIO_DEVICES_MAX)
		guest_fail("no vector is left\n");
	interrupts_handle((uint8_t)(VECTOR_FIRST + i), on_interrupt);
	if (devices[i] == NULL)
		ioapic_route(device->gsi, (uint8_t)(VECTOR_FIRST + i), false);
	devices[i] = device;
	return 0;
}

static uint64_t offered_features(const struct virtio *device)
{
	uint64_t low;

	virtio_write(device, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = virtio_read(device, VIRTIO_MMIO_DEVICE_FEATURES);
	virtio_write(device, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return (uint64_t)virtio_read(device, VIRTIO_MMIO_DEVICE_FEATURES) << 32 | low;
}

static void agree(struct virtio *device, uint64_t wanted)
{
	const uint32_t steps = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	virtio_write(device, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	virtio_write(device, VIRTIO_MMIO_STATUS, steps);
	device->offered = offered_features(device);
	device->features = device->offered & ~device->without &
			   (wanted | RING_BITS | UINT64_C(1) << VIRTIO_F_VERSION_1);
	virtio_write(device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	virtio_write(device, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)device->features);
	virtio_write(device, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	virtio_write(device, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(device->features >> 32));
	virtio_write(device, VIRTIO_MMIO_STATUS, steps | VIRTIO_CONFIG_S_FEATURES_OK);
	if ((virtio_read(device, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
		guest_fail("device at %lx refuses features %lx\n", device->base, device->features);
}

void virtio_reset(const struct virtio *device)
{
	virtio_write(device, VIRTIO_MMIO_STATUS, 0);
	while (virtio_read(device, VIRTIO_MMIO_STATUS) != 0)
		;
}

bool virtio_open(struct virtio *device, uint32_t id, unsigned nth, uint64_t wanted)
{
	if (!find(device, id, nth))
		return false;
	virtio_reset(device);
	agree(device, wanted);
	if (!device->polls)
		in_ring_0(route_interrupt, (uintptr_t)device);
	return true;
}

void virtio_ready(const struct virtio *device)
{
	virtio_write(device, VIRTIO_MMIO_STATUS,
		     virtio_read(device, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* By accesses as wide as the field, but for the widest. [virtio 1.2 §4.2.2.2] */
static uint64_t read_field(uint64_t at, unsigned len)
{
	if (len == 1)
		return *(volatile uint8_t *)at;
	if (len == 2)
		return *(volatile uint16_t *)at;
	if (len == 4)
		return mmio_read32(at);
	return (uint64_t)mmio_read32(at + 4) << 32 | mmio_read32(at);
}

uint64_t virtio_config(const struct virtio *device, unsigned offset, unsigned len)
{
	uint32_t generation;
	uint64_t value;

	do {
		generation = virtio_read(device, VIRTIO_MMIO_CONFIG_GENERATION);
		value = read_field(device->base + VIRTIO_MMIO_CONFIG + offset, len);
	} while (virtio_read(device, VIRTIO_MMIO_CONFIG_GENERATION) != generation);
	return value;
}
