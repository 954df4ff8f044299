/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/elf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "boot-proto/pvh_abi.h"
#include "tests/support/image_builder.h"

static struct mem mem;
static struct err err;

static void set_up(void)
{
	const struct mem_region ram[] = {{.gpa = 0, .len = MIB(4)}, {.gpa = GIB(4), .len = MIB(1)}};

	cr_assert_eq(mem_init(&mem, ram, 2, MEM_ANONYMOUS, &err), 0);
}

TestSuite(elf, .init = set_up);

static struct boot_image view(const struct image *image)
{
	return (struct boot_image){.fd = -1, .bytes = image->bytes, .len = image->len};
}

static struct elf read_good(const struct image *image)
{
	const struct boot_image boot = view(image);
	struct elf elf;

	cr_assert_eq(elf_read(&boot, &elf, &err), 0, "%s", err.text);
	return elf;
}

static void refused(const struct image *image, const char *message)
{
	const struct boot_image boot = view(image);
	struct elf elf, before;

	memset(&elf, 0xa5, sizeof(elf));
	memset(&before, 0xa5, sizeof(before));
	cr_assert_eq(elf_read(&boot, &elf, &err), -EINVAL, "%s", message);
	cr_assert(strstr(err.text, message) != NULL, "\"%s\", not \"%s\"", err.text, message);
	cr_assert_arr_eq((uint8_t *)&elf, (uint8_t *)&before, sizeof(elf), "untouched");
}

static const struct image_part code_and_bss = {.type = PT_LOAD,
					       .gpa = MIB(1),
					       .bytes = image_code,
					       .len = sizeof(image_code),
					       .guest_len = 0x1000,
					       .align = 0x1000};

Test(elf, both_classes_are_read)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		const struct image image = image_unikernel(is_64, 4);
		const struct boot_image boot = view(&image);
		const struct elf elf = read_good(&image);

		cr_assert(elf_probe(&boot));
		cr_assert_eq(elf.is_64, is_64);
		cr_assert_eq(elf.entry, MIB(1));
		cr_assert_eq(elf.n_segments, 1u);
		cr_assert_eq(elf.segments[0].gpa, MIB(1));
		cr_assert_eq(elf.segments[0].file_len, sizeof(image_code));
		cr_assert_eq(elf.segments[0].guest_len, sizeof(image_code));
		cr_assert_arr_eq(image.bytes + elf.segments[0].offset, image_code,
				 sizeof(image_code));
		cr_assert(elf.has_pvh_entry && elf.pvh_entry == MIB(1));
		cr_assert_not(elf.linux_kernel);
	}
}

/* Every byte is there or not: no header, note or name is read past the end. */
Test(elf, headers_cut_at_every_offset_are_refused)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		const struct image whole = image_unikernel(is_64, 8);

		for (size_t len = 0; len < whole.len; len++) {
			struct image cut = {malloc(len + 1), len};
			const struct boot_image boot = view(&cut);
			struct elf elf;

			memcpy(cut.bytes, whole.bytes, len);
			cr_assert_eq(elf_probe(&boot), len >= sizeof(Elf32_Ehdr));
			if (elf_read(&boot, &elf, &err) == 0)
				cr_assert_fail("%zu of %zu bytes were enough", len, whole.len);
			image_free(&cut);
		}
	}
}

#define HEADER(field) offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define SEGMENT(field)                                                                             \
	sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, field), sizeof(((Elf64_Phdr *)0)->field)
#define NOTES(field)                                                                               \
	sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field),                     \
		sizeof(((Elf64_Phdr *)0)->field)

