/* SPDX-License-Identifier: Apache-2.0 */
/* Images: sound ones, and each with one field that is not. */
#include <elf.h>
#include <string.h>

#include "boot-proto/pvh_abi.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/image_builder.h"

static const struct fuzz_boot_control plain = {
	.memory = 2, .machine = FUZZ_ACPI | FUZZ_SERIAL, .initrd = 64, .cmdline = 20};

static void put_boot(const char *harness, const struct fuzz_boot_control *control,
		     const struct image *image)
{
	seeds_put(harness, control, sizeof(*control), image->bytes, image->len);
}

/* An image in every memory, by every source and format. */
static void put_everywhere(const char *harness, const struct image *image)
{
	for (uint8_t wanted = 0; wanted < 3; wanted++) {
		struct fuzz_boot_control control = plain;

		control.wanted = wanted;
		put_boot(harness, &control, image);
		for (control.source = 1; control.source < FUZZ_SOURCE_COUNT; control.source++)
			put_boot(harness, &control, image);
		control.source = 0;
		for (control.memory = 0; control.memory < FUZZ_MEMORY_COUNT; control.memory++)
			put_boot(harness, &control, image);
		control = plain;
		control.wanted = wanted;
		control.initrd = UINT16_MAX;
		control.cmdline = LAYOUT_CMDLINE_MAX - 1;
		control.machine = FUZZ_I8042 | FUZZ_PIC;
		control.n_cpus = 31;
		put_boot(harness, &control, image);
		control.memory = 0;
		put_boot(harness, &control, image);
		control.initrd = 0;
		put_boot(harness, &control, image);
	}
}

/* The image cut off at some places. */
static void put_cut(const char *harness, const struct image *image)
{
	static const size_t lens[] = {0, 4, 60, 100, 0x203, 0x206, 0x240, 0x280, 0x400, 0x420};

	for (size_t i = 0; i < ARRAY_LEN(lens); i++)
		if (lens[i] < image->len)
			put_boot(harness, &plain, &(struct image){image->bytes, lens[i]});
}

/* Puts the image with another value in one field of its headers. */
#define PUT_WITH(harness, control, image, field, value)                                            \
	do {                                                                                       \
		uint64_t old_ = (field);                                                           \
                                                                                                   \
		(field) = (__typeof__(field))(value);                                              \
		put_boot(harness, control, image);                                                 \
		(field) = (__typeof__(field))old_;                                                 \
	} while (0)

static void put_bzimage_variants(const struct image *image, const struct fuzz_boot_control *control)
{
	struct setup_header *header = image_bzimage_header(image);

	PUT_WITH("bzimage", control, image, header->version, 0x20b);
	PUT_WITH("bzimage", control, image, header->xloadflags, 0);
	PUT_WITH("bzimage", control, image, header->setup_sects, 0);
	PUT_WITH("bzimage", control, image, header->setup_sects, 200);
	PUT_WITH("bzimage", control, image, header->relocatable_kernel, 0);
	PUT_WITH("bzimage", control, image, header->pref_address, 0);
	PUT_WITH("bzimage", control, image, header->pref_address, 0x100000);
	PUT_WITH("bzimage", control, image, header->pref_address, UINT64_MAX);
	PUT_WITH("bzimage", control, image, header->pref_address, GIB(2));
	PUT_WITH("bzimage", control, image, header->init_size, UINT32_MAX);
	PUT_WITH("bzimage", control, image, header->init_size, 0);
	PUT_WITH("bzimage", control, image, header->initrd_addr_max, 0);
	PUT_WITH("bzimage", control, image, header->initrd_addr_max, UINT32_MAX);
	PUT_WITH("bzimage", control, image, header->cmdline_size, 3);
	PUT_WITH("bzimage", control, image, header->syssize, UINT32_MAX);
	PUT_WITH("bzimage", control, image, header->kernel_alignment, 0);
	PUT_WITH("bzimage", control, image, header->kernel_alignment, 0x80000000);
	PUT_WITH("bzimage", control, image, header->kernel_alignment, 0x1000000);
	PUT_WITH("bzimage", control, image, header->min_alignment, 0);
	PUT_WITH("bzimage", control, image, header->min_alignment, 32);
	PUT_WITH("bzimage", control, image, header->min_alignment, 12);
	PUT_WITH("bzimage", control, image, header->jump, 0);
	PUT_WITH("bzimage", control, image, header->jump, 0xffff);
	PUT_WITH("bzimage", control, image, header->payload_offset, UINT32_MAX);
	PUT_WITH("bzimage", control, image, header->payload_length, UINT32_MAX);
	PUT_WITH("bzimage", control, image, header->payload_length, 7);
	PUT_WITH("bzimage", control, image, header->payload_length, 8);
}

