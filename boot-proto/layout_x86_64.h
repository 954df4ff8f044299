/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout_x86_64.h - what lies where in a guest's physical address space.
 *
 * Firecracker's map, so that its images find here what they find there. All of our tables lie below
 * 1 MiB, which therefore no image may load into.
 */
#ifndef MAYFLY_BOOT_LAYOUT_X86_64_H
#define MAYFLY_BOOT_LAYOUT_X86_64_H

#include "base/mem.h"
#include "boot-proto/layout_abi.h"
#include "boot-proto/ports_abi.h"

#define KIB(n) (UINT64_C(n) << 10)
#define MIB(n) (UINT64_C(n) << 20)
#define GIB(n) (UINT64_C(n) << 30)

#define LAYOUT_PAGE KIB(4)

/* The two windows without RAM. */
#define LAYOUT_MMIO32_START GIB(3)
#define LAYOUT_MMIO32_END   GIB(4)
#define LAYOUT_MMIO64_START GIB(256)
#define LAYOUT_MMIO64_END   GIB(512)

/* What each boot writes, in the order of addresses. */
#define LAYOUT_GDT            UINT64_C(0x500)
#define LAYOUT_IDT            UINT64_C(0x520)
#define LAYOUT_START_INFO     UINT64_C(0x6000)
#define LAYOUT_MODULE_LIST    UINT64_C(0x6040)
#define LAYOUT_PVH_MEMORY_MAP UINT64_C(0x7000)
#define LAYOUT_ZERO_PAGE      UINT64_C(0x7000)
#define LAYOUT_STACK          UINT64_C(0x8ff0)
#define LAYOUT_PAGE_TABLES    UINT64_C(0x9000) /* PML4, PDPT, PD: one page each */
#define LAYOUT_CMDLINE        UINT64_C(0x20000)
#define LAYOUT_CMDLINE_MAX    UINT64_C(2048) /* with its terminating NUL */
#define LAYOUT_MP_TABLE       ((uint64_t)LAYOUT_ABI_MP_TABLE)
#define LAYOUT_RSDP           UINT64_C(0xe0000)
#define LAYOUT_ACPI_TABLES    UINT64_C(0xe0040)
#define LAYOUT_ACPI_END       UINT64_C(0x100000)
#define LAYOUT_IMAGES         MIB(1) /* where images may begin */

/* Reserved in the memory map for PCI configuration space, whether there is one or not. */
#define LAYOUT_MMCONFIG     UINT64_C(0xeec00000)
#define LAYOUT_MMCONFIG_LEN MIB(256)

#define LAYOUT_RAM_MIN MIB(2)

/*
 * The RAM regions for `len` bytes: below the first window, between the two, above the second.
 * Returns how many of the MEM_REGIONS_MAX there are.
 */
unsigned layout_ram(uint64_t len, struct mem_region *ret_regions);

/* First address after the RAM below 4 GiB. */
uint64_t layout_low_end(const struct mem *mem);

#endif
