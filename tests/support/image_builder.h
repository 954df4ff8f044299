/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_builder.h - small images of every kind that boot-proto loads, sound ones.
 *
 * Tests change what they want to see refused. Plain C: a program that makes seeds for the fuzz
 * harnesses uses it too, and without memory it aborts.
 */
#ifndef MAYFLY_TESTS_IMAGE_BUILDER_H
#define MAYFLY_TESTS_IMAGE_BUILDER_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes on the heap. */
struct image {
	uint8_t *bytes;
	size_t len;
};

void image_append(struct image *image, const void *bytes, size_t len);
/* Adds zeroes up to the next multiple of `align`. */
void image_pad(struct image *image, size_t align);
void image_free(struct image *image);

/* Code for either mode that ends the run with the status in its second byte. */
#define IMAGE_CODE_LEN 7
extern const uint8_t image_code[IMAGE_CODE_LEN];

/* A program header and what it points at. */
struct image_part {
	uint32_t type;
	uint64_t gpa;
	const void *bytes;
	size_t len;
	uint64_t guest_len; /* 0: as `len` */
	uint64_t align;     /* p_align, as it is */
};

/* An executable: file header, program headers, then each part's bytes. */
struct image image_elf(bool is_64, uint64_t entry, const struct image_part *parts, unsigned n);

/* Its headers, to be changed in place. */
Elf64_Ehdr *image_elf64_header(const struct image *image);
Elf32_Ehdr *image_elf32_header(const struct image *image);
Elf64_Phdr *image_elf64_program_header(const struct image *image, unsigned index);
Elf32_Phdr *image_elf32_program_header(const struct image *image, unsigned index);

/* Adds a note whose parts are padded to `align` bytes, 4 or 8. */
void image_append_note(struct image *notes, size_t align, const char *name, uint32_t type,
		       const void *value, size_t len);

/* A unikernel of image_code at 1 MiB, entered there; `pvh_len` 4 or 8: also by a PVH note. */
struct image image_unikernel(bool is_64, size_t pvh_len);

enum image_packing {
	IMAGE_GZIP,
	IMAGE_XZ,
	IMAGE_LZMA,
	IMAGE_ZSTD,
	IMAGE_LZ4, /* the legacy frame */
	IMAGE_PACKING_COUNT
};
extern const char *const image_packing_names[IMAGE_PACKING_COUNT];

/* The stream alone. */
struct image image_pack(enum image_packing packing, const void *bytes, size_t len);

/* A sound setup header of protocol 2.15: relocatable, preferred at 16 MiB. */
struct setup_header image_setup_header(void);

/* Setup sectors with this header, then the protected-mode kernel, whose length it is told. */
struct image image_bzimage(const struct setup_header *header, const void *kernel, size_t len);

/* The setup header of a bzImage, to be changed in place. */
struct setup_header *image_bzimage_header(const struct image *image);

/* A bzImage whose 64-bit entry is image_code and whose payload is `inner`, packed. */
struct image image_bzimage_packed(enum image_packing packing, const struct image *inner);

/* The same around a payload that is there already, with the unpacked length at its end. */
struct image image_bzimage_payload(const struct image *payload);

#endif
