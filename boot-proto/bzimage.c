/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzimage.c - Linux's compressed image by its 64-bit entry. [linux boot.rst "64-bit Boot Protocol"]
 *
 * The file is setup sectors, which only real-mode loaders run, and the protected-mode kernel, which
 * is entered 0x200 bytes after its start and unpacks itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/le.h"
#include "boot-proto/decompress.h"
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/protocols.h"
#include "boot-proto/zero_page.h"

#define HEADER_AT         0x1f1 /* of struct setup_header in the file */
#define SECTOR            UINT64_C(512)
#define ENTRY_64_OFFSET   0x200
#define VERSION_MIN       0x020c /* the first with xloadflags */
#define SETUP_SECTS_UNSET 4      /* what 0 stands for */
#define PARAGRAPH         UINT64_C(16)
#define PAYLOAD_LEN_MIN   8U /* a magic number and the length */
#define MAGIC_AT          0x202
#define MAGIC             "HdrS"

bool bzimage_probe(const struct boot_image *image)
{
	char magic[4];
	struct err ignored;

	return image->len >= MAGIC_AT + sizeof(magic) &&
	       boot_image_read(image, (struct boot_span){"setup header", MAGIC_AT, sizeof(magic)},
			       magic, &ignored) == 0 &&
	       memcmp(magic, MAGIC, sizeof(magic)) == 0;
}

/* The setup header ends where its own jump instruction leads to; what is not in it is zero. */
static int cut(struct setup_header *header, struct err *err)
{
	const size_t needed = offsetof(struct setup_header, init_size) + sizeof(header->init_size);
	struct setup_header whole = *header;
	size_t len = MAGIC_AT - HEADER_AT + (header->jump >> 8);

	if (len < needed)
		return err_input(err,
				 "setup header: jump 0x%04x ends it at 0x%zx, before init_size",
				 header->jump, HEADER_AT + len);
	*header = (struct setup_header){0};
	memcpy(header, &whole, len < sizeof(whole) ? len : sizeof(whole));
	return 0;
}

static int read_header(const struct boot_image *image, struct setup_header *ret_header,
		       struct err *err)
{
	struct setup_header header;
	int ret;

	ret = boot_image_read(image, (struct boot_span){"setup header", HEADER_AT, sizeof(header)},
			      &header, err);
	if (ret < 0)
		return ret;
	if (header.version < VERSION_MIN)
		return err_input(err,
				 "setup header: version 0x%04x is older than 0x%04x, which "
				 "brought the 64-bit entry",
				 header.version, VERSION_MIN);
	ret = cut(&header, err);
	if (ret == 0)
		*ret_header = header;
	return ret;
}

/* The part of the file that is the protected-mode kernel; a signature may follow it. */
static int find_kernel(const struct boot_image *image, const struct setup_header *header,
		       struct boot_span *ret_kernel, struct err *err)
{
	uint64_t sects = header->setup_sects != 0 ? header->setup_sects : SETUP_SECTS_UNSET;
	uint64_t offset = (sects + 1) * SECTOR;

	if (image->len <= offset + ENTRY_64_OFFSET)
		return err_input(err,
				 "setup header: setup_sects %u: the kernel would begin at "
				 "offset %" PRIu64 ", past the file's end",
				 header->setup_sects, offset);
	if (header->syssize * PARAGRAPH > image->len - offset)
		return err_input(err,
				 "setup header: syssize %u: the kernel of %" PRIu64
				 " bytes goes past the file's end; %" PRIu64 " are there",
				 header->syssize, header->syssize * PARAGRAPH, image->len - offset);
	*ret_kernel = (struct boot_span){"protected-mode kernel", offset, image->len - offset};
	return 0;
}

/* Where the kernel is loaded. */
struct place {
	uint64_t gpa;
	uint64_t end; /* first address that it does not need before it knows the memory map */
	uint32_t alignment;
};

/* The guest-physical addresses for kernels: RAM that is mapped at the entry. */
static uint64_t limit_of(const struct mem *mem)
{
	return layout_low_end(mem) < ENTRY_MAPPED ? layout_low_end(mem) : ENTRY_MAPPED;
}

static bool fits(uint64_t gpa, uint64_t len, uint64_t limit)
{
	return gpa >= LAYOUT_IMAGES && gpa <= limit && len <= limit - gpa;
}

