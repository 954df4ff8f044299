/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/image_builder.h"

#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/le.h"
#include "boot-proto/pvh_abi.h"

#define HEADER_AT       0x1f1
#define MAGIC_AT        0x202
#define ENTRY_64_OFFSET 0x200
#define SECTOR          512UL
#define PARAGRAPH       16
#define CODE_GPA        0x100000
#define LZ4_BLOCK       (8U << 20)
#define LZ4_MAGIC       0x184c2102
#define PRESET          0 /* of xz: the least memory */

/* mov al, 0; out 0xf4, al; hlt; jmp back to hlt */
const uint8_t image_code[IMAGE_CODE_LEN] = {0xb0, 0, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd};

static void need(bool fine)
{
	if (!fine)
		abort();
}

static uint8_t *grow(struct image *image, size_t len)
{
	uint8_t *bytes = realloc(image->bytes, image->len + len + 1);

	need(bytes != NULL);
	memset(bytes + image->len, 0, len + 1);
	image->bytes = bytes;
	image->len += len;
	return bytes + image->len - len;
}

void image_append(struct image *image, const void *bytes, size_t len)
{
	uint8_t *at = grow(image, len);

	if (len > 0)
		memcpy(at, bytes, len);
}

void image_pad(struct image *image, size_t align)
{
	grow(image, (align - image->len % align) % align);
}

void image_free(struct image *image)
{
	free(image->bytes);
	*image = (struct image){0};
}

Elf64_Ehdr *image_elf64_header(const struct image *image)
{
	return (void *)image->bytes;
}

Elf32_Ehdr *image_elf32_header(const struct image *image)
{
	return (void *)image->bytes;
}

Elf64_Phdr *image_elf64_program_header(const struct image *image, unsigned index)
{
	return (Elf64_Phdr *)(void *)(image->bytes + sizeof(Elf64_Ehdr)) + index;
}

Elf32_Phdr *image_elf32_program_header(const struct image *image, unsigned index)
{
	return (Elf32_Phdr *)(void *)(image->bytes + sizeof(Elf32_Ehdr)) + index;
}

static void put_ident(unsigned char *ident, unsigned char class)
{
	memcpy(ident, ELFMAG, SELFMAG);
	ident[EI_CLASS] = class;
	ident[EI_DATA] = ELFDATA2LSB;
	ident[EI_VERSION] = EV_CURRENT;
}

static void put_file_header(const struct image *image, bool is_64, uint64_t entry, unsigned n)
{
	if (is_64) {
		*image_elf64_header(image) = (Elf64_Ehdr){
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = entry,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = (uint16_t)n,
		};
		put_ident(image_elf64_header(image)->e_ident, ELFCLASS64);
		return;
	}
	*image_elf32_header(image) = (Elf32_Ehdr){
		.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = EV_CURRENT,
		.e_entry = (uint32_t)entry,
		.e_phoff = sizeof(Elf32_Ehdr),
		.e_ehsize = sizeof(Elf32_Ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = (uint16_t)n,
	};
	put_ident(image_elf32_header(image)->e_ident, ELFCLASS32);
}

static void put_program_header(const struct image *image, bool is_64, unsigned index,
			       const struct image_part *part)
{
	uint64_t guest_len = part->guest_len != 0 ? part->guest_len : part->len;

	if (is_64)
		*image_elf64_program_header(image, index) = (Elf64_Phdr){
			.p_type = part->type,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = image->len,
			.p_vaddr = part->gpa,
			.p_paddr = part->gpa,
			.p_filesz = part->len,
			.p_memsz = guest_len,
			.p_align = part->align,
		};
	else
		*image_elf32_program_header(image, index) = (Elf32_Phdr){
			.p_type = part->type,
			.p_flags = PF_R | PF_W | PF_X,
			.p_offset = (uint32_t)image->len,
			.p_vaddr = (uint32_t)part->gpa,
			.p_paddr = (uint32_t)part->gpa,
			.p_filesz = (uint32_t)part->len,
			.p_memsz = (uint32_t)guest_len,
			.p_align = (uint32_t)part->align,
		};
}

struct image image_elf(bool is_64, uint64_t entry, const struct image_part *parts, unsigned n)
{
	struct image image = {0};

	grow(&image, is_64 ? sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr)
			   : sizeof(Elf32_Ehdr) + n * sizeof(Elf32_Phdr));
	put_file_header(&image, is_64, entry, n);
	for (unsigned i = 0; i < n; i++) {
		image_pad(&image, 8);
		put_program_header(&image, is_64, i, &parts[i]);
		image_append(&image, parts[i].bytes, parts[i].len);
	}
	return image;
}

void image_append_note(struct image *notes, size_t align, const char *name, uint32_t type,
		       const void *value, size_t len)
{
	const Elf64_Nhdr header = {
		.n_namesz = (uint32_t)strlen(name) + 1, .n_descsz = (uint32_t)len, .n_type = type};

	image_append(notes, &header, sizeof(header));
	image_append(notes, name, header.n_namesz);
	image_pad(notes, align);
	image_append(notes, value, len);
	image_pad(notes, align);
}

struct image image_unikernel(bool is_64, size_t pvh_len)
{
	uint8_t entry[8] = {0};
	struct image notes = {0}, image;
	struct image_part parts[] = {
		{.type = PT_LOAD, .gpa = CODE_GPA, .bytes = image_code, .len = sizeof(image_code)},
		{.type = PT_NOTE, .align = 4},
	};

