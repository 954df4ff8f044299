/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol an image speaks, told by its content or by the user. */
#include "boot-proto/boot.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot-proto/pvh_abi.h"
#include "tests/support/boot.h"

static struct err err;

enum content { BZIMAGE, ELF_64, ELF_64_PVH, ELF_32, ELF_32_PVH, VMLINUX, TEXT, CONTENTS };

static struct image make(enum content content)
{
	struct image inner = image_unikernel(content == ELF_64 || content == ELF_64_PVH,
					     content == ELF_64_PVH || content == ELF_32_PVH ? 4
											    : 0);
	struct image notes = {0}, text = {0};
	struct image_part parts[] = {
		{.type = PT_LOAD, .gpa = MIB(1), .bytes = image_code, .len = sizeof(image_code)},
		{.type = PT_NOTE}};

	switch (content) {
	case BZIMAGE:
		return image_bzimage_packed(IMAGE_GZIP, &inner);
	case VMLINUX:
		image_append_note(&notes, 4, "Linux", 0x100, "6.1", 4);
		parts[1].bytes = notes.bytes;
		parts[1].len = notes.len;
		return image_elf(true, MIB(1), parts, 2);
	case TEXT:
		image_append(&text, "#!/bin/sh\n", 10);
		return text;
	default:
		return inner;
	}
}

static const char neither[] = "neither a Linux bzImage nor an ELF file (--format=raw loads any "
			      "bytes)";
static const char another[] = "its content is not of the --format asked for";

Test(boot, identifies_by_content_what_is_not_asked_for)
{
	static const struct {
		enum content content;
		enum boot_format wanted, found; /* BOOT_AUTO: refused */
		bool linux_kernel;
		const char *message;
	} rows[] = {
		{BZIMAGE, BOOT_AUTO, BOOT_BZIMAGE, true, NULL},
		{BZIMAGE, BOOT_BZIMAGE, BOOT_BZIMAGE, true, NULL},
		{BZIMAGE, BOOT_PVH, BOOT_PVH, true, NULL},
		{BZIMAGE, BOOT_ELF, BOOT_AUTO, false, another},
		{BZIMAGE, BOOT_RAW, BOOT_RAW, false, NULL},
		{ELF_64, BOOT_AUTO, BOOT_ELF, false, NULL},
		{ELF_64, BOOT_PVH, BOOT_PVH, false, NULL},
		{ELF_64, BOOT_BZIMAGE, BOOT_AUTO, false, another},
		{ELF_64_PVH, BOOT_AUTO, BOOT_PVH, false, NULL},
		{ELF_64_PVH, BOOT_ELF, BOOT_ELF, false, NULL},
		{ELF_64_PVH, BOOT_RAW, BOOT_RAW, false, NULL},
		{ELF_32, BOOT_AUTO, BOOT_ELF, false, NULL},
		{ELF_32_PVH, BOOT_AUTO, BOOT_PVH, false, NULL},
		{VMLINUX, BOOT_AUTO, BOOT_ELF, true, NULL},
		{TEXT, BOOT_AUTO, BOOT_AUTO, false, neither},
		{TEXT, BOOT_ELF, BOOT_AUTO, false, another},
		{TEXT, BOOT_PVH, BOOT_AUTO, false, another},
		{TEXT, BOOT_BZIMAGE, BOOT_AUTO, false, another},
		{TEXT, BOOT_RAW, BOOT_RAW, false, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct image image = make(rows[i].content);
		const struct boot_image boot = boot_view(&image);
		struct boot_kind kind = {.format = BOOT_FORMAT_COUNT};
		int ret = boot_identify(&boot, rows[i].wanted, &kind, &err);

		if (rows[i].found == BOOT_AUTO) {
			cr_assert_eq(ret, -EINVAL, "row %zu", i);
			cr_assert_str_eq(err.text, rows[i].message);
			cr_assert_eq(kind.format, BOOT_FORMAT_COUNT, "untouched");
			continue;
		}
		cr_assert_eq(ret, 0, "row %zu: %s", i, err.text);
		cr_assert_eq(kind.format, rows[i].found, "row %zu: %d", i, kind.format);
		cr_assert_eq(kind.linux_kernel, rows[i].linux_kernel, "row %zu", i);
	}
}

Test(boot, an_empty_image_is_refused_whatever_it_is_said_to_be)
{
	const struct boot_image empty = {.fd = -1};

	for (int wanted = BOOT_AUTO; wanted < BOOT_FORMAT_COUNT; wanted++) {
		struct boot_kind kind;

		cr_assert_eq(boot_identify(&empty, (enum boot_format)wanted, &kind, &err), -EINVAL);
		cr_assert_str_eq(err.text, "the file is empty");
		cr_assert_eq(err.subject, ERR_SUBJECT_IMAGE);
	}
}

/* Each content, cut at any byte of its headers: told apart or refused, and never read past. */
Test(boot, a_head_that_is_cut_is_judged_or_refused)
{
	for (int content = BZIMAGE; content < CONTENTS; content++) {
		const struct image whole = make((enum content)content);

		for (size_t len = 1; len < whole.len; len++) {
			struct image cut = {malloc(len), len};
			const struct boot_image boot = boot_view(&cut);
			struct boot_kind kind;

			memcpy(cut.bytes, whole.bytes, len);
			if (boot_identify(&boot, BOOT_AUTO, &kind, &err) < 0)
				cr_assert_neq(err.text[0], '\0');
			else
				cr_assert_neq(kind.format, BOOT_AUTO);
			image_free(&cut);
		}
	}
}

Test(boot, a_file_that_is_empty_by_now_is_refused)
{
	const struct image image = make(ELF_64);
	const struct boot_image boot = boot_file(image.bytes, image.len);
	struct boot_kind kind;

	cr_assert_eq(ftruncate(boot.fd, sizeof(Elf64_Ehdr)), 0);
	cr_assert_eq(boot_identify(&boot, BOOT_AUTO, &kind, &err), -EINVAL);
	cr_assert(strstr(err.text, "the file became shorter than") != NULL, "%s", err.text);
	cr_assert_eq(ftruncate(boot.fd, 0), 0);
	cr_assert_eq(boot_identify(&boot, BOOT_AUTO, &kind, &err), -EINVAL);
}
