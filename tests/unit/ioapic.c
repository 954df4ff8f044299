/* SPDX-License-Identifier: Apache-2.0 */
/* The IOAPIC's entries, step by step. [82093AA §3.2.4] */
#include "monitor/legacy/ioapic.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/le.h"

#define PIN    4
#define VECTOR 0x41
#define MASKED 0x10000
#define LEVEL  0x8000
#define IRR    0x4000

static struct {
	_Atomic unsigned n_sent;
	struct ioapic_msi last;
	unsigned n_route_calls;
	struct ioapic_route routes[IOAPIC_PINS];
	unsigned sent_before_routes; /* when the routes were last set */
} kernel;

static void send(void *opaque, struct ioapic_msi msi)
{
	(void)opaque;
	kernel.last = msi;
	atomic_fetch_add(&kernel.n_sent, 1);
}

static void set_routes(void *opaque, const struct ioapic_route routes[IOAPIC_PINS])
{
	(void)opaque;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		kernel.routes[i] = routes[i];
	kernel.n_route_calls++;
	kernel.sent_before_routes = kernel.n_sent;
}

static const struct ioapic_ops ops = {.send = send, .set_routes = set_routes};
static struct ioapic ioapic;

static void write_register(uint32_t index, uint32_t value)
{
	uint8_t bytes[4];

	le32_put(bytes, index);
	ioapic_bus_ops.write(&ioapic, 0x00, bytes, 4);
	le32_put(bytes, value);
	ioapic_bus_ops.write(&ioapic, 0x10, bytes, 4);
}

static uint32_t read_register(uint32_t index)
{
	uint8_t bytes[4];

	le32_put(bytes, index);
	ioapic_bus_ops.write(&ioapic, 0x00, bytes, 4);
	ioapic_bus_ops.read(&ioapic, 0x10, bytes, 4);
	return le32_get(bytes);
}

static void write_low(uint32_t value)
{
	write_register(0x10 + 2 * PIN, value);
}

static void set_up(void)
{
	ioapic_init(&ioapic, &ops, NULL);
}

TestSuite(ioapic, .init = set_up);

Test(ioapic, says_its_version_and_number_of_pins)
{
	cr_assert_eq(read_register(1), 0x00170011u);
}

Test(ioapic, starts_masked_and_keeps_its_id)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		cr_assert_eq(read_register(0x10 + 2 * pin), (uint32_t)MASKED);
	write_register(0, 0xffffffff);
	cr_assert_eq(read_register(0), 0x0f000000u);
}

Test(ioapic, registers_past_the_last_read_as_zero_and_change_nothing)
{
	write_register(0x10 + 2 * IOAPIC_PINS, 0xffffffff);
	cr_assert_eq(read_register(0x10 + 2 * IOAPIC_PINS), 0u);
	cr_assert_eq(read_register(0xff), 0u);
}

Test(ioapic, read_only_and_hidden_bits_cannot_be_written)
{
	write_register(0x10 + 2 * PIN, MASKED | IRR | 0x1000 | 0xfff00000);
	cr_assert_eq(read_register(0x10 + 2 * PIN), (uint32_t)MASKED);
	write_register(0x11 + 2 * PIN, 0xffffffff);
	cr_assert_eq(read_register(0x11 + 2 * PIN), 0xff000000u);
}

Test(ioapic, an_edge_is_sent_once_to_its_destination)
{
	write_register(0x11 + 2 * PIN, 3u << 24);
	write_low(VECTOR);
	ioapic_set(&ioapic, PIN, true);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.n_sent, 1u);
	cr_assert_eq(kernel.last.address, 0xfee03000u);
	cr_assert_eq(kernel.last.data, (uint32_t)VECTOR);
	ioapic_set(&ioapic, PIN, false);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.n_sent, 2u);
}

Test(ioapic, logical_destination_and_delivery_mode_go_into_the_message)
{
	write_register(0x11 + 2 * PIN, 1u << 24);
	write_low(VECTOR | 0x100 | 0x800);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.last.address, 0xfee01004u);
	cr_assert_eq(kernel.last.data, VECTOR | 0x100u);
}

Test(ioapic, an_edge_while_masked_comes_with_the_unmasking)
{
	write_low(VECTOR | MASKED);
	ioapic_set(&ioapic, PIN, true);
	ioapic_set(&ioapic, PIN, false);
	cr_assert_eq(kernel.n_sent, 0u);
	write_low(VECTOR);
	cr_assert_eq(kernel.n_sent, 1u);
	write_low(VECTOR | MASKED);
	write_low(VECTOR);
	cr_assert_eq(kernel.n_sent, 1u, "one edge, one interrupt");
}

