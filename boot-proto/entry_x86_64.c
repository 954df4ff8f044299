/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and page tables as in [Intel SDM 3A, chapters 3.4.5 and 4.5]. */
#include "boot-proto/entry_x86_64.h"

#include "base/le.h"

#define DESCRIPTOR_CODE64 UINT64_C(0x00af9b000000ffff)
#define DESCRIPTOR_CODE32 UINT64_C(0x00cf9b000000ffff)
#define DESCRIPTOR_DATA   UINT64_C(0x00cf93000000ffff)
#define DESCRIPTOR_TSS    UINT64_C(0x00008b0000000067)

#define PTE_PRESENT  UINT64_C(0x01)
#define PTE_WRITABLE UINT64_C(0x02)
#define PTE_LARGE    UINT64_C(0x80)

#define TABLE_ENTRIES 512

static void write_descriptors(uint8_t *gdt, enum boot_mode mode)
{
	le64_put(gdt + ENTRY_SELECTOR_TSS, DESCRIPTOR_TSS);
	le64_put(gdt + ENTRY_SELECTOR_CODE,
		 mode == BOOT_LONG_MODE ? DESCRIPTOR_CODE64 : DESCRIPTOR_CODE32);
	le64_put(gdt + ENTRY_SELECTOR_DATA, DESCRIPTOR_DATA);
}

static void write_page_tables(uint8_t *tables)
{
	uint8_t *pml4 = tables, *pdpt = tables + LAYOUT_PAGE, *directory = pdpt + LAYOUT_PAGE;

	le64_put(pml4, (LAYOUT_PAGE_TABLES + LAYOUT_PAGE) | PTE_PRESENT | PTE_WRITABLE);
	le64_put(pdpt, (LAYOUT_PAGE_TABLES + 2 * LAYOUT_PAGE) | PTE_PRESENT | PTE_WRITABLE);
	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		le64_put(directory + i * 8, i * MIB(2) | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE);
}

int entry_write(const struct mem *mem, enum boot_mode mode, struct err *err)
{
	uint8_t *gdt = mem_get(mem, LAYOUT_GDT, ENTRY_GDT_LEN);
	uint8_t *tables = mem_get(mem, LAYOUT_PAGE_TABLES, 3 * LAYOUT_PAGE);

	if (gdt == NULL || tables == NULL)
		return err_input(err, "--memory: no room for the boot tables");
	write_descriptors(gdt, mode);
	if (mode == BOOT_LONG_MODE)
		write_page_tables(tables);
	return 0;
}