	le64_put(entry, CODE_GPA);
	image_append_note(&notes, 4, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, entry, pvh_len);
	parts[1].bytes = notes.bytes;
	parts[1].len = notes.len;
	image = image_elf(is_64, CODE_GPA, parts, pvh_len > 0 ? 2 : 1);
	image_free(&notes);
	return image;
}

static size_t pack_gzip(const uint8_t *bytes, size_t len, uint8_t *packed, size_t room)
{
	z_stream stream = {.next_in = (uint8_t *)(uintptr_t)bytes,
			   .avail_in = (uInt)len,
			   .next_out = packed,
			   .avail_out = (uInt)room};

	need(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
	need(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&stream);
	return stream.total_out;
}

/* As the kernel's build has it: checksums of 32 bits. */
static size_t pack_xz(const uint8_t *bytes, size_t len, uint8_t *packed, size_t room)
{
	size_t out = 0;

	need(lzma_easy_buffer_encode(PRESET, LZMA_CHECK_CRC32, NULL, bytes, len, packed, &out,
				     room) == LZMA_OK);
	return out;
}

static size_t pack_lzma(const uint8_t *bytes, size_t len, uint8_t *packed, size_t room)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	need(!lzma_lzma_preset(&options, PRESET));
	need(lzma_alone_encoder(&stream, &options) == LZMA_OK);
	stream.next_in = bytes;
	stream.avail_in = len;
	stream.next_out = packed;
	stream.avail_out = room;
	need(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END);
	lzma_end(&stream);
	return stream.total_out;
}

static size_t pack_zstd(const uint8_t *bytes, size_t len, uint8_t *packed, size_t room)
{
	size_t out = ZSTD_compress(packed, room, bytes, len, 1);

	need(!ZSTD_isError(out));
	return out;
}

static size_t pack_lz4(const uint8_t *bytes, size_t len, uint8_t *packed, size_t room)
{
	size_t out = 4;

	le32_put(packed, LZ4_MAGIC);
	for (size_t in = 0; in < len;) {
		size_t block = len - in < LZ4_BLOCK ? len - in : LZ4_BLOCK;
		int made = LZ4_compress_default((const char *)bytes + in, (char *)packed + out + 4,
						(int)block, (int)(room - out - 4));

		need(made > 0);
		le32_put(packed + out, (uint32_t)made);
		out += 4 + (size_t)made;
		in += block;
	}
	return out;
}

const char *const image_packing_names[IMAGE_PACKING_COUNT] = {"gzip", "xz", "lzma", "zstd", "lz4"};

struct image image_pack(enum image_packing packing, const void *bytes, size_t len)
{
	static size_t (*const packers[IMAGE_PACKING_COUNT])(
		const uint8_t *, size_t, uint8_t *, size_t) = {pack_gzip, pack_xz, pack_lzma,
							       pack_zstd, pack_lz4};
	size_t room = len + len / 64 + 1024;
	struct image packed = {0};

	need(room < INT_MAX);
	grow(&packed, room);
	packed.len = packers[packing](bytes, len, packed.bytes, room);
	return packed;
}

struct setup_header image_setup_header(void)
{
	return (struct setup_header){
		.setup_sects = 1,
		.boot_flag = 0xaa55,
		/* jmp to the end of the header */
		.jump = (uint16_t)(0xeb | (HEADER_AT + sizeof(struct setup_header) - MAGIC_AT)
						  << 8),
		.header = 0x53726448, /* "HdrS" */
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.code32_start = CODE_GPA,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.min_alignment = 21,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = 2047,
		.pref_address = 0x1000000,
		.init_size = 0x10000,
	};
}

struct image image_bzimage(const struct setup_header *header, const void *kernel, size_t len)
{
	struct image image = {0};

	grow(&image, (header->setup_sects + 1U) * SECTOR);
	memcpy(image.bytes + HEADER_AT, header, sizeof(*header));
	image_bzimage_header(&image)->syssize = (uint32_t)(len / PARAGRAPH);
	image_append(&image, kernel, len);
	return image;
}

struct setup_header *image_bzimage_header(const struct image *image)
{
	return (void *)(image->bytes + HEADER_AT);
}

struct image image_bzimage_payload(const struct image *payload)
{
	struct setup_header header = image_setup_header();
	struct image kernel = {0}, image;

	grow(&kernel, ENTRY_64_OFFSET);
	image_append(&kernel, image_code, sizeof(image_code));
	header.payload_offset = (uint32_t)kernel.len;
	header.payload_length = (uint32_t)payload->len;
	image_append(&kernel, payload->bytes, payload->len);
	image = image_bzimage(&header, kernel.bytes, kernel.len);
	image_free(&kernel);
	return image;
}

struct image image_bzimage_packed(enum image_packing packing, const struct image *inner)
{
	struct image payload = image_pack(packing, inner->bytes, inner->len), image;
	uint8_t len[4];

	/* As the kernel's build does it: gzip has the length at its end by itself. */
	le32_put(len, (uint32_t)inner->len);
	if (packing != IMAGE_GZIP)
		image_append(&payload, len, sizeof(len));
	image = image_bzimage_payload(&payload);
	image_free(&payload);
	return image;
}
