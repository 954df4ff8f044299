/* SPDX-License-Identifier: Apache-2.0 */
/* Where RAM is, and the memory map that tells the guest. */
#include "boot-proto/layout_x86_64.h"

#include <criterion/criterion.h>
#include <stdbool.h>

#include "boot-proto/e820.h"

Test(layout, ram_lies_around_both_windows)
{
	static const struct {
		uint64_t len;
		unsigned n;
		struct mem_region regions[MEM_REGIONS_MAX];
	} rows[] = {
		{0, 0, {{0}}},
		{MIB(2), 1, {{.len = MIB(2)}}},
		{GIB(3), 1, {{.len = GIB(3)}}},
		{GIB(3) + 4096, 2, {{.len = GIB(3)}, {.gpa = GIB(4), .len = 4096}}},
		{GIB(255), 2, {{.len = GIB(3)}, {.gpa = GIB(4), .len = GIB(252)}}},
		{GIB(255) + 4096,
		 3,
		 {{.len = GIB(3)},
		  {.gpa = GIB(4), .len = GIB(252)},
		  {.gpa = GIB(512), .len = 4096}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mem_region regions[MEM_REGIONS_MAX];

		cr_assert_eq(layout_ram(rows[i].len, regions), rows[i].n);
		for (unsigned j = 0; j < rows[i].n; j++) {
			cr_assert_eq(regions[j].gpa, rows[i].regions[j].gpa);
			cr_assert_eq(regions[j].len, rows[i].regions[j].len);
		}
	}
}

/* Without a mapping: valgrind has no 300 GiB to give. */
static struct mem ram_of(uint64_t len)
{
	struct mem mem = {.fd = -1};

	mem.n_regions = layout_ram(len, mem.regions);
	return mem;
}

static bool is_ram(const struct mem *mem, const struct e820_range *range)
{
	for (unsigned i = 0; i < mem->n_regions; i++)
		if (range->gpa >= mem->regions[i].gpa &&
		    range->gpa + range->len <= mem->regions[i].gpa + mem->regions[i].len)
			return true;
	return false;
}

Test(layout, the_low_end_is_below_the_first_window)
{
	struct mem small = ram_of(MIB(64)), large = ram_of(GIB(300));

	cr_assert_eq(layout_low_end(&small), MIB(64));
	cr_assert_eq(layout_low_end(&large), GIB(3));
}

/* All RAM from 1 MiB on is in the map, in order, and none of it is reserved. */
Test(layout, e820_has_all_ram_and_no_window)
{
	static const uint64_t lens[] = {MIB(2), MIB(128), GIB(3), GIB(5), GIB(300)};

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct mem mem = ram_of(lens[i]);
		struct e820_range ranges[E820_MAX];
		unsigned n = e820_fill(&mem, ranges);
		uint64_t ram = 0;

		cr_assert_leq(n, (unsigned)E820_MAX);
		for (unsigned j = 0; j < n; j++) {
			cr_assert(j == 0 || ranges[j].gpa >= ranges[j - 1].gpa + ranges[j - 1].len);
			if (ranges[j].type != E820_TYPE_RAM)
				continue;
			ram += ranges[j].len;
			cr_assert(is_ram(&mem, &ranges[j]));
		}
		cr_assert_eq(ram, lens[i] - MIB(1) + LAYOUT_MP_TABLE, "%lu", lens[i]);
		cr_assert_eq(ranges[1].gpa, LAYOUT_MP_TABLE);
		cr_assert_eq(ranges[1].type, (unsigned)E820_TYPE_RESERVED);
	}
}
