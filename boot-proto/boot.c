/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/boot.h"

#include <inttypes.h>

#include "boot-proto/acpi.h"
#include "boot-proto/elf.h"
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/mp_table.h"
#include "boot-proto/protocols.h"

static int identify_elf(const struct boot_image *kernel, enum boot_format wanted,
			struct boot_kind *ret_kind, struct err *err)
{
	struct elf elf;
	int ret = elf_read(kernel, &elf, err);

	if (ret < 0)
		return ret;
	ret_kind->linux_kernel = elf.linux_kernel;
	ret_kind->format = wanted;
	if (wanted == BOOT_AUTO)
		ret_kind->format = elf.has_pvh_entry ? BOOT_PVH : BOOT_ELF;
	return 0;
}

int boot_identify(const struct boot_image *kernel, enum boot_format wanted,
		  struct boot_kind *ret_kind, struct err *err)
{
	err->subject = ERR_SUBJECT_IMAGE;
	if (kernel->len == 0)
		return err_input(err, "the file is empty");
	if (wanted == BOOT_RAW) {
		*ret_kind = (struct boot_kind){.format = BOOT_RAW};
		return 0;
	}
	if (bzimage_probe(kernel) && wanted != BOOT_ELF) {
		*ret_kind = (struct boot_kind){wanted == BOOT_AUTO ? BOOT_BZIMAGE : wanted, true};
		return 0;
	}
	if (elf_probe(kernel) && wanted != BOOT_BZIMAGE)
		return identify_elf(kernel, wanted, ret_kind, err);
	return err_input(err, wanted == BOOT_AUTO
				      ? "neither a Linux bzImage nor an ELF file (--format=raw "
					"loads any bytes)"
				      : "its content is not of the --format asked for");
}

static int load_image(const struct boot_request *request, const struct mem *mem,
		      struct boot_entry *ret_entry, struct err *err)
{
	switch (request->kind.format) {
	case BOOT_BZIMAGE:
		return bzimage_load(request, mem, ret_entry, err);
	case BOOT_ELF:
		return linux_elf_load(request, mem, ret_entry, err);
	case BOOT_PVH:
		return pvh_load(request, mem, ret_entry, err);
	case BOOT_RAW:
		return raw_load(request, mem, ret_entry, err);
	case BOOT_AUTO:
	case BOOT_FORMAT_COUNT:
	default:
		return err_input(err, "--format: %d is none", (int)request->kind.format);
	}
}

/* What the mode of the entry can address: beyond that the first instruction is not reached. */
static int check_reach(const struct boot_entry *entry, struct err *err)
{
	uint64_t end = entry->mode == BOOT_LONG_MODE ? ENTRY_MAPPED : GIB(4);

	if (entry->rip < end)
		return 0;
	return err_input(err,
			 "entry 0x%" PRIx64 " is not below 0x%" PRIx64
			 ", where the boot protocol's mapping ends",
			 entry->rip, end);
}

int boot_load(const struct boot_request *request, const struct mem *mem,
	      struct boot_entry *ret_entry, struct err *err)
{
	struct boot_entry entry;
	int ret;

	err->subject = ERR_SUBJECT_IMAGE;
	if ((ret = load_image(request, mem, &entry, err)) < 0 ||
	    (ret = check_reach(&entry, err)) < 0)
		return ret;
	err->subject = ERR_SUBJECT_NONE;
	if ((ret = mp_table_write(&request->machine, mem, err)) < 0)
		return ret;
	if (request->machine.acpi && (ret = acpi_write(&request->machine, mem, err)) < 0)
		return ret;
	*ret_entry = entry;
	return 0;
}