static void make_bzimages(void)
{
	for (unsigned i = 0; i < IMAGE_PACKING_COUNT; i++) {
		struct image inner = image_unikernel(i % 2 == 0, i % 2 == 0 ? 8 : 4);
		struct image image = image_bzimage_packed((enum image_packing)i, &inner);
		struct fuzz_boot_control pvh = plain, small = plain;

		small.memory = 1;
		pvh.wanted = 1;
		put_boot("bzimage", &plain, &image);
		put_boot("bzimage", &pvh, &image);
		if (i == 0) {
			put_everywhere("bzimage", &image);
			put_cut("bzimage", &image);
			put_bzimage_variants(&image, &plain);
			put_bzimage_variants(&image, &pvh);
			put_bzimage_variants(&image, &small);
		}
		/* The announced length is the payload's last four bytes. */
		image_bzimage_header(&image)->payload_length -= 4;
		put_boot("bzimage", &pvh, &image);
		image_free(&image);
		image_free(&inner);
	}
}

static void put_elf64_variants(const char *harness, const struct image *image)
{
	Elf64_Ehdr *header = image_elf64_header(image);
	Elf64_Phdr *load = image_elf64_program_header(image, 0);
	Elf64_Phdr *note = image_elf64_program_header(image, 1);

	PUT_WITH(harness, &plain, image, header->e_ident[EI_CLASS], 3);
	PUT_WITH(harness, &plain, image, header->e_ident[EI_CLASS], ELFCLASS32);
	PUT_WITH(harness, &plain, image, header->e_ident[EI_DATA], ELFDATA2MSB);
	PUT_WITH(harness, &plain, image, header->e_type, ET_REL);
	PUT_WITH(harness, &plain, image, header->e_type, ET_DYN);
	PUT_WITH(harness, &plain, image, header->e_machine, EM_ARM);
	PUT_WITH(harness, &plain, image, header->e_phentsize, 1);
	PUT_WITH(harness, &plain, image, header->e_phnum, 0);
	PUT_WITH(harness, &plain, image, header->e_phnum, 65);
	PUT_WITH(harness, &plain, image, header->e_phoff, UINT64_MAX);
	PUT_WITH(harness, &plain, image, header->e_phoff, image->len - 8);
	PUT_WITH(harness, &plain, image, header->e_entry, 5);
	PUT_WITH(harness, &plain, image, load->p_filesz, UINT64_MAX);
	PUT_WITH(harness, &plain, image, load->p_memsz, UINT64_MAX);
	PUT_WITH(harness, &plain, image, load->p_memsz, 65536);
	PUT_WITH(harness, &plain, image, load->p_align, 3);
	PUT_WITH(harness, &plain, image, load->p_paddr, 0x1000);
	PUT_WITH(harness, &plain, image, load->p_paddr, UINT64_MAX);
	PUT_WITH(harness, &plain, image, load->p_offset, UINT64_MAX);
	PUT_WITH(harness, &plain, image, note->p_filesz, UINT64_MAX);
	PUT_WITH(harness, &plain, image, note->p_filesz, 20);
	PUT_WITH(harness, &plain, image, note->p_memsz, UINT64_MAX);
	PUT_WITH(harness, &plain, image, note->p_offset, UINT64_MAX);
	PUT_WITH(harness, &plain, image, note->p_offset, image->len - 2);
	PUT_WITH(harness, &plain, image, note->p_offset, image->len - 14);
	PUT_WITH(harness, &plain, image, note->p_type, PT_LOAD);
}

/* Two segments of code, so that they can overlap, and a third that takes no room. */
static struct image segments(uint64_t first, uint64_t second)
{
	const struct image_part parts[] = {
		{PT_LOAD, first, image_code, sizeof(image_code), 0x1000, 0x1000},
		{PT_LOAD, second, image_code, sizeof(image_code), 0x100, 8},
		{PT_LOAD, 0, "", 0, 0, 0},
	};

	return image_elf(true, first, parts, ARRAY_LEN(parts));
}

/* Every note that means something, each way it is laid out. */
static struct image with_notes(size_t align, size_t value_len, uint64_t entry)
{
	struct image notes = {0}, image;
	struct image_part parts[] = {
		{PT_LOAD, entry & ~0xfffUL, image_code, sizeof(image_code), 0x1000, 0x1000},
		{.type = PT_NOTE, .align = align},
	};

