/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_x86_64.h - the machine state behind the first instruction: descriptors and page tables.
 *
 * The monitor sets the vCPU's segment registers itself; the table in memory is what the guest finds
 * there if it loads a selector before it has a table of its own.
 */
#ifndef MAYFLY_BOOT_ENTRY_X86_64_H
#define MAYFLY_BOOT_ENTRY_X86_64_H

#include "boot-proto/boot.h"

/* Selectors; those of code and data are Linux's __BOOT_CS and __BOOT_DS [linux boot.rst]. */
enum { ENTRY_SELECTOR_TSS = 0x08, ENTRY_SELECTOR_CODE = 0x10, ENTRY_SELECTOR_DATA = 0x18 };

#define ENTRY_GDT_LEN 32
#define ENTRY_IDT_LEN 8

/* The end of what the page tables map. */
#define ENTRY_MAPPED GIB(1)

/* Writes descriptors, and for long mode page tables that map the first ENTRY_MAPPED one to one. */
MUST_CHECK int entry_write(const struct mem *mem, enum boot_mode mode, struct err *err);

#endif
