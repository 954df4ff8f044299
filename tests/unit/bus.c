/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/bus.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

struct fake {
	uint64_t offset;
	unsigned len;
	uint8_t written[8];
};

static void fake_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	struct fake *fake = device;

	fake->offset = offset;
	fake->len = len;
	data[0] = 0x42;
}

static void fake_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	struct fake *fake = device;

	fake->offset = offset;
	fake->len = len;
	memcpy(fake->written, data, len);
}

static const struct bus_ops ops = {.read = fake_read, .write = fake_write};

static struct bus_range range_at(uint64_t base, uint64_t len, struct fake *fake)
{
	return (struct bus_range){
		.base = base, .len = len, .ops = &ops, .device = fake, .id = DEVICE_SERIAL};
}

Test(bus, finds_first_and_last_address_and_not_their_neighbours)
{
	struct bus bus = {0};
	struct fake fake;
	struct bus_range range = range_at(0x3f8, 8, &fake);

	bus_add(&bus, &range);
	cr_assert_null(bus_find(&bus, 0x3f7));
	cr_assert_eq(bus_find(&bus, 0x3f8)->device, &fake);
	cr_assert_eq(bus_find(&bus, 0x3ff)->device, &fake);
	cr_assert_null(bus_find(&bus, 0x400));
}

Test(bus, a_read_fills_with_ones_what_the_device_leaves)
{
	struct fake fake;
	struct bus_range range = range_at(0x3f8, 8, &fake);
	uint8_t data[4] = {0};
	struct bus_access access = {.address = 0x3fa, .data = data, .len = 4};

	bus_access(&range, &access);
	cr_assert_eq(fake.offset, 2);
	cr_assert_eq(fake.len, 4u);
	cr_assert_arr_eq(data, ((uint8_t[]){0x42, 0xff, 0xff, 0xff}), 4);
}

Test(bus, an_access_that_leaves_the_range_is_cut)
{
	struct fake fake = {0};
	struct bus_range range = range_at(0x3f8, 8, &fake);
	uint8_t data[4] = {1, 2, 3, 4};
	struct bus_access access = {.address = 0x3fe, .data = data, .len = 4, .is_write = true};

	bus_access(&range, &access);
	cr_assert_eq(fake.len, 2u);
	cr_assert_arr_eq(fake.written, ((uint8_t[]){1, 2, 0, 0}), 4);
}

Test(bus, nobody_reads_as_ones_and_swallows_writes)
{
	uint8_t data[2] = {0, 0};
	struct bus_access access = {.address = 0x99, .data = data, .len = 2};

	bus_access(NULL, &access);
	cr_assert_arr_eq(data, ((uint8_t[]){0xff, 0xff}), 2);
	access.is_write = true;
	bus_access(NULL, &access);
}

Test(bus, two_devices_at_one_address_are_a_fault_of_ours, .signal = SIGABRT)
{
	struct bus bus = {0};
	struct fake fake;
	struct bus_range first = range_at(0x100, 8, &fake), second = range_at(0x107, 1, &fake);

	bus_add(&bus, &first);
	bus_add(&bus, &second);
}