	image_append_note(&notes, align, "Linux", 257, "\1", 1);
	image_append_note(&notes, align, "a name too long", 1, "value", 5);
	image_append_note(&notes, align, "Xen", XEN_ELFNOTE_GUEST_OS, "linux", 6);
	image_append_note(&notes, align, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, &entry, value_len);
	parts[1].bytes = notes.bytes;
	parts[1].len = notes.len;
	image = image_elf(true, entry, parts, ARRAY_LEN(parts));
	image_free(&notes);
	return image;
}

static void put_and_free(const char *harness, uint8_t memory, struct image image)
{
	struct fuzz_boot_control control = plain;

	control.memory = memory;
	for (control.wanted = 0; control.wanted < 2; control.wanted++)
		put_boot(harness, &control, &image);
	image_free(&image);
}

static void make_elves(const char *harness)
{
	uint8_t no_elf[] = {'x'};
	struct image image = image_unikernel(true, 8);

	put_everywhere(harness, &image);
	put_cut(harness, &image);
	put_elf64_variants(harness, &image);
	image_free(&image);
	put_and_free(harness, 2, image_unikernel(false, 4));
	put_and_free(harness, 2, image_unikernel(true, 4));
	put_and_free(harness, 2, image_unikernel(true, 0));
	put_and_free(harness, 2, image_bzimage_packed(IMAGE_GZIP, &(struct image){no_elf, 1}));
	put_and_free(harness, 2, segments(MIB(1), MIB(2)));
	put_and_free(harness, 2, segments(MIB(1), MIB(1) + 0x800));
	put_and_free(harness, 3, segments(MIB(1), GIB(4)));
	for (size_t value_len = 1; value_len <= 8; value_len++)
		put_and_free(harness, 3, with_notes(value_len % 2 != 0 ? 4 : 8, value_len, MIB(1)));
	put_and_free(harness, 3, with_notes(4, 8, GIB(1)));
	put_and_free(harness, 3, with_notes(4, 8, GIB(4)));
	put_and_free(harness, 4, with_notes(4, 8, GIB(512)));
}

static void make_raws(void)
{
	static const char *const words[] = {
		"",
		"x",
		"quiet reboot=k,t",
		"reboot=t reboot=k console=tty0",
		"panic pci= noapic",
		"\xb0\x01\xe6\xf4\xf4",
		"console",
		"  a\tb\nreboot ",
	};
	struct image large = {0};
	uint8_t no_words = 0;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		put_everywhere("raw",
			       &(struct image){(uint8_t *)(uintptr_t)words[i], strlen(words[i])});
	put_boot("raw", &plain, &(struct image){&no_words, 1});
	for (size_t len = 1990; len <= 2100; len += 5) {
		image_pad(&large, 1);
		while (large.len < len)
			image_append(&large, "w", 1);
		put_boot("raw", &plain, &large);
	}
	image_pad(&large, MIB(1) + 1);
	put_everywhere("raw", &large);
	image_free(&large);
}

static void make_streams(void)
{
	static uint8_t text[3000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i % 100 < 50 ? i / 100 : i * i / 7);
	for (unsigned i = 0; i < IMAGE_PACKING_COUNT; i++) {
		for (size_t len = 1; len <= sizeof(text); len = len * 3 + 1) {
			struct image stream = image_pack((enum image_packing)i, text, len);

			/* The harness adds one. */
			for (uint32_t announced = (uint32_t)len - 1; announced <= len; announced++)
				seeds_put("decompress", &announced, sizeof(announced), stream.bytes,
					  stream.len);
			image_append(&stream, "after its end", 13);
			seeds_put("decompress", &(uint32_t){(uint32_t)len - 1}, 4, stream.bytes,
				  stream.len);
			seeds_put("decompress", &(uint32_t){(uint32_t)len - 1}, 4, stream.bytes,
				  stream.len / 2);
			image_free(&stream);
		}
	}
	seeds_put("decompress", "\0\0\0\0", 4, "BZh91AY", 7);
	seeds_put("decompress", "\0\0\0\0", 4, "\x89LZO\0\r\n", 7);
	seeds_put("decompress", "\0\0\0\0", 4, "\x1f", 1);
	seeds_put("decompress", "\0\0\0\0", 4, "none of them", 12);
	seeds_put("decompress", "\0\0\0\0", 4, "\x5d\0\0\0\x40\1\0\0\0\0\0\0\0\0\0\0\0\0", 18);
	seeds_put("decompress", "\0\0\0\0", 4, "\x02\x21\x4c\x18\xff\xff\xff\xff", 8);
	seeds_put("decompress", "\0\0\0\0", 4, "\x02\x21\x4c\x18\1\0\0\0\0", 9);
}

void seeds_images(void)
{
	make_bzimages();
	make_elves("elf");
	make_elves("pvh");
	make_raws();
	make_streams();
}