static uint64_t align_up(uint64_t value, uint32_t alignment)
{
	return (value + alignment - 1) & ~((uint64_t)alignment - 1);
}

/* The alignment that the kernel would like, and the least that it can do with. */
static int check_alignments(const struct setup_header *header, uint32_t *ret_least, struct err *err)
{
	uint32_t alignment = header->kernel_alignment;

	if (alignment == 0 || (alignment & (alignment - 1)) != 0)
		return err_input(err, "setup header: kernel_alignment 0x%x is no power of two",
				 alignment);
	if (header->min_alignment >= 32 || UINT32_C(1) << header->min_alignment > alignment)
		return err_input(err,
				 "setup header: min_alignment %u exceeds kernel_alignment 0x%x",
				 header->min_alignment, alignment);
	*ret_least = header->min_alignment != 0 ? UINT32_C(1) << header->min_alignment : alignment;
	return 0;
}

/*
 * At pref_address, or as little above it as each alignment down to the least allows. Below it nothing
 * is won: a kernel that finds itself there moves up to it.
 * [linux boot.rst "kernel_alignment", "min_alignment", "pref_address", "init_size"]
 * [linux arch/x86/Kconfig "RELOCATABLE"]
 */
static int place_relocatable(const struct setup_header *header, uint64_t kernel_len, uint64_t limit,
			     struct place *ret_place, struct err *err)
{
	uint64_t len = header->init_size > kernel_len ? header->init_size : kernel_len;
	uint64_t lowest = header->pref_address > LAYOUT_IMAGES ? header->pref_address
							       : LAYOUT_IMAGES;
	uint32_t alignment = header->kernel_alignment, least;
	uint64_t gpa = align_up(lowest, alignment);
	int ret = check_alignments(header, &least, err);

	if (ret < 0)
		return ret;
	while (!fits(gpa, len, limit) && alignment > least) {
		alignment /= 2;
		gpa = align_up(lowest, alignment);
	}
	if (!fits(gpa, len, limit))
		return err_input(err,
				 "setup header: pref_address 0x%" PRIx64 " with init_size 0x%x, of "
				 "a kernel of %" PRIu64 " bytes, goes past 0x%" PRIx64 "%s",
				 (uint64_t)header->pref_address, header->init_size, kernel_len,
				 limit, limit < ENTRY_MAPPED ? " (more --memory?)" : "");
	*ret_place = (struct place){.gpa = gpa, .end = gpa + len, .alignment = alignment};
	return 0;
}

/* It is loaded at 1 MiB, and moves itself to pref_address. */
static int place_fixed(const struct setup_header *header, uint64_t kernel_len, uint64_t limit,
		       struct place *ret_place, struct err *err)
{
	uint64_t end = LAYOUT_IMAGES + kernel_len;

	if (!fits(header->pref_address, header->init_size, limit))
		return err_input(err,
				 "setup header: pref_address 0x%" PRIx64
				 " with init_size 0x%x is not between 0x%" PRIx64 " and 0x%" PRIx64
				 ", and relocatable_kernel is 0",
				 (uint64_t)header->pref_address, header->init_size, LAYOUT_IMAGES,
				 limit);
	if (header->pref_address + header->init_size > end)
		end = header->pref_address + header->init_size;
	*ret_place = (struct place){
		.gpa = LAYOUT_IMAGES, .end = end, .alignment = header->kernel_alignment};
	return 0;
}

static int load_kernel(const struct boot_image *image, struct setup_header *header,
		       const struct mem *mem, struct place *ret_place, struct err *err)
{
	struct boot_span kernel;
	struct place place;
	int ret;

	if ((header->xloadflags & XLF_KERNEL_64) == 0)
		return err_input(err, "setup header: xloadflags 0x%04x: no 64-bit entry",
				 header->xloadflags);
	ret = find_kernel(image, header, &kernel, err);
	if (ret < 0)
		return ret;
	ret = header->relocatable_kernel
		      ? place_relocatable(header, kernel.len, limit_of(mem), &place, err)
		      : place_fixed(header, kernel.len, limit_of(mem), &place, err);
	if (ret == 0)
		ret = boot_image_load(image, kernel, mem, place.gpa, err);
	if (ret < 0)
		return ret;
	header->code32_start = (uint32_t)place.gpa;
	header->kernel_alignment = place.alignment;
	*ret_place = place;
	return 0;
}

