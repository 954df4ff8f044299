/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux_elf.c - an ELF file entered as Linux's 64-bit entry: vmlinux, and unikernels that take the
 * same registers. [linux boot.rst "64-bit Boot Protocol"]
 */
#include "boot-proto/elf.h"
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/protocols.h"
#include "boot-proto/zero_page.h"

int linux_elf_load(const struct boot_request *request, const struct mem *mem,
		   struct boot_entry *ret_entry, struct err *err)
{
	struct initrd initrd;
	struct elf elf;
	uint64_t end;
	int ret;

	ret = elf_read(&request->kernel, &elf, err);
	if (ret < 0)
		return ret;
	if (!elf.is_64)
		return err_input(err, "ELF header: class 1 (32 bits) has no 64-bit entry");
	if ((ret = elf_load(&request->kernel, &elf, elf.entry, mem, &end, err)) < 0 ||
	    (ret = initrd_load(&request->initrd, mem, end, GIB(4), &initrd, err)) < 0 ||
	    (ret = zero_page_write(request, mem, NULL, &initrd, err)) < 0 ||
	    (ret = entry_write(mem, BOOT_LONG_MODE, err)) < 0)
		return ret;
	*ret_entry = (struct boot_entry){.mode = BOOT_LONG_MODE,
					 .rip = elf.entry,
					 .rsp = LAYOUT_STACK,
					 .rsi = LAYOUT_ZERO_PAGE};
	return 0;
}
