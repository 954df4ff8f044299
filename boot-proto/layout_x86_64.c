/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/layout_x86_64.h"

unsigned layout_ram(uint64_t len, struct mem_region *ret_regions)
{
	static const struct {
		uint64_t start, end;
	} windows[MEM_REGIONS_MAX] = {
		{0, LAYOUT_MMIO32_START},
		{LAYOUT_MMIO32_END, LAYOUT_MMIO64_START},
		{LAYOUT_MMIO64_END, UINT64_MAX},
	};
	unsigned n = 0;

	for (; n < MEM_REGIONS_MAX && len > 0; n++) {
		uint64_t room = windows[n].end - windows[n].start;
		uint64_t take = len < room ? len : room;

		ret_regions[n] = (struct mem_region){.gpa = windows[n].start, .len = take};
		len -= take;
	}
	return n;
}

uint64_t layout_low_end(const struct mem *mem)
{
	return mem->regions[0].len;
}
