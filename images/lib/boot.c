/* SPDX-License-Identifier: Apache-2.0 */
/* boot.c - one view of what Linux's zero page and PVH's start_info say. */
#include <asm/bootparam.h>

#include "boot-proto/pvh_abi.h"
#include "images/lib/guest.h"
#include "images/lib/start.h"

struct guest_boot guest_boot;

static void add_range(uint64_t gpa, uint64_t len, uint32_t type)
{
	if (guest_boot.n_ranges < GUEST_RANGES_MAX)
		guest_boot.ranges[guest_boot.n_ranges++] = (struct guest_range){gpa, len, type};
}

static void take_zero_page(const struct boot_params *params)
{
	guest_boot.cmdline = (const char *)(uintptr_t)params->hdr.cmd_line_ptr;
	guest_boot.rsdp = params->acpi_rsdp_addr;
	guest_boot.initrd = params->hdr.ramdisk_image;
	guest_boot.initrd_len = params->hdr.ramdisk_size;
	for (unsigned i = 0; i < params->e820_entries; i++)
		add_range(params->e820_table[i].addr, params->e820_table[i].size,
			  params->e820_table[i].type);
}

static void take_start_info(const struct pvh_start_info *info)
{
	const struct pvh_module *module = (const void *)info->modules;
	const struct pvh_memory_range *map = (const void *)info->memory_map;

	if (info->magic != PVH_START_MAGIC)
		guest_fail("start_info: magic %x\n", info->magic);
	guest_boot.by_pvh = true;
	guest_boot.cmdline = info->cmdline != 0 ? (const char *)info->cmdline : "";
	guest_boot.rsdp = info->rsdp;
	if (info->n_modules > 0) {
		guest_boot.initrd = module->gpa;
		guest_boot.initrd_len = module->len;
	}
	for (unsigned i = 0; info->version >= 1 && i < info->n_memory_map; i++)
		add_range(map[i].gpa, map[i].len, map[i].type);
}

void guest_start(const void *zero_page, const void *start_info)
{
	if (zero_page != NULL)
		take_zero_page(zero_page);
	else
		take_start_info(start_info);
	guest_exit(guest_main());
}