Test(ioapic, a_level_is_sent_again_after_eoi_as_long_as_the_line_is_up)
{
	write_low(VECTOR | LEVEL);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.n_sent, 1u);
	cr_assert_eq(kernel.last.data, VECTOR | 0xc000u, "level, assert");
	cr_assert(read_register(0x10 + 2 * PIN) & IRR);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.n_sent, 1u, "not while in service");
	ioapic_eoi(&ioapic, VECTOR);
	cr_assert_eq(kernel.n_sent, 2u);
	ioapic_set(&ioapic, PIN, false);
	ioapic_eoi(&ioapic, VECTOR);
	cr_assert_eq(kernel.n_sent, 2u);
	cr_assert_not(read_register(0x10 + 2 * PIN) & IRR);
}

Test(ioapic, an_eoi_of_another_vector_changes_nothing)
{
	write_low(VECTOR | LEVEL);
	ioapic_set(&ioapic, PIN, true);
	ioapic_eoi(&ioapic, VECTOR + 1);
	cr_assert_eq(kernel.n_sent, 1u);
	cr_assert(read_register(0x10 + 2 * PIN) & IRR);
}

Test(ioapic, a_level_that_came_while_masked_comes_with_the_unmasking_if_it_still_stands)
{
	write_low(VECTOR | LEVEL | MASKED);
	ioapic_set(&ioapic, PIN, true);
	cr_assert_eq(kernel.n_sent, 0u);
	write_low(VECTOR | LEVEL);
	cr_assert_eq(kernel.n_sent, 1u);

	write_low(VECTOR | LEVEL | MASKED);
	ioapic_set(&ioapic, PIN, false);
	ioapic_eoi(&ioapic, VECTOR);
	write_low(VECTOR | LEVEL);
	cr_assert_eq(kernel.n_sent, 1u);
}

Test(ioapic, an_eoi_of_an_entry_masked_in_service_is_heard)
{
	write_low(VECTOR | LEVEL);
	ioapic_set(&ioapic, PIN, true);
	write_low(VECTOR | LEVEL | MASKED);
	ioapic_eoi(&ioapic, VECTOR);
	write_low(VECTOR | LEVEL);
	cr_assert_eq(kernel.n_sent, 2u);
}

/* Linux frees a stuck remote IRR in this way. */
Test(ioapic, going_to_edge_and_back_clears_remote_irr)
{
	write_low(VECTOR | LEVEL);
	ioapic_set(&ioapic, PIN, true);
	write_low(VECTOR | MASKED);
	write_low(VECTOR | LEVEL | MASKED);
	cr_assert_not(read_register(0x10 + 2 * PIN) & IRR);
}

Test(ioapic, the_kernel_has_the_route_of_a_level_entry_before_it_fires)
{
	write_low(VECTOR | LEVEL | MASKED);
	ioapic_set(&ioapic, PIN, true);
	kernel.n_route_calls = 0;
	write_register(0x11 + 2 * PIN, 2u << 24);
	write_low((VECTOR + 1) | LEVEL);
	cr_assert_eq(kernel.n_sent, 1u);
	cr_assert_eq(kernel.sent_before_routes, 0u);
	cr_assert(kernel.routes[PIN].used);
	cr_assert_eq(kernel.routes[PIN].msi.data & 0xff, VECTOR + 1u);
	cr_assert_eq(kernel.routes[PIN].msi.address, 0xfee02000u);
}

Test(ioapic, edge_entries_and_mere_masking_cost_no_route)
{
	write_low(VECTOR);
	write_low(VECTOR | MASKED);
	write_register(0x11 + 2 * PIN, 1u << 24);
	cr_assert_eq(kernel.n_route_calls, 0u);
	write_low(VECTOR | LEVEL);
	cr_assert_eq(kernel.n_route_calls, 1u);
	write_low(VECTOR | LEVEL | MASKED);
	write_low(VECTOR | LEVEL);
	cr_assert_eq(kernel.n_route_calls, 1u);
	write_low(VECTOR);
	cr_assert_eq(kernel.n_route_calls, 2u);
	cr_assert_not(kernel.routes[PIN].used);
}

static void *raise_edges(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < 10000; i++) {
		ioapic_set(&ioapic, PIN, true);
		ioapic_set(&ioapic, PIN, false);
	}
	return NULL;
}

/* However masking and edges interleave, the last edge is not lost. */
Test(ioapic, no_edge_is_lost_to_a_race_with_masking)
{
	pthread_t thread;
	unsigned before;

	write_low(VECTOR);
	cr_assert_eq(pthread_create(&thread, NULL, raise_edges, NULL), 0);
	for (unsigned i = 0; i < 10000; i++) {
		write_low(VECTOR | MASKED);
		write_low(VECTOR);
	}
	write_low(VECTOR | MASKED);
	pthread_join(thread, NULL);
	ioapic_set(&ioapic, PIN, true);
	before = kernel.n_sent;
	write_low(VECTOR);
	cr_assert_eq(kernel.n_sent, before + 1);
}
