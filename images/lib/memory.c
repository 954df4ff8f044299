/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - the RAM after the guest, handed out in whole pages. */
#include "images/lib/guest.h"

#define PAGE         4096UL
#define MAPPED       (UINT64_C(1) << 30) /* by whoever started us */
#define MEMORY_MAX   (UINT64_C(64) << 20)
#define RANGE_OF_RAM 1

extern char guest_end[];

static uint64_t taken;

uint64_t memory_end(void)
{
	static uint64_t end;
	uint64_t start = (uintptr_t)guest_end;

	for (unsigned i = 0; i < guest_boot.n_ranges && end == 0; i++) {
		const struct guest_range *range = &guest_boot.ranges[i];

		if (range->type == RANGE_OF_RAM && start - range->gpa < range->len)
			end = range->gpa + range->len;
	}
	if (guest_boot.initrd >= start && end > guest_boot.initrd)
		end = guest_boot.initrd;
	if (end > MAPPED)
		end = MAPPED;
	if (end > start + MEMORY_MAX)
		end = start + MEMORY_MAX;
	return end / PAGE * PAGE;
}

void *memory_take(uint64_t len)
{
	uint64_t start = ((uintptr_t)guest_end + PAGE - 1) / PAGE * PAGE + taken;

	len = (len + PAGE - 1) / PAGE * PAGE;
	if (start > memory_end() || len > memory_end() - start)
		guest_fail("no memory for %lu bytes\n", len);
	taken += len;
	return memset((void *)start, 0, len);
}

void memory_give_back(void)
{
	taken = 0;
}