Test(elf, what_is_broken_is_refused_with_field_and_value)
{
	static const struct {
		size_t offset, len;
		uint64_t value;
		const char *message;
	} cases[] = {
		{EI_CLASS, 1, 3, "ELF header: class 3 is neither 1 nor 2"},
		{EI_DATA, 1, 2, "ELF header: data encoding 2 is not little-endian"},
		{HEADER(e_type), ET_REL, "ELF header: e_type 1 is no executable"},
		{HEADER(e_machine), EM_AARCH64, "ELF header: e_machine 183 is not x86"},
		{HEADER(e_phentsize), 32, "ELF header: e_phentsize 32 is not that of its class"},
		{HEADER(e_phnum), 0, "ELF header: e_phnum 0 is not between 1 and 64"},
		{HEADER(e_phnum), 65, "ELF header: e_phnum 65 is not between 1 and 64"},
		{HEADER(e_phnum), PN_XNUM, "ELF header: e_phnum 65535 is not between 1 and 64"},
		{HEADER(e_phnum), 40, "program header 2: e_phoff: 56 bytes at offset 176 go past"},
		{HEADER(e_phoff), UINT64_MAX, "ELF header: e_phoff 18446744073709551615 is past"},
		{HEADER(e_phoff), 150, "program header 0: e_phoff: 56 bytes at offset 150 go past"},
		{SEGMENT(p_memsz), 6, "program header 0: p_filesz 7 exceeds p_memsz 6"},
		{SEGMENT(p_align), 3, "program header 0: p_align 0x3 is no power of two"},
		{SEGMENT(p_align), UINT64_MAX,
		 "program header 0: p_align 0xffffffffffffffff is no"},
		{NOTES(p_offset), 205,
		 "program header 1: p_offset and p_filesz: 20 bytes at offset"},
		{NOTES(p_offset), UINT64_MAX, "program header 1: p_offset and p_filesz: 20 bytes"},
		{NOTES(p_filesz), 21,
		 "program header 1: p_offset and p_filesz: 21 bytes at offset"},
		{NOTES(p_filesz), 65537, "program header 1: p_filesz 65537 is more than the 65536"},
		{NOTES(p_filesz), UINT64_MAX, "program header 1: p_filesz 18446744073709551615"},
		{NOTES(p_filesz), 19,
		 "n_namesz 4 and n_descsz 4 of the note at offset 184 go past"},
		{184, 4, UINT32_MAX,
		 "n_namesz 4294967295 and n_descsz 4 of the note at offset 184"},
		{188, 4, UINT32_MAX, "n_namesz 4 and n_descsz 4294967295 of the note at offset"},
		{188, 4, 2,
		 "program header 1: n_descsz 2 of the note with the PVH entry is neither"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image image = image_unikernel(true, 4);

		memcpy(image.bytes + cases[i].offset, &cases[i].value, cases[i].len);
		refused(&image, cases[i].message);
		image_free(&image);
	}
}

static struct image with_notes(const struct image *notes, uint64_t align)
{
	const struct image_part parts[] = {
		code_and_bss,
		{.type = PT_NOTE, .bytes = notes->bytes, .len = notes->len, .align = align}};

	return image_elf(true, MIB(1), parts, 2);
}

/* The entry follows a note whose parts need padding, as far as p_align says. */
Test(elf, notes_are_aligned_as_their_program_header_says)
{
	static const uint64_t aligns[] = {0, 1, 4, 8};

	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++) {
		const size_t pad = aligns[i] == 8 ? 8 : 4;
		struct image notes = {0}, image;
		struct elf elf;

		image_append_note(&notes, pad, "Odd!", 1, "one", 3);
		image_append_note(&notes, pad, "GNU", 5, "five.", 5);
		image_append_note(&notes, pad, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, "\0\0\x20\0\1\0\0",
				  8);
		image = with_notes(&notes, aligns[i]);
		elf = read_good(&image);
		cr_assert(elf.has_pvh_entry, "p_align %lu", aligns[i]);
		cr_assert_eq(elf.pvh_entry, 0x100200000u);
	}
}

Test(elf, a_pvh_entry_has_four_or_eight_bytes)
{
	static const uint8_t value[16] = {0x78, 0x56, 0x34, 0x12, 1};

	for (size_t len = 0; len <= sizeof(value); len++) {
		struct image notes = {0}, image;

		image_append_note(&notes, 4, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, value, len);
		image = with_notes(&notes, 4);
		if (len == 4)
			cr_assert_eq(read_good(&image).pvh_entry, 0x12345678u);
		else if (len == 8)
			cr_assert_eq(read_good(&image).pvh_entry, 0x112345678u);
		else
			refused(&image, "program header 1: n_descsz");
	}
}

