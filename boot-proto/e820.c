/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/e820.h"

#include "boot-proto/layout_x86_64.h"

unsigned e820_fill(const struct mem *mem, struct e820_range *ret_ranges)
{
	unsigned n = 0;

	ret_ranges[n++] = (struct e820_range){0, LAYOUT_MP_TABLE, E820_TYPE_RAM};
	ret_ranges[n++] = (struct e820_range){LAYOUT_MP_TABLE, LAYOUT_RSDP - LAYOUT_MP_TABLE,
					      E820_TYPE_RESERVED};
	ret_ranges[n++] = (struct e820_range){LAYOUT_IMAGES, layout_low_end(mem) - LAYOUT_IMAGES,
					      E820_TYPE_RAM};
	ret_ranges[n++] = (struct e820_range){LAYOUT_MMCONFIG, LAYOUT_MMCONFIG_LEN,
					      E820_TYPE_RESERVED};
	for (unsigned i = 1; i < mem->n_regions; i++)
		ret_ranges[n++] = (struct e820_range){mem->regions[i].gpa, mem->regions[i].len,
						      E820_TYPE_RAM};
	return n;
}
