/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzimage.c - Linux's compressed image by its 64-bit entry. [linux boot.rst "64-bit Boot Protocol"]
 *
 * The file is setup sectors, which only real-mode loaders run, and the protected-mode kernel, which
 * is entered 0x200 bytes after its start and unpacks itself.
 */
#include <errno.h>
#include <inttypes.h>
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

/* The part of the file that is the protected-mode kernel. */
static struct boot_span kernel_span(const struct boot_image *image,
				    const struct setup_header *header)
{
	uint64_t sects = header->setup_sects != 0 ? header->setup_sects : SETUP_SECTS_UNSET;
	uint64_t offset = (sects + 1) * SECTOR;

	return (struct boot_span){"protected-mode kernel", offset,
				  image->len > offset ? image->len - offset : 0};
}

static int read_header(const struct boot_image *image, struct setup_header *ret_header,
		       struct err *err)
{
	int ret;

	ret = boot_image_read(image,
			      (struct boot_span){"setup header", HEADER_AT, sizeof(*ret_header)},
			      ret_header, err);
	if (ret < 0)
		return ret;
	if (ret_header->version < VERSION_MIN)
		return err_input(err,
				 "setup header: version 0x%04x is older than 0x%04x, which "
				 "brought the 64-bit entry",
				 ret_header->version, VERSION_MIN);
	return 0;
}

static int check_for_entry(const struct setup_header *header, struct boot_span kernel,
			   struct err *err)
{
	if ((header->xloadflags & XLF_KERNEL_64) == 0)
		return err_input(err, "setup header: xloadflags 0x%04x: no 64-bit entry",
				 header->xloadflags);
	if (kernel.len <= ENTRY_64_OFFSET)
		return err_input(err,
				 "setup header: setup_sects %u: the kernel would begin at "
				 "offset %" PRIu64 ", past the file's end",
				 header->setup_sects, kernel.offset);
	return 0;
}

/* Where the kernel goes, and how far it reaches while it unpacks itself. */
static int place(const struct setup_header *header, struct boot_span kernel, const struct mem *mem,
		 uint64_t *ret_gpa, uint64_t *ret_end, struct err *err)
{
	uint64_t gpa = header->relocatable_kernel ? header->pref_address : LAYOUT_IMAGES;
	uint64_t len = header->init_size > kernel.len ? header->init_size : kernel.len;

	if (gpa < LAYOUT_IMAGES)
		return err_input(err, "setup header: pref_address 0x%" PRIx64 " is below 1 MiB",
				 gpa);
	if (mem_get(mem, gpa, len) == NULL)
		return err_input(err,
				 "setup header: pref_address 0x%" PRIx64
				 " with init_size 0x%" PRIx64 " needs more than the %" PRIu64
				 " MiB of --memory",
				 gpa, len, mem->len / MIB(1));
	*ret_gpa = gpa;
	*ret_end = gpa + len;
	return 0;
}

/* The setup header ends where its own jump instruction leads to. */
static struct setup_header cut(const struct setup_header *header)
{
	size_t jump_target = MAGIC_AT + (header->jump >> 8);
	size_t len = jump_target > HEADER_AT ? jump_target - HEADER_AT : 0;
	struct setup_header known = {0};

	memcpy(&known, header, len < sizeof(known) ? len : sizeof(known));
	return known;
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
	struct boot_span kernel;
	struct initrd initrd;
	uint64_t gpa, end;
	int ret;

	ret = read_header(&request->kernel, &header, err);
	if (ret < 0)
		return ret;
	kernel = kernel_span(&request->kernel, &header);
	header = cut(&header);
	if ((ret = check_for_entry(&header, kernel, err)) < 0 ||
	    (ret = place(&header, kernel, mem, &gpa, &end, err)) < 0 ||
	    (ret = boot_image_load(&request->kernel, kernel, mem, gpa, err)) < 0 ||
	    (ret = load_initrd(request, mem, end, &header, &initrd, err)) < 0 ||
	    (ret = zero_page_write(request, mem, &header, &initrd, err)) < 0)
		return ret;
	*ret_entry = (struct boot_entry){.mode = BOOT_LONG_MODE,
					 .rip = gpa + ENTRY_64_OFFSET,
					 .rsp = LAYOUT_STACK,
					 .rsi = LAYOUT_ZERO_PAGE};
	return entry_write(mem, BOOT_LONG_MODE, err);
}

/* The packed ELF file as the header describes it; its last four bytes are its unpacked length. */
static int payload_span(const struct boot_image *image, struct boot_span *ret_payload,
			struct err *err)
{
	struct setup_header header;
	struct boot_span kernel;
	int ret;

	ret = read_header(image, &header, err);
	if (ret < 0)
		return ret;
	kernel = kernel_span(image, &header);
	if (header.payload_offset > kernel.len ||
	    header.payload_length > kernel.len - header.payload_offset || header.payload_length < 8)
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

	ret = payload_span(image, &payload, err);
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
