/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/entry_x86_64.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/le.h"
#include "tests/support/boot.h"

static struct mem mem;
static struct err err;

static void set_up(void)
{
	mem = boot_ram(MIB(2));
}

TestSuite(entry, .init = set_up);

static uint64_t word(uint64_t gpa)
{
	return le64_get(mem_get(&mem, gpa, 8));
}

/* Present, writable, 2 MiB: bits 0, 1 and 7 [Intel SDM 3A, table 4-18]. */
Test(entry, long_mode_has_all_that_is_promised_mapped_one_to_one)
{
	cr_assert_eq(entry_write(&mem, BOOT_LONG_MODE, &err), 0);
	for (uint64_t gva = 0; gva < ENTRY_MAPPED; gva += MIB(2)) {
		uint64_t pdpt = word(LAYOUT_PAGE_TABLES + (gva >> 39) * 8);
		uint64_t directory = word((pdpt & ~UINT64_C(0xfff)) + (gva >> 30) * 8);
		uint64_t page = word((directory & ~UINT64_C(0xfff)) + (gva >> 21) * 8);

		cr_assert_eq(pdpt & 0xfff, 3u);
		cr_assert_eq(directory & 0xfff, 3u);
		cr_assert_eq(page, gva | 0x83);
	}
	cr_assert_eq(word(LAYOUT_PAGE_TABLES + 8), 0u, "and nothing else");
	cr_assert_eq(word(LAYOUT_PAGE_TABLES + LAYOUT_PAGE + 8), 0u);
}

/* Code is executable and readable, with L or D; data is writable; both flat [SDM 3A, 3.4.5]. */
Test(entry, descriptors_are_those_of_the_mode)
{
	cr_assert_eq(entry_write(&mem, BOOT_LONG_MODE, &err), 0);
	cr_assert_eq(word(LAYOUT_GDT), 0u);
	cr_assert_eq(word(LAYOUT_GDT + ENTRY_SELECTOR_CODE), 0x00af9b000000ffffu);
	cr_assert_eq(word(LAYOUT_GDT + ENTRY_SELECTOR_DATA), 0x00cf93000000ffffu);
	cr_assert_eq(entry_write(&mem, BOOT_PROTECTED_MODE, &err), 0);
	cr_assert_eq(word(LAYOUT_GDT + ENTRY_SELECTOR_CODE), 0x00cf9b000000ffffu);
}

Test(entry, protected_mode_has_no_page_tables)
{
	cr_assert_eq(entry_write(&mem, BOOT_PROTECTED_MODE, &err), 0);
	cr_assert_eq(word(LAYOUT_PAGE_TABLES), 0u);
}

Test(entry, ram_without_room_for_it_is_refused)
{
	struct mem tiny = boot_ram(LAYOUT_PAGE_TABLES + 2 * LAYOUT_PAGE);

	cr_assert_eq(entry_write(&tiny, BOOT_LONG_MODE, &err), -EINVAL);
}
