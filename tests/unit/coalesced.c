/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/coalesced.h"

#include <criterion/criterion.h>
#include <string.h>

#include "boot-proto/layout_x86_64.h"

#define RING_MAX                                                                                   \
	((LAYOUT_PAGE - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio))

static _Alignas(4096) uint8_t page[4096];
static struct kvm_coalesced_mmio_ring *const ring = (void *)page;
static uint8_t written[2 * RING_MAX];
static unsigned n_written;

static void write_port(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	(void)device;
	cr_assert_eq(offset, 0);
	cr_assert_eq(len, 1);
	written[n_written++] = data[0];
}

static const struct bus_ops ops = {.write = write_port};
static struct bus pio;
static struct coalesced coalesced;

/* As if KVM had been told, by a VM that is none. */
static void set_up(void)
{
	bus_add(&pio, &(struct bus_range){PORT_COM1, 8, &ops, NULL, DEVICE_SERIAL});
	coalesced = (struct coalesced){.vm_fd = -1,
				       .pio = &pio,
				       .ring = ring,
				       .on = true,
				       .lock = PTHREAD_MUTEX_INITIALIZER};
}

TestSuite(coalesced, .init = set_up);

/* As KVM does. */
static void collect(uint8_t byte)
{
	ring->coalesced_mmio[ring->last] = (struct kvm_coalesced_mmio){
		.phys_addr = PORT_COM1, .len = 1, .data = {byte}};
	ring->last = (ring->last + 1) % RING_MAX;
}

Test(coalesced, writes_are_carried_out_in_their_order)
{
	for (unsigned i = 0; i < 3; i++)
		collect((uint8_t)('a' + i));
	coalesced_take(&coalesced);
	cr_assert_eq(n_written, 3);
	cr_assert_eq(memcmp(written, "abc", 3), 0);
	coalesced_take(&coalesced);
	cr_assert_eq(n_written, 3);
}

Test(coalesced, the_ring_goes_round)
{
	ring->first = ring->last = RING_MAX - 2;
	for (unsigned i = 0; i < 5; i++)
		collect((uint8_t)i);
	coalesced_take(&coalesced);
	cr_assert_eq(n_written, 5);
	cr_assert_eq(ring->first, 3);
	for (uint8_t i = 0; i < 5; i++)
		cr_assert_eq(written[i], i);
}

Test(coalesced, nothing_is_touched_while_it_is_off)
{
	coalesced.on = false;
	collect('x');
	coalesced_take(&coalesced);
	cr_assert_eq(n_written, 0);
}

Test(coalesced, goes_on_while_there_is_something)
{
	for (unsigned i = 0; i < COALESCED_STALL_MAX + 1; i++)
		collect('x');
	cr_assert(coalesced_tick(&coalesced, false, true));
	cr_assert_eq(n_written, COALESCED_STALL_MAX + 1);
	/* What exits have carried out counts, too. */
	collect('y');
	coalesced_take(&coalesced);
	cr_assert(coalesced_tick(&coalesced, false, false));
	cr_assert_not(coalesced_tick(&coalesced, false, false));
	cr_assert_not(coalesced.on);
	cr_assert_not(coalesced.given_up);
}

/* Else its driver would get a few bytes out in each tick. */
Test(coalesced, is_given_up_where_a_driver_waits_for_each_few_bytes)
{
	collect('x');
	cr_assert_not(coalesced_tick(&coalesced, true, true));
	cr_assert_eq(n_written, 1);
	cr_assert_not(coalesced.on);
	cr_assert(coalesced.given_up);
	cr_assert_not(coalesced_tick(&coalesced, true, false));
}

Test(coalesced, does_not_begin_without_need_or_without_kvm)
{
	coalesced.on = false;
	cr_assert_not(coalesced_tick(&coalesced, false, false));
	cr_assert_not(coalesced.given_up);
	cr_assert_not(coalesced_tick(&coalesced, true, false));
	cr_assert(coalesced.given_up);
	cr_assert_not(coalesced.on);
}