static int load_initrd(const struct boot_request *request, const struct mem *mem, uint64_t end,
		       const struct setup_header *header, struct initrd *ret_initrd,
		       struct err *err)
{
	uint64_t limit = (uint64_t)header->initrd_addr_max + 1;

	return initrd_load(&request->initrd, mem, end, limit, ret_initrd, err);
}

int bzimage_load(const struct boot_request *request, const struct mem *mem,
		 struct boot_entry *ret_entry, struct err *err)
{
	struct setup_header header;
	struct initrd initrd;
	struct place place;
	int ret;

	if ((ret = read_header(&request->kernel, &header, err)) < 0 ||
	    (ret = load_kernel(&request->kernel, &header, mem, &place, err)) < 0 ||
	    (ret = load_initrd(request, mem, place.end, &header, &initrd, err)) < 0 ||
	    (ret = zero_page_write(request, mem, &header, &initrd, err)) < 0 ||
	    (ret = entry_write(mem, BOOT_LONG_MODE, err)) < 0)
		return ret;
	*ret_entry = (struct boot_entry){.mode = BOOT_LONG_MODE,
					 .rip = place.gpa + ENTRY_64_OFFSET,
					 .rsp = LAYOUT_STACK,
					 .rsi = LAYOUT_ZERO_PAGE};
	return 0;
}

/* The packed ELF file as the header describes it; its last four bytes are its unpacked length. */
static int find_payload(const struct boot_image *image, uint64_t max_len,
			struct boot_span *ret_payload, struct err *err)
{
	struct setup_header header;
	struct boot_span kernel;
	int ret;

	if ((ret = read_header(image, &header, err)) < 0 ||
	    (ret = find_kernel(image, &header, &kernel, err)) < 0)
		return ret;
	if (header.payload_length < PAYLOAD_LEN_MIN || header.payload_length > max_len)
		return err_input(err,
				 "setup header: payload_length %u is not between %u and %" PRIu64,
				 header.payload_length, PAYLOAD_LEN_MIN, max_len);
	if (header.payload_offset > kernel.len ||
	    header.payload_length > kernel.len - header.payload_offset)
		return err_input(err,
				 "setup header: payload_offset %u with payload_length %u is not "
				 "inside the kernel's %" PRIu64 " bytes",
				 header.payload_offset, header.payload_length, kernel.len);
	*ret_payload = (struct boot_span){"payload", kernel.offset + header.payload_offset,
					  header.payload_length};
	return 0;
}

static void *map_scratch(uint64_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
}

static int unpack(const uint8_t *packed, uint64_t packed_len, uint64_t max_len, uint8_t **ret_bytes,
		  uint64_t *ret_len, struct err *err)
{
	uint64_t len = le32_get(packed + packed_len - 4);
	uint8_t *bytes;
	int ret;

	if (len == 0 || len > max_len)
		return err_input(err,
				 "payload: an unpacked length of %" PRIu64
				 " bytes is not between 1 and %" PRIu64,
				 len, max_len);
	bytes = map_scratch(len);
	if (bytes == MAP_FAILED)
		return err_host(err, ENOMEM, "payload: %" PRIu64 " bytes", len);
	ret = decompress(packed, decompress_stream_len(packed, packed_len), bytes, len, err);
	if (ret < 0) {
		munmap(bytes, len);
		return ret;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

int bzimage_unpack(const struct boot_image *image, uint64_t max_len, uint8_t **ret_bytes,
		   uint64_t *ret_len, struct err *err)
{
	struct boot_span payload;
	uint8_t *packed;
	int ret;

	ret = find_payload(image, max_len, &payload, err);
	if (ret < 0)
		return ret;
	packed = map_scratch(payload.len);
	if (packed == MAP_FAILED)
		return err_host(err, ENOMEM, "payload: %" PRIu64 " bytes", payload.len);
	ret = boot_image_read(image, payload, packed, err);
	if (ret == 0)
		ret = unpack(packed, payload.len, max_len, ret_bytes, ret_len, err);
	munmap(packed, payload.len);
	return ret;
}
