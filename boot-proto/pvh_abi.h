/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvh_abi.h - Xen's PVH entry: what the guest's first instruction finds. [pvh.pandoc],
 * [xen/include/public/arch-x86/hvm/start_info.h]. Linux exports no header of it.
 */
#ifndef MAYFLY_PVH_ABI_H
#define MAYFLY_PVH_ABI_H

#define XEN_ELFNOTE_GUEST_OS     6
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define PVH_START_MAGIC   0x336ec578
#define PVH_START_VERSION 1

#ifndef __ASSEMBLER__
#include <stdint.h>

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t n_modules;
	uint64_t modules; /* gpa of struct pvh_module[] */
	uint64_t cmdline; /* gpa of a NUL-terminated string */
	uint64_t rsdp;    /* gpa, or 0 */
	uint64_t memory_map;
	uint32_t n_memory_map;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t gpa;
	uint64_t len;
	uint64_t cmdline;
	uint64_t reserved;
};

struct pvh_memory_range {
	uint64_t gpa;
	uint64_t len;
	uint32_t type; /* as in e820 */
	uint32_t reserved;
};
#endif

#endif
