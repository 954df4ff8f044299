/* SPDX-License-Identifier: Apache-2.0 */
/* paging.c - additions to the tables we were started on. [Intel SDM 3A §4.5] */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define PRESENT 0x01
#define WRITE   0x02
#define USER    0x04
#define LARGE   0x80
#define ADDRESS 0x000ffffffffff000
#define GIB     (UINT64_C(1) << 30)
#define PAGE_2M (UINT64_C(1) << 21)

extern char guest_user[];

static uint64_t *pdpt(void)
{
	uint64_t *pml4 = (uint64_t *)(read_cr3() & ADDRESS);

	return (uint64_t *)(pml4[0] & ADDRESS);
}

void map_gib_of(uint64_t gpa)
{
	static uint64_t directories[4][512] __attribute__((aligned(4096)));
	static unsigned n_used;
	uint64_t *directory, gib = gpa / GIB;

	if ((pdpt()[gib] & PRESENT) != 0)
		return;
	if (n_used == 4)
		guest_fail("map_gib_of: too many\n");
	directory = directories[n_used++];
	for (uint64_t i = 0; i < 512; i++)
		directory[i] = (gib * GIB + i * PAGE_2M) | PRESENT | WRITE | LARGE;
	pdpt()[gib] = (uintptr_t)directory | PRESENT | WRITE;
	write_cr3(read_cr3());
}

void map_for_user(void)
{
	uint64_t *pml4 = (uint64_t *)(read_cr3() & ADDRESS);
	uint64_t *directory = (uint64_t *)(pdpt()[0] & ADDRESS);

	pml4[0] |= USER;
	pdpt()[0] |= USER;
	directory[(uintptr_t)guest_user / PAGE_2M] |= USER;
	write_cr3(read_cr3());
}
