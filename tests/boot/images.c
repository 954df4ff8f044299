/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot be booted: one image of each kind is refused in one line that names file, field and
 * value, by status 125. tests/unit has every offset and value.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "boot-proto/pvh_abi.h"
#include "tests/support/host.h"
#include "tests/support/image_builder.h"
#include "tests/support/run.h"

#define FIELD(type, name) offsetof(type, name), sizeof(((type *)0)->name)

/* `what` is "image" or "initrd"; the text may be the beginning of what is said. */
static void refused(struct run run, const char *what, const char *path, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), "mayfly: %s \"%s\": %s", what, path, text);
	cr_assert_eq(run.status, 125, "%s: %d, %s", line, run.status, run.err);
	cr_assert(strstr(run.err, line) == run.err, "\"%s\", not \"%s\"", run.err, line);
	cr_assert_eq(strchr(run.err, '\n'), run.err + run.err_len - 1, "one line: %s", run.err);
	cr_assert_str_eq(run.out, "");
}

/* By the cell, whose words are told as its own. */
static void refused_inside(struct run run, const char *what, const char *path, const char *text)
{
	char words[512];

	snprintf(words, sizeof(words), "the cell says: %s", text);
	refused(run, what, path, words);
}

static void file_refused(const struct image *image, const char *format, const char *text)
{
	const char *path = write_file("image", image->bytes, image->len);

	refused_inside(RUN("run", "-m", "64M", "-f", format, path), "image", path, text);
}

/* No open() of any of them waits for a writer. */
Test(images, what_is_no_regular_file_is_refused_at_once)
{
	const char *fifo = scratch("fifo"), *folder = scratch("folder"), *none = scratch("none");
	const char *empty = write_file("empty", "", 0);

	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(mkdir(folder, 0700), 0);
	refused(RUN("run", fifo), "image", fifo, "it is no regular file");
	refused(RUN("run", folder), "image", folder, "it is no regular file");
	refused(RUN("run", "/dev/zero"), "image", "/dev/zero", "it is no regular file");
	refused(RUN("run", none), "image", none, "No such file or directory");
	refused(RUN("run", empty), "image", empty, "the file is empty");
	refused(RUN("run", "-f", "raw", empty), "image", empty, "the file is empty");
	refused(RUN("run", "-i", fifo, guest("probe")), "initrd", fifo, "it is no regular file");
	refused(RUN("run", "-i", folder, guest("probe")), "initrd", folder, "it is no regular");
	refused(RUN("run", "-i", empty, guest("probe")), "initrd", empty, "the file is empty");
}

Test(images, standard_input_has_an_end_or_is_too_large, .init = need_kvm)
{
	char command[512];

	refused_inside(RUN_INPUT("", "run", "-"), "image", "-", "the file is empty");
	refused_inside(RUN_INPUT("text", "run", "-"), "image", "-",
		       "neither a Linux bzImage nor an ELF");
	snprintf(command, sizeof(command), "%s run -m 8M - </dev/zero", mayfly_path());
	refused(run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL), "image",
		"-", "it is larger than the 8 MiB of --memory");
}

Test(images, what_holds_neither_kernel_nor_program, .init = need_kvm)
{
	const struct image text = {(uint8_t *)(uintptr_t) "#!/bin/sh\n", 10};
	const struct image elf = image_unikernel(true, 0);

	file_refused(&text, "auto", "neither a Linux bzImage nor an ELF file");
	file_refused(&text, "elf", "its content is not of the --format asked for");
	file_refused(&elf, "bzimage", "its content is not of the --format asked for");
	file_refused(&elf, "pvh", "ELF notes: none of them has a PVH entry");
}

