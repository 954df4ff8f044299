/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf.h - executables of both classes for x86: what they want loaded where, and their notes.
 *
 * [ELF gABI 4.1 chapters 4 and 5]; notes of Xen's PVH entry [pvh.pandoc] and of Linux.
 */
#ifndef MAYFLY_BOOT_ELF_H
#define MAYFLY_BOOT_ELF_H

#include <stdbool.h>

#include "boot-proto/image.h"

#define ELF_SEGMENTS_MAX 64

struct elf_segment {
	unsigned index;     /* of its program header, for errors */
	uint64_t offset;    /* bytes into the image */
	uint64_t file_len;  /* bytes there */
	uint64_t gpa;       /* p_paddr */
	uint64_t guest_len; /* bytes in memory; those after file_len are zero */
};

struct elf {
	bool is_64;
	uint64_t entry;
	unsigned n_segments; /* the PT_LOAD ones that take room */
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	bool has_pvh_entry;
	uint64_t pvh_entry;
	bool linux_kernel; /* a note says so */
};

/* Does the image begin as an ELF file? Never an error: a shorter image does not. */
bool elf_probe(const struct boot_image *image);

/* Reads and checks headers and notes. Errors: -EINVAL, with the field and its value. */
MUST_CHECK int elf_read(const struct boot_image *image, struct elf *ret_elf, struct err *err);

/*
 * Loads the segments into memory that is still zero. `ret_end` is the address after the last byte
 * used. Errors: -EINVAL for a segment that wraps, overlaps another, lies below 1 MiB or outside
 * RAM, or goes past the end of the file, and for an `entry` that is in none of the file's bytes:
 * in the zeroes after them there is no code.
 */
MUST_CHECK int elf_load(const struct boot_image *image, const struct elf *elf, uint64_t entry,
			const struct mem *mem, uint64_t *ret_end, struct err *err);

#endif
