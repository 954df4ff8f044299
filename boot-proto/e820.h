/* SPDX-License-Identifier: Apache-2.0 */
/* e820.h - the memory map that Linux's zero page and PVH's start_info hand to the guest. */
#ifndef MAYFLY_BOOT_E820_H
#define MAYFLY_BOOT_E820_H

#include "base/mem.h"

#define E820_MAX 8

enum { E820_TYPE_RAM = 1, E820_TYPE_RESERVED = 2 }; /* [ACPI 6.4 table 15.3] */

struct e820_range {
	uint64_t gpa;
	uint64_t len;
	uint32_t type;
};

/* Fills `ret_ranges`, E820_MAX of them, in the order of addresses. Returns how many there are. */
unsigned e820_fill(const struct mem *mem, struct e820_range *ret_ranges);

#endif
