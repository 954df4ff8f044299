/* SPDX-License-Identifier: Apache-2.0 */
/* What each protocol but bzImage's hands to its guest: registers and tables, or a refusal. */
#include "boot-proto/protocols.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/pvh_abi.h"
#include "boot-proto/zero_page.h"
#include "tests/support/boot.h"

static struct mem mem;
static struct err err;
static struct boot_entry entry;
static uint8_t initrd[5000];

static void set_up(void)
{
	mem = boot_ram(MIB(8));
	entry = (struct boot_entry){.rip = 4711};
}

TestSuite(protocols, .init = set_up);

static struct boot_request request_for(const struct image *image)
{
	return (struct boot_request){
		.kernel = boot_view(image),
		.initrd = {.fd = -1, .bytes = initrd, .len = sizeof(initrd)},
		.cmdline = "three little words",
		.machine = {.n_cpus = 1, .acpi = true},
	};
}

static const struct boot_params *zero_page(void)
{
	return mem_get(&mem, LAYOUT_ZERO_PAGE, sizeof(struct boot_params));
}

static void is_entered_as_linux(uint64_t rip)
{
	cr_assert_eq(entry.mode, BOOT_LONG_MODE);
	cr_assert_eq(entry.rip, rip);
	cr_assert_eq(entry.rsp, LAYOUT_STACK);
	cr_assert_eq(entry.rsi, LAYOUT_ZERO_PAGE);
	cr_assert_str_eq(mem_get(&mem, zero_page()->hdr.cmd_line_ptr, 19), "three little words");
	cr_assert_eq(zero_page()->hdr.ramdisk_image, MIB(8) - 8192);
	cr_assert_eq(zero_page()->hdr.ramdisk_size, sizeof(initrd));
	cr_assert_eq(zero_page()->acpi_rsdp_addr, LAYOUT_RSDP);
	cr_assert_neq(le64_get(mem_get(&mem, LAYOUT_PAGE_TABLES, 8)), 0u);
	cr_assert_arr_eq(mem_get(&mem, MIB(1), sizeof(image_code)), image_code, sizeof(image_code));
}

Test(protocols, elf_is_entered_at_e_entry)
{
	const struct image image = image_unikernel(true, 0);
	const struct boot_request request = request_for(&image);

	cr_assert_eq(linux_elf_load(&request, &mem, &entry, &err), 0, "%s", err.text);
	is_entered_as_linux(MIB(1));
}

Test(protocols, raw_is_entered_where_it_is_loaded)
{
	const struct image image = {(uint8_t *)(uintptr_t)image_code, sizeof(image_code)};
	const struct boot_request request = request_for(&image);

	cr_assert_eq(raw_load(&request, &mem, &entry, &err), 0, "%s", err.text);
	is_entered_as_linux(MIB(1));
}

/* [pvh.pandoc] */
static void is_entered_by_pvh(void)
{
	const struct pvh_start_info *info = mem_get(&mem, entry.rbx, sizeof(*info));
	const struct pvh_module *module = mem_get(&mem, info->modules, sizeof(*module));
	const struct pvh_memory_range *map = mem_get(&mem, info->memory_map, 3 * sizeof(*map));

	cr_assert_eq(entry.mode, BOOT_PROTECTED_MODE);
	cr_assert_eq(entry.rip, MIB(1));
	cr_assert_eq(info->magic, 0x336ec578u);
	cr_assert_eq(info->version, 1u);
	cr_assert_str_eq(mem_get(&mem, info->cmdline, 19), "three little words");
	cr_assert_eq(info->rsdp, LAYOUT_RSDP);
	cr_assert_eq(info->n_modules, 1u);
	cr_assert_eq(module->gpa, MIB(8) - 8192);
	cr_assert_eq(module->len, sizeof(initrd));
	cr_assert_eq(info->n_memory_map, 4u);
	cr_assert_eq(map[2].gpa, MIB(1));
	cr_assert_eq(map[2].len, MIB(7));
	cr_assert_eq(map[2].type, 1u);
	cr_assert_eq(le64_get(mem_get(&mem, LAYOUT_PAGE_TABLES, 8)), 0u);
}

