/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every format: where an entry may be, and that a refusal leaves nothing behind. */
#include "boot-proto/boot.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>

#include "boot-proto/cmdline.h"
#include "boot-proto/elf.h"
#include "boot-proto/pvh_abi.h"
#include "tests/support/image_builder.h"

static struct mem mem;
static struct err err;

static void set_up(void)
{
	struct mem_region regions[MEM_REGIONS_MAX];
	unsigned n = layout_ram(GIB(5), regions);

	cr_assert_eq(mem_init(&mem, regions, n, MEM_ANONYMOUS, &err), 0);
}

static void tear_down(void)
{
	mem_done(&mem);
}

TestSuite(boot_refusals, .init = set_up, .fini = tear_down);

/* Code at `gpa`, entered there by either protocol. */
static struct image code_at(uint64_t gpa)
{
	struct image notes = {0}, image;
	struct image_part parts[] = {
		{.type = PT_LOAD, .gpa = gpa, .bytes = image_code, .len = IMAGE_CODE_LEN},
		{.type = PT_NOTE, .align = 4},
	};

	image_append_note(&notes, 4, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, &gpa, sizeof(gpa));
	parts[1].bytes = notes.bytes;
	parts[1].len = notes.len;
	image = image_elf(true, gpa, parts, 2);
	image_free(&notes);
	return image;
}

static int load(uint64_t gpa, enum boot_format format, struct boot_entry *ret_entry)
{
	struct image image = code_at(gpa);
	const struct boot_request request = {
		.kernel = {.fd = -1, .bytes = image.bytes, .len = image.len},
		.kind = {.format = format},
		.machine = {.n_cpus = 1},
		.cmdline = "",
	};
	int ret = boot_load(&request, &mem, ret_entry, &err);

	image_free(&image);
	return ret;
}

Test(boot_refusals, long_mode_enters_what_is_mapped)
{
	struct boot_entry entry = {.rip = 4711};

	cr_assert_lt(load(GIB(1), BOOT_ELF, &entry), 0);
	cr_assert_str_eq(err.text, "entry 0x40000000 is not below 0x40000000, where the boot "
				   "protocol's mapping ends");
	cr_assert_eq(err.subject, ERR_SUBJECT_IMAGE);
	cr_assert_eq(entry.rip, 4711u, "nothing is returned");
	cr_assert_eq(load(GIB(1) - 4096, BOOT_ELF, &entry), 0, "%s", err.text);
	cr_assert_eq(entry.rip, GIB(1) - 4096);
}

Test(boot_refusals, protected_mode_enters_below_4_gib)
{
	struct boot_entry entry;

	cr_assert_lt(load(GIB(4), BOOT_PVH, &entry), 0);
	cr_assert_str_eq(err.text, "entry 0x100000000 is not below 0x100000000, where the boot "
				   "protocol's mapping ends");
	cr_assert_eq(load(GIB(3) - 4096, BOOT_PVH, &entry), 0, "%s", err.text);
}

Test(boot_refusals, an_elf_file_that_is_refused_is_not_half_read)
{
	struct image image = code_at(MIB(1));
	const struct boot_image file = {.fd = -1, .bytes = image.bytes, .len = image.len};
	struct elf elf = {.entry = 4711};

	image_elf64_program_header(&image, 1)->p_offset = UINT64_MAX;
	cr_assert_lt(elf_read(&file, &elf, &err), 0);
	cr_assert_eq(elf.entry, 4711u);
	cr_assert_eq(elf.n_segments, 0u);
	image_free(&image);
}

Test(boot_refusals, a_command_line_that_is_too_long_is_not_half_composed)
{
	char user[LAYOUT_CMDLINE_MAX], composed[LAYOUT_CMDLINE_MAX] = "as it was";

	memset(user, 'x', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	cr_assert_lt(
		cmdline_compose(
			&(struct cmdline_parts){.user = user, .linux_kernel = true, .serial = true},
			composed, &err),
		0);
	cr_assert_str_eq(composed, "as it was");
}
