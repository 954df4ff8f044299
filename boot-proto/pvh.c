/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvh.c - Xen's PVH entry: 32-bit protected mode, paging off, rbx = start_info. [pvh.pandoc]
 *
 * The entry stands in a note of an ELF file, or of the ELF file inside a bzImage.
 */
#include <sys/mman.h>

#include "boot-proto/cmdline.h"
#include "boot-proto/e820.h"
#include "boot-proto/elf.h"
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/initrd.h"
#include "boot-proto/protocols.h"
#include "boot-proto/pvh_abi.h"

static void write_memory_map(const struct mem *mem, struct pvh_start_info *info,
			     struct pvh_memory_range *map)
{
	struct e820_range ranges[E820_MAX];

	info->memory_map = LAYOUT_PVH_MEMORY_MAP;
	info->n_memory_map = e820_fill(mem, ranges);
	for (unsigned i = 0; i < info->n_memory_map; i++)
		map[i] = (struct pvh_memory_range){ranges[i].gpa, ranges[i].len, ranges[i].type, 0};
}

static int write_start_info(const struct boot_request *request, const struct mem *mem,
			    const struct initrd *initrd, struct err *err)
{
	struct pvh_start_info *info = mem_get(mem, LAYOUT_START_INFO, sizeof(*info));
	struct pvh_module *module = mem_get(mem, LAYOUT_MODULE_LIST, sizeof(*module));
	struct pvh_memory_range *map = mem_get(mem, LAYOUT_PVH_MEMORY_MAP, LAYOUT_PAGE);
	int ret;

	if (info == NULL || module == NULL || map == NULL)
		return err_input(err, "--memory: no room for the boot tables");
	ret = cmdline_write(request->cmdline, mem, err);
	if (ret < 0)
		return ret;
	*info = (struct pvh_start_info){.magic = PVH_START_MAGIC,
					.version = PVH_START_VERSION,
					.cmdline = LAYOUT_CMDLINE,
					.rsdp = request->machine.acpi ? LAYOUT_RSDP : 0};
	write_memory_map(mem, info, map);
	if (initrd->len > 0) {
		info->n_modules = 1;
		info->modules = LAYOUT_MODULE_LIST;
		*module = (struct pvh_module){.gpa = initrd->gpa, .len = initrd->len};
	}
	return 0;
}

static int load_elf(const struct boot_request *request, const struct boot_image *image,
		    const struct mem *mem, struct boot_entry *ret_entry, struct err *err)
{
	struct initrd initrd;
	struct elf elf;
	uint64_t end;
	int ret;

	ret = elf_read(image, &elf, err);
	if (ret < 0)
		return ret;
	if (!elf.has_pvh_entry)
		return err_input(err, "ELF notes: none of them has a PVH entry");
	if ((ret = elf_load(image, &elf, elf.pvh_entry, mem, &end, err)) < 0 ||
	    (ret = initrd_load(&request->initrd, mem, end, GIB(4), &initrd, err)) < 0 ||
	    (ret = write_start_info(request, mem, &initrd, err)) < 0 ||
	    (ret = entry_write(mem, BOOT_PROTECTED_MODE, err)) < 0)
		return ret;
	*ret_entry = (struct boot_entry){
		.mode = BOOT_PROTECTED_MODE, .rip = elf.pvh_entry, .rbx = LAYOUT_START_INFO};
	return 0;
}

int pvh_load(const struct boot_request *request, const struct mem *mem,
	     struct boot_entry *ret_entry, struct err *err)
{
	struct boot_image inner = {.fd = -1};
	uint8_t *bytes;
	int ret;

	if (!bzimage_probe(&request->kernel))
		return load_elf(request, &request->kernel, mem, ret_entry, err);
	ret = bzimage_unpack(&request->kernel, mem->len, &bytes, &inner.len, err);
	if (ret < 0)
		return ret;
	inner.bytes = bytes;
	ret = load_elf(request, &inner, mem, ret_entry, err);
	munmap(bytes, inner.len);
	return ret;
}