Test(elf, linux_is_known_by_its_notes)
{
	static const struct {
		const char *name;
		uint32_t type;
		const char *value;
		bool linux_kernel;
	} cases[] = {
		{"Linux", 0x100, "6.1", true},
		{"Linuxes", 0x100, "6.1", false},
		{"Xen", XEN_ELFNOTE_GUEST_OS, "linux", true},
		{"Xen", XEN_ELFNOTE_GUEST_OS, "linuxoid", false},
		{"Xen", XEN_ELFNOTE_GUEST_OS, "mirage", false},
		{"XenServer", XEN_ELFNOTE_GUEST_OS, "linux", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image notes = {0}, image;

		image_append_note(&notes, 4, cases[i].name, cases[i].type, cases[i].value,
				  strlen(cases[i].value) + 1);
		image = with_notes(&notes, 4);
		cr_assert_eq(read_good(&image).linux_kernel, cases[i].linux_kernel, "%s %s",
			     cases[i].name, cases[i].value);
	}
}

static int load(const struct image *image, uint64_t *ret_end)
{
	const struct boot_image boot = view(image);
	const struct elf elf = read_good(image);

	return elf_load(&boot, &elf, elf.entry, &mem, ret_end, &err);
}

Test(elf, segments_are_loaded_and_the_rest_of_them_is_zero)
{
	const struct image_part parts[] = {
		{.type = PT_LOAD, .gpa = MIB(3), .bytes = "high", .len = 4, .guest_len = MIB(1)},
		code_and_bss,
		{.type = PT_LOAD, .gpa = MIB(1) + 0x1000, .bytes = "next", .len = 4},
		{.type = PT_LOAD, .gpa = 0, .bytes = "none", .len = 0},
		{.type = PT_LOAD, .gpa = MIB(2), .guest_len = 0x1000},
	};
	const struct image image = image_elf(true, MIB(1), parts, 5);
	uint64_t end = 0;

	/* Linkers put where they like what takes no room in the file. */
	image_elf64_program_header(&image, 4)->p_offset = UINT64_C(1) << 40;
	cr_assert_eq(load(&image, &end), 0, "%s", err.text);
	cr_assert_eq(end, MIB(4));
	cr_assert_arr_eq(mem_get(&mem, MIB(1), 1), image_code, sizeof(image_code));
	cr_assert_eq(le64_get(mem_get(&mem, MIB(1) + sizeof(image_code), 8)), 0u);
	cr_assert_arr_eq(mem_get(&mem, MIB(1) + 0x1000, 4), "next", 4);
	cr_assert_arr_eq(mem_get(&mem, MIB(3), 4), "high", 4);
}

Test(elf, a_segment_that_has_no_place_is_refused_by_its_index)
{
	static const struct {
		uint64_t gpa, guest_len;
		const char *message;
	} cases[] = {
		{MIB(1) - 1, 4, "p_paddr 0xfffff with p_memsz 0x4 begins below 1 MiB"},
		{MIB(4) - 1, 4, "p_paddr 0x3fffff with p_memsz 0x4 lies outside RAM"},
		{MIB(2), MIB(3), "p_memsz 0x300000 lies outside RAM"},
		{MIB(2), UINT64_MAX, "p_memsz 0xffffffffffffffff lies outside RAM"},
		{UINT64_MAX - 1, 4, "p_paddr 0xfffffffffffffffe with p_memsz 0x4 lies outside RAM"},
		{GIB(3), 4, "p_paddr 0xc0000000 with p_memsz 0x4 lies outside RAM"},
		{MIB(1), 4, "p_paddr 0x100000 with p_memsz 0x4 overlaps a segment before it"},
		{MIB(1) + 0xfff, 4, "p_paddr 0x100fff with p_memsz 0x4 overlaps a segment before"},
		{MIB(2), MIB(1) + 1, "p_memsz 0x100001 overlaps a segment before it"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct image_part parts[] = {
			{.type = PT_NOTE},
			code_and_bss,
			{.type = PT_LOAD, .gpa = MIB(3), .bytes = "high", .len = 4},
			{.type = PT_LOAD,
			 .gpa = cases[i].gpa,
			 .bytes = "bad!",
			 .len = 4,
			 .guest_len = cases[i].guest_len},
		};
		struct image image = image_elf(true, MIB(1), parts, 4);
		uint64_t end = 7;

		cr_assert_eq(load(&image, &end), -EINVAL, "%s", cases[i].message);
		cr_assert(strstr(err.text, cases[i].message) != NULL, "%s", err.text);
		cr_assert(strstr(err.text, "program header 3: ") == err.text, "%s", err.text);
		cr_assert_eq(end, 7u, "untouched");
		image_free(&image);
	}
}

Test(elf, a_segment_past_the_end_of_the_file_is_refused_by_its_index)
{
	const struct image_part parts[] = {
		code_and_bss, {.type = PT_LOAD, .gpa = MIB(2), .bytes = "x", .len = 1}};
	const struct image image = image_elf(true, MIB(1), parts, 2);
	Elf64_Phdr *header = image_elf64_program_header(&image, 1);
	uint64_t end;

	header->p_memsz = header->p_filesz = 2;
	cr_assert_eq(load(&image, &end), -EINVAL);
	cr_assert(strstr(err.text, "program header 1: p_offset and p_filesz: 2 bytes at offset "
				   "184 go past") == err.text,
		  "%s", err.text);
	header->p_offset = UINT64_MAX;
	cr_assert_eq(load(&image, &end), -EINVAL);
	cr_assert(strstr(err.text, "program header 1: p_offset and p_filesz: 2 bytes at offset "
				   "18446744073709551615 go past") == err.text,
		  "%s", err.text);
}

/* Zeroes after file_len are no code. */
Test(elf, an_entry_is_in_bytes_that_were_loaded)
{
	const struct image image = image_elf(true, MIB(1), &code_and_bss, 1);
	static const struct {
		uint64_t entry;
		bool fine;
	} cases[] = {
		{MIB(1), true},
		{MIB(1) + sizeof(image_code) - 1, true},
		{MIB(1) + sizeof(image_code), false},
		{MIB(1) - 1, false},
		{0, false},
		{UINT64_MAX, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t end = 7;
		char message[64];

		snprintf(message, sizeof(message), "entry 0x%lx is in no bytes", cases[i].entry);
		image_elf64_header(&image)->e_entry = cases[i].entry;
		cr_assert_eq(load(&image, &end), cases[i].fine ? 0 : -EINVAL, "%s", message);
		cr_assert(cases[i].fine || strstr(err.text, message) != NULL, "%s", err.text);
		cr_assert(cases[i].fine || end == 7, "untouched");
	}
}
