/* SPDX-License-Identifier: Apache-2.0 */
/* [ACPI 6.4 chapter 20]: encodings byte by byte. */
#include "boot-proto/aml.h"

#include <criterion/criterion.h>
#include <string.h>

static uint8_t bytes[4096];
static struct aml aml;

static void set_up(void)
{
	aml = (struct aml){.bytes = bytes, .capacity = sizeof(bytes)};
}

TestSuite(aml, .init = set_up);

#define IS(text)                                                                                   \
	do {                                                                                       \
		cr_assert_eq(aml.len, sizeof(text) - 1);                                           \
		cr_assert_arr_eq(bytes, text, sizeof(text) - 1);                                   \
	} while (0)

Test(aml, integers_take_as_few_bytes_as_they_can)
{
	static const struct {
		uint64_t value;
		const char *bytes;
		size_t len;
	} rows[] = {
		{0, "\x00", 1},
		{1, "\x01", 1},
		{2, "\x0a\x02", 2},
		{0xff, "\x0a\xff", 2},
		{0x100, "\x0b\x00\x01", 3},
		{0xffff, "\x0b\xff\xff", 3},
		{0x10000, "\x0c\x00\x00\x01\x00", 5},
		{0xffffffff, "\x0c\xff\xff\xff\xff", 5},
		{0x100000000, "\x0e\x00\x00\x00\x00\x01\x00\x00\x00", 9},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up();
		aml_name_integer(&aml, "_UID", rows[i].value);
		cr_assert_eq(aml.len, 5 + rows[i].len);
		cr_assert_arr_eq(bytes, "\x08_UID", 5);
		cr_assert_arr_eq(bytes + 5, rows[i].bytes, rows[i].len);
	}
}

Test(aml, strings_and_ids)
{
	aml_name_string(&aml, "_HID", "QEMU0001");
	IS("\x08_HID\x0dQEMU0001\0");
	set_up();
	aml_name_eisa_id(&aml, "_HID", "PNP0A03");
	IS("\x08_HID\x0c\x41\xd0\x0a\x03");
}

Test(aml, packages_know_their_length)
{
	aml_package scope = aml_open_scope(&aml, "_SB_");
	aml_package device = aml_open_device(&aml, "DEV0");

	aml_close(&aml, device);
	aml_close(&aml, scope);
	IS("\x10\x80\x01\x00_SB_\x5b\x82\x87\x00\x00"
	   "DEV0");
}

Test(aml, a_length_has_twenty_bits)
{
	static uint8_t much[0x12345 + 8];
	aml_package scope;

	aml = (struct aml){.bytes = much, .capacity = sizeof(much)};
	scope = aml_open_scope(&aml, "_SB_");
	aml.len = scope + 0x12345;
	aml_close(&aml, scope);
	cr_assert_arr_eq(much, "\x10\x85\x34\x12_SB_", 8);
}

Test(aml, a_package_of_bytes)
{
	aml_name_bytes_package(&aml, "_S5_", (const uint8_t[]){5, 0, 1, 2}, 4);
	IS("\x08_S5_\x12\x8a\x00\x00\x04\x0a\x05\x00\x01\x0a\x02");
}

Test(aml, resources)
{
	struct aml_resources resources = {.len = 0};

	aml_resource_io(&resources, 0x3f8, 8);
	aml_resource_interrupt(&resources, 4);
	aml_name_resources(&aml, &resources);
	IS("\x08_CRS\x11\x88\x01\x00\x0a\x13"
	   "\x47\x01\xf8\x03\xf8\x03\x01\x08"
	   "\x89\x06\x00\x03\x01\x04\x00\x00\x00"
	   "\x79\x00");
}

/* At every capacity: nothing is written past it, and `full` tells. */
Test(aml, what_does_not_fit_is_dropped_and_told)
{
	for (size_t capacity = 0; capacity < 20; capacity++) {
		aml_package scope;

		memset(bytes, 0xa5, sizeof(bytes));
		aml = (struct aml){.bytes = bytes, .capacity = capacity};
		scope = aml_open_scope(&aml, "_SB_");
		aml_name_string(&aml, "_HID", "four");
		aml_close(&aml, scope);
		cr_assert_eq(aml.full, capacity < 19, "%zu", capacity);
		cr_assert_leq(aml.len, capacity);
		for (size_t i = capacity; i < sizeof(bytes); i++)
			cr_assert_eq(bytes[i], 0xa5);
	}
}
