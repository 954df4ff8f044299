/* SPDX-License-Identifier: Apache-2.0 */
/* paging.c - additions to the tables we were started on. [Intel SDM 3A §4.5] */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define PRESENT    0x01
#define WRITE      0x02
#define USER       0x04
#define LARGE      0x80
#define ADDRESS    0x000ffffffffff000
#define ENTRIES    512
#define PAGE_2M    (UINT64_C(1) << 21)
#define TABLES_MAX 8

static uint64_t *new_table(void)
{
	static uint64_t tables[TABLES_MAX][ENTRIES] __attribute__((aligned(4096)));
	static unsigned n_used;

	if (n_used == TABLES_MAX)
		guest_fail("no page table is left\n");
	return tables[n_used++];
}

static uint64_t *pml4(void)
{
	return (uint64_t *)(read_cr3() & ADDRESS);
}

/* The table behind an entry; where there is none, a new one. */
static uint64_t *table_of(uint64_t *entry)
{
	if ((*entry & PRESENT) == 0)
		*entry = (uintptr_t)new_table() | PRESENT | WRITE;
	return (uint64_t *)(*entry & ADDRESS);
}

void map_gib_of(uint64_t gpa)
{
	uint64_t *pdpt = table_of(&pml4()[gpa >> 39]), *entry = &pdpt[gpa >> 30 & (ENTRIES - 1)];
	uint64_t start = gpa >> 30 << 30, *directory;

	if ((*entry & PRESENT) != 0)
		return;
	directory = table_of(entry);
	for (uint64_t i = 0; i < ENTRIES; i++)
		directory[i] = (start + i * PAGE_2M) | PRESENT | WRITE | LARGE;
	write_cr3(read_cr3());
}

void map_for_user(uint64_t gpa, uint64_t len)
{
	uint64_t *pdpt = table_of(&pml4()[gpa >> 39]), *entry = &pdpt[gpa >> 30 & (ENTRIES - 1)];
	uint64_t *directory;

	map_gib_of(gpa);
	directory = table_of(entry);
	pml4()[gpa >> 39] |= USER;
	*entry |= USER;
	for (uint64_t at = gpa / PAGE_2M; at * PAGE_2M < gpa + len; at++)
		directory[at & (ENTRIES - 1)] |= USER;
	write_cr3(read_cr3());
}