Test(protocols, pvh_is_entered_by_its_note)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		const struct image image = image_unikernel(is_64, 4);
		const struct boot_request request = request_for(&image);

		set_up();
		cr_assert_eq(pvh_load(&request, &mem, &entry, &err), 0, "%s", err.text);
		is_entered_by_pvh();
	}
}

Test(protocols, pvh_finds_the_note_inside_a_bzimage)
{
	const struct image inner = image_unikernel(false, 8);
	const struct image image = image_bzimage_packed(IMAGE_XZ, &inner);
	const struct boot_request request = request_for(&image);

	cr_assert_eq(pvh_load(&request, &mem, &entry, &err), 0, "%s", err.text);
	is_entered_by_pvh();
}

Test(protocols, without_initrd_and_acpi_nothing_points_there)
{
	const struct image image = image_unikernel(true, 4);
	struct boot_request request = request_for(&image);
	const struct pvh_start_info *info = mem_get(&mem, LAYOUT_START_INFO, sizeof(*info));

	request.initrd = (struct boot_image){.fd = -1};
	request.machine.acpi = false;
	cr_assert_eq(pvh_load(&request, &mem, &entry, &err), 0, "%s", err.text);
	cr_assert_eq(info->n_modules, 0u);
	cr_assert_eq(info->modules, 0u);
	cr_assert_eq(info->rsdp, 0u);
}

typedef int load_fn(const struct boot_request *request, const struct mem *ram,
		    struct boot_entry *ret_entry, struct err *error);

static void refused(load_fn *load, const struct boot_request *request, const char *message)
{
	cr_assert_eq(load(request, &mem, &entry, &err), -EINVAL, "%s", message);
	cr_assert(strstr(err.text, message) != NULL, "\"%s\", not \"%s\"", err.text, message);
	cr_assert_eq(entry.rip, 4711u, "untouched");
}

Test(protocols, what_cannot_be_entered_is_refused)
{
	static uint8_t large[MIB(8)];
	const struct image narrow = image_unikernel(false, 0), wide = image_unikernel(true, 0);
	const struct image empty = {initrd, 0}, too_large = {large, MIB(7) + 1};
	struct boot_request request = request_for(&narrow);

	refused(linux_elf_load, &request, "class 1 (32 bits) has no 64-bit entry");
	refused(pvh_load, &request, "ELF notes: none of them has a PVH entry");
	request = request_for(&empty);
	refused(raw_load, &request, "raw image: it is empty, and has no first instruction");
	request = request_for(&too_large);
	refused(raw_load, &request, "raw image: 7340033 bytes at guest address 0x100000 lie");
	request = request_for(&wide);
	image_elf64_header(&wide)->e_entry = MIB(1) + sizeof(image_code);
	refused(linux_elf_load, &request, "entry 0x100007 is in no bytes that are loaded");
}

Test(protocols, each_refuses_what_does_not_fit_beside_the_image)
{
	static const struct {
		load_fn *load;
		bool is_elf;
	} rows[] = {{linux_elf_load, true}, {pvh_load, true}, {raw_load, false}};
	static uint8_t large[MIB(8)];
	char words[LAYOUT_CMDLINE_MAX + 1] = "";

	memset(words, 'x', LAYOUT_CMDLINE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct image elf = image_unikernel(true, 4);
		const struct image raw = {(uint8_t *)(uintptr_t)image_code, sizeof(image_code)};
		struct boot_request request = request_for(rows[i].is_elf ? &elf : &raw);

		request.cmdline = words;
		refused(rows[i].load, &request, "command line: 2048 bytes");
		request.cmdline = "";
		request.initrd.bytes = large;
		request.initrd.len = MIB(7);
		refused(rows[i].load, &request,
			"7340032 bytes do not fit between the kernel's end "
			"0x100007 and 0x800000");
		cr_assert_eq(err.subject, ERR_SUBJECT_INITRD);
		mem = boot_ram(MIB(1));
		request = request_for(rows[i].is_elf ? &elf : &raw);
		refused(rows[i].load, &request, "outside RAM");
		mem = boot_ram(MIB(8));
	}
}