/* A unikernel of 64 bits, in which one field is changed: of its header, then of its segment. */
Test(images, elf_files_that_are_broken, .init = need_kvm)
{
	const size_t segment = sizeof(Elf64_Ehdr), notes = segment + sizeof(Elf64_Phdr);
	const struct {
		size_t at, offset, len;
		uint64_t value;
		const char *text;
	} cases[] = {
		{0, EI_CLASS, 1, 9, "ELF header: class 9 is neither 1 nor 2"},
		{0, FIELD(Elf64_Ehdr, e_machine), EM_AARCH64, "ELF header: e_machine 183 is not"},
		{0, FIELD(Elf64_Ehdr, e_phnum), 0xfffe, "ELF header: e_phnum 65534 is not between"},
		{0, FIELD(Elf64_Ehdr, e_phoff), ~UINT64_C(0),
		 "ELF header: e_phoff 184467440737095"},
		{segment, FIELD(Elf64_Phdr, p_filesz), ~UINT64_C(0),
		 "program header 0: p_filesz 18446744073709551615 exceeds p_memsz 7"},
		{segment, FIELD(Elf64_Phdr, p_memsz), MIB(64),
		 "program header 0: p_paddr 0x100000 with p_memsz 0x4000000 lies outside RAM"},
		{segment, FIELD(Elf64_Phdr, p_paddr), ~UINT64_C(6),
		 "program header 0: p_paddr 0xfffffffffffffff9 with p_memsz 0x7 lies outside RAM"},
		{segment, FIELD(Elf64_Phdr, p_paddr), 0x7000,
		 "program header 0: p_paddr 0x7000 with p_memsz 0x7 begins below 1 MiB"},
		{segment, FIELD(Elf64_Phdr, p_offset), 1 << 20,
		 "program header 0: p_offset and p_filesz: 7 bytes at offset 1048576 go past"},
		{segment, FIELD(Elf64_Phdr, p_align), 3, "program header 0: p_align 0x3 is no"},
		{notes, FIELD(Elf64_Phdr, p_filesz), 1 << 20,
		 "program header 1: p_filesz 1048576 is more than the 65536 of notes"},
		{184, FIELD(Elf64_Nhdr, n_descsz), 3,
		 "program header 1: n_descsz 3 of the note with the PVH entry is neither 4 nor 8"},
		{200, 0, 4, MIB(16), "entry 0x1000000 is in no bytes that are loaded"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image image = image_unikernel(true, 4);

		memcpy(image.bytes + cases[i].at + cases[i].offset, &cases[i].value, cases[i].len);
		file_refused(&image, "auto", cases[i].text);
		image_free(&image);
	}
}

Test(images, elf_files_that_are_cut_or_overlap, .init = need_kvm)
{
	const struct image_part parts[] = {
		{.type = PT_LOAD, .gpa = MIB(1), .bytes = image_code, .len = sizeof(image_code)},
		{.type = PT_LOAD, .gpa = MIB(1) + 6, .bytes = image_code, .len = 4}};
	struct image image = image_elf(true, MIB(1), parts, 2);

	file_refused(&image, "auto",
		     "program header 1: p_paddr 0x100006 with p_memsz 0x4 overlaps");
	image.len = 100;
	file_refused(&image, "auto", "program header 0: e_phoff: 56 bytes at offset 64 go past");
	image.len = 60;
	file_refused(&image, "auto", "ELF header: the file ends within it, at 60");
}

Test(images, entries_that_the_cpu_cannot_reach, .init = need_kvm)
{
	const struct image_part part = {
		.type = PT_LOAD, .gpa = GIB(1), .bytes = image_code, .len = sizeof(image_code)};
	const struct image image = image_elf(true, GIB(1), &part, 1);
	const char *path = write_file("image", image.bytes, image.len);

	refused_inside(RUN("run", "-m", "1025M", path), "image", path,
		       "entry 0x40000000 is not below");
}

#define SETUP(name) FIELD(struct setup_header, name)

Test(images, bzimages_that_are_broken, .init = need_kvm)
{
	const struct image cut = {calloc(1, 0x206), 0x206};
	const struct {
		size_t offset, len;
		uint64_t value;
		const char *text;
	} cases[] = {
		{SETUP(version), 0x204, "setup header: version 0x0204 is older than 0x020c"},
		{SETUP(jump), 0x20eb, "setup header: jump 0x20eb ends it at 0x222, before"},
		{SETUP(setup_sects), 200, "setup header: setup_sects 200: the kernel would begin"},
		{SETUP(syssize), 1 << 20, "setup header: syssize 1048576: the kernel of 16777216"},
		{SETUP(xloadflags), 0, "setup header: xloadflags 0x0000: no 64-bit entry"},
		{SETUP(kernel_alignment), 5, "setup header: kernel_alignment 0x5 is no power"},
		{SETUP(min_alignment), 63, "setup header: min_alignment 63 exceeds"},
		{SETUP(init_size), ~0U,
		 "setup header: pref_address 0x1000000 with init_size 0xffffffff"},
		{SETUP(pref_address), ~UINT64_C(0),
		 "setup header: pref_address 0xffffffffffffffff with init_size 0x10000"},
		{SETUP(cmdline_size), 3, "command line: 38 bytes; this kernel's cmdline_size is 3"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct image inner = image_unikernel(true, 4);
		struct image image = image_bzimage_packed(IMAGE_GZIP, &inner);

		memcpy((uint8_t *)image_bzimage_header(&image) + cases[i].offset, &cases[i].value,
		       cases[i].len);
		file_refused(&image, "auto", cases[i].text);
		image_free(&image);
	}
	memcpy(cut.bytes + 0x202, "HdrS", 4);
	file_refused(&cut, "auto", "setup header: 123 bytes at offset 497 go past the end");
}

/* 63 MiB of zeroes, announced as 4 GiB and as 1 MiB. */
Test(images, payloads_that_are_bombs_or_broken, .init = need_kvm)
{
	const struct image zeroes = {calloc(1, MIB(63)), MIB(63)};
	struct image image;

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		char text[128];

		image = image_bzimage_packed((enum image_packing)i, &zeroes);
		le32_put(image.bytes + image.len - 4, ~0U);
		file_refused(&image, "pvh", "payload: an unpacked length of 4294967295 bytes is");
		le32_put(image.bytes + image.len - 4, 1 << 20);
		snprintf(text, sizeof(text), "payload: its %s stream is damaged, or longer than",
			 image_packing_names[i]);
		file_refused(&image, "pvh", text);
		image_free(&image);
	}
	image = image_bzimage_packed(IMAGE_XZ, &zeroes);
	memcpy(image.bytes + image_bzimage_header(&image)->payload_offset + 1024, "BZh", 3);
	file_refused(&image, "pvh", "payload: packed with bzip2, which is not supported");
	image_bzimage_header(&image)->payload_length = ~0U;
	file_refused(&image, "pvh", "setup header: payload_length 4294967295 is not between");
}

Test(images, what_finds_no_room, .init = need_kvm)
{
	const char *large = write_file("large", "x", 1);
	char words[4096] = "";
	struct run run;

	cr_assert_eq(truncate(large, (off_t)MIB(64)), 0);
	refused_inside(RUN("run", "-m", "64M", "-f", "raw", large), "image", large,
		       "raw image: 67108864 bytes at guest address 0x100000 lie outside RAM");
	refused_inside(RUN("run", "-m", "64M", "-i", large, guest("probe")), "initrd", large,
		       "67108864 bytes do not fit between the kernel's end 0x");
	memset(words, 'x', sizeof(words) - 1);
	run = RUN("run", guest("probe"), "--", words);
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: command line: its words take more than 2047 bytes\n");
}

/* A kernel that goes in circles, as Linux does where all its code is emulated. */
Test(images, linux_that_gets_nowhere_without_hardware_is_told_why, .init = need_kvm)
{
	static const char hint[] =
		"mayfly: hint: KVM is PVM here, without hardware virtualisation: "
		"Linux guests need VT-x or AMD-V (see mayfly doctor)\n";
	const struct setup_header header = image_setup_header();
	uint8_t code[4096];
	struct image image;
	const char *path;
	struct run run;

	for (size_t i = 0; i < sizeof(code); i += 2)
		memcpy(code + i, "\xeb\xfe", 2); /* jmp to itself */
	image = image_bzimage(&header, code, sizeof(code));
	path = write_file("bzImage", image.bytes, image.len);
	run = RUN("run", "--timeout=2s", path);
	cr_assert_eq(run.status, 124, "%s", run.err);
	cr_assert_eq(has(run.err, hint), kvm_is_pvm(), "%s", run.err);
	run = RUN("run", "--timeout=2s", "-q", path);
	cr_assert_str_eq(run.err, "");
	run = RUN("run", "--timeout=2s", guest("act"), "--", "spin");
	cr_assert_not(has(run.err, "hint"), "%s", run.err);
}
