/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/i8042.h"

#include <criterion/criterion.h>

static struct i8042 i8042;
static struct ending_box ending;
static unsigned n_edges;
static bool line;

static void set_line(void *chip, unsigned gsi, bool level)
{
	(void)chip;
	(void)gsi;
	n_edges += level && !line;
	line = level;
}

static void set_up(void)
{
	i8042_init(&i8042, (struct irq_line){set_line, NULL, 1}, &ending);
}

TestSuite(i8042, .init = set_up);

static uint8_t status(void)
{
	uint8_t value = 0;

	i8042_command_ops.read(&i8042, 0, &value, 1);
	return value;
}

static uint8_t data(void)
{
	uint8_t value = 0;

	i8042_data_ops.read(&i8042, 0, &value, 1);
	return value;
}

static void command(uint8_t value)
{
	i8042_command_ops.write(&i8042, 0, &value, 1);
}

static void put(uint8_t value)
{
	i8042_data_ops.write(&i8042, 0, &value, 1);
}

Test(i8042, is_empty_and_ready_at_first)
{
	cr_assert_eq(status() & 0x03, 0);
	cr_assert_eq(data(), 0);
}

Test(i8042, passes_its_tests)
{
	command(0xaa);
	cr_assert(status() & 1);
	cr_assert_eq(data(), 0x55);
	command(0xab);
	cr_assert_eq(data(), 0x00);
	cr_assert_eq(status() & 1, 0);
}

Test(i8042, keeps_its_command_byte)
{
	command(0x60);
	cr_assert(status() & 0x08, "the next byte is a command's");
	put(0x45);
	command(0x20);
	cr_assert_eq(data(), 0x45);
	command(0xad);
	command(0x20);
	cr_assert_eq(data(), 0x55, "disabled");
	command(0xae);
	command(0x20);
	cr_assert_eq(data(), 0x45, "enabled");
}

Test(i8042, has_a_keyboard_that_answers)
{
	static const struct {
		uint8_t sent, answers[3];
		unsigned n;
	} talk[] = {
		{0xff, {0xfa, 0xaa}, 2},       /* reset */
		{0xf2, {0xfa, 0xab, 0x83}, 3}, /* identify */
		{0xed, {0xfa}, 1},
		{0x02, {0xfa}, 1}, /* lights */
		{0xf0, {0xfa}, 1},
		{0x00, {0xfa, 0x02}, 2}, /* which scan set? */
		{0xf4, {0xfa}, 1},       /* enable */
	};

	for (size_t i = 0; i < sizeof(talk) / sizeof(talk[0]); i++) {
		put(talk[i].sent);
		for (unsigned answer = 0; answer < talk[i].n; answer++)
			cr_assert_eq(data(), talk[i].answers[answer], "to %02x", talk[i].sent);
		cr_assert_eq(status() & 1, 0);
	}
}

Test(i8042, has_no_mouse)
{
	command(0xa9);
	cr_assert_eq(status() & 1, 0);
}

Test(i8042, resets_by_command_and_by_output_port)
{
	struct ending_box other = {0};

	command(0xfe);
	cr_assert_eq(ending_get(&ending, NULL), END_RESET);
	i8042.ending = &other;
	command(0xd1);
	put(0x03);
	cr_assert_eq(ending_get(&other, NULL), END_NONE);
	command(0xd1);
	put(0x02);
	cr_assert_eq(ending_get(&other, NULL), END_RESET);
}

Test(i8042, a_byte_written_back_can_be_read)
{
	command(0xd2);
	put(0x77);
	cr_assert_eq(data(), 0x77);
}

Test(i8042, ctrl_alt_del_needs_a_driver_and_comes_as_four_interrupts)
{
	static const uint8_t keys[] = {0x14, 0x11, 0xe0, 0x71};

	cr_assert_not(i8042_ctrl_alt_del(&i8042), "nobody has set it up");
	command(0x60);
	put(0x04);
	cr_assert_not(i8042_ctrl_alt_del(&i8042), "its interrupt is off");
	command(0x60);
	put(0x05);
	cr_assert(i8042_ctrl_alt_del(&i8042));
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(line);
		cr_assert_eq(n_edges, i + 1, "an edge for each key");
		cr_assert_eq(data(), keys[i]);
	}
	cr_assert_not(line);
}

Test(i8042, more_than_it_can_hold_is_dropped)
{
	for (unsigned i = 0; i < 100; i++)
		put(0xf4);
	for (unsigned i = 0; i < I8042_BYTES; i++)
		cr_assert_eq(data(), 0xfa);
	cr_assert_eq(status() & 1, 0);
}
