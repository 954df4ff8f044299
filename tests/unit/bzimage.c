/* SPDX-License-Identifier: Apache-2.0 */
/* Where Linux's compressed image goes, what it is told, and what is inside it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/le.h"
#include "boot-proto/protocols.h"
#include "tests/support/image_builder.h"

#define KERNEL_LEN 0x1000

static struct mem mem;
static struct err err;
static uint8_t kernel[KERNEL_LEN];

static void set_ram(uint64_t len)
{
	struct mem_region regions[MEM_REGIONS_MAX];

	mem_done(&mem);
	cr_assert_eq(mem_init(&mem, regions, layout_ram(len, regions), MEM_ANONYMOUS, &err), 0);
}

static void set_up(void)
{
	mem = (struct mem){.fd = -1};
	memset(kernel, 0x90, sizeof(kernel));
	set_ram(MIB(64));
}

TestSuite(bzimage, .init = set_up);

static int load(const struct setup_header *header, uint64_t initrd_len,
		struct boot_entry *ret_entry)
{
	struct image image = image_bzimage(header, kernel, sizeof(kernel));
	uint8_t *initrd = calloc(1, initrd_len + 1);
	const struct boot_request request = {
		.kernel = {.fd = -1, .bytes = image.bytes, .len = image.len},
		.initrd = {.fd = -1, .bytes = initrd, .len = initrd_len},
		.cmdline = "quiet",
		.machine = {.acpi = true},
	};
	int ret = bzimage_load(&request, &mem, ret_entry, &err);

	image_free(&image);
	free(initrd);
	return ret;
}

static const struct boot_params *zero_page(void)
{
	return mem_get(&mem, LAYOUT_ZERO_PAGE, sizeof(struct boot_params));
}

/* [linux boot.rst]: each row is a rule of "Details of Header Fields". */
Test(bzimage, is_placed_by_its_header)
{
	static const struct {
		const char *what;
		uint64_t ram;
		uint8_t relocatable;
		uint32_t alignment;
		uint8_t min_alignment;
		uint64_t preferred;
		uint32_t init_size;
		uint64_t gpa; /* 0: refused */
		uint32_t final_alignment;
	} rows[] = {
		{"preferred", MIB(64), 1, MIB(2), 21, MIB(16), MIB(8), MIB(16), MIB(2)},
		{"just fits", MIB(64), 1, MIB(2), 21, MIB(16), MIB(48), MIB(16), MIB(2)},
		{"too large", MIB(64), 1, MIB(2), 21, MIB(16), MIB(48) + 1, 0, 0},
		{"outside RAM", MIB(64), 1, MIB(2), 21, MIB(80), MIB(8), 0, 0},
		{"above 4 GiB", MIB(64), 1, MIB(2), 21, GIB(5), MIB(8), 0, 0},
		{"wraps", MIB(64), 1, MIB(2), 21, UINT64_MAX - 1, MIB(8), 0, 0},
		{"wraps with its size", MIB(64), 1, 1, 0, ~UINT64_C(0xfff), 0x2000, 0, 0},
		{"below 1 MiB", MIB(64), 1, MIB(2), 21, 0x10000, MIB(8), MIB(2), MIB(2)},
		{"no preference", MIB(64), 1, MIB(16), 0, 0, MIB(8), MIB(16), MIB(16)},
		{"none, less aligned", MIB(64), 1, MIB(16), 21, 0, MIB(60), MIB(4), MIB(4)},
		{"none, at 1 MiB", MIB(64), 1, MIB(2), 12, 0, MIB(63), MIB(1), MIB(1)},
		{"not aligned", MIB(64), 1, MIB(2), 21, MIB(17), MIB(8), MIB(18), MIB(2)},
		{"less aligned", MIB(64), 1, MIB(16), 21, MIB(18), MIB(44), MIB(20), MIB(4)},
		{"least aligned", MIB(64), 1, MIB(16), 21, MIB(18), MIB(46), MIB(18), MIB(2)},
		{"no less", MIB(64), 1, MIB(16), 21, MIB(18), MIB(46) + 1, 0, 0},
		{"alignment fixed", MIB(64), 1, MIB(16), 0, MIB(18), MIB(46), 0, 0},
		{"all of it", MIB(64), 1, MIB(2), 12, MIB(16), ~UINT32_C(0), 0, 0},
		{"longer than init_size", MIB(64), 1, 1, 0, MIB(64) - 0xfff, 0, 0, 0},
		{"mapped", GIB(2), 1, MIB(2), 21, MIB(512), MIB(512), MIB(512), MIB(2)},
		{"not all mapped", GIB(2), 1, MIB(2), 21, MIB(512), MIB(512) + 1, 0, 0},
		{"not mapped", GIB(2), 1, MIB(2), 21, GIB(1), MIB(8), 0, 0},
		{"fixed", MIB(64), 0, MIB(2), 0, MIB(16), MIB(48), MIB(1), MIB(2)},
		{"fixed, odd", MIB(64), 0, 3, 99, MIB(16), MIB(48), MIB(1), 3},
		{"fixed, too large", MIB(64), 0, MIB(2), 0, MIB(16), MIB(48) + 1, 0, 0},
		{"fixed too high", GIB(2), 0, MIB(2), 0, GIB(1), MIB(8), 0, 0},
		{"fixed, wraps", MIB(64), 0, MIB(2), 0, ~UINT64_C(0xfff), 0x2000, 0, 0},
		{"fixed too low", MIB(64), 0, MIB(2), 0, 0x10000, MIB(8), 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct setup_header header = image_setup_header();
		struct boot_entry entry = {.rip = 7};
		int ret;

		header.relocatable_kernel = rows[i].relocatable;
		header.kernel_alignment = rows[i].alignment;
		header.min_alignment = rows[i].min_alignment;
		header.pref_address = rows[i].preferred;
		header.init_size = rows[i].init_size;
		header.code32_start = 4711;
		set_ram(rows[i].ram);
		ret = load(&header, 0, &entry);
		if (rows[i].gpa == 0) {
			cr_assert_eq(ret, -EINVAL, "%s", rows[i].what);
			cr_assert(strstr(err.text, "init_size 0x") != NULL, "%s", err.text);
			cr_assert_eq(entry.rip, 7u, "untouched");
			continue;
		}
		cr_assert_eq(ret, 0, "%s: %s", rows[i].what, err.text);
		cr_assert_eq(entry.rip, rows[i].gpa + 0x200, "%s: %#lx", rows[i].what, entry.rip);
		cr_assert_eq(zero_page()->hdr.code32_start, rows[i].gpa, "%s", rows[i].what);
		cr_assert_eq(zero_page()->hdr.kernel_alignment, rows[i].final_alignment, "%s",
			     rows[i].what);
		cr_assert_arr_eq(mem_get(&mem, rows[i].gpa, KERNEL_LEN), kernel, KERNEL_LEN);
	}
}

/* The initrd stays clear of what the kernel needs while it unpacks itself. */
Test(bzimage, the_initrd_comes_after_init_size)
{
	struct setup_header header = image_setup_header();
	struct boot_entry entry;

	header.init_size = MIB(47);
	cr_assert_eq(load(&header, MIB(1), &entry), 0, "%s", err.text);
	cr_assert_eq(zero_page()->hdr.ramdisk_image, MIB(63));
	cr_assert_eq(zero_page()->hdr.ramdisk_size, MIB(1));
	cr_assert_eq(load(&header, MIB(1) + 1, &entry), -EINVAL);
	cr_assert_eq(err.subject, ERR_SUBJECT_INITRD);
	header.relocatable_kernel = 0;
	cr_assert_eq(load(&header, MIB(1), &entry), 0, "%s", err.text);
	cr_assert_eq(load(&header, MIB(1) + 1, &entry), -EINVAL);
	header.init_size = 0x1000;
	header.initrd_addr_max = (uint32_t)MIB(32) - 1;
	cr_assert_eq(load(&header, MIB(1), &entry), 0, "%s", err.text);
	cr_assert_eq(zero_page()->hdr.ramdisk_image, MIB(31));
}

Test(bzimage, finds_its_own_header_in_the_zero_page)
{
	struct setup_header header = image_setup_header();
	struct boot_entry entry;

	header.hardware_subarch = 0x12345678;
	header.kernel_info_offset = 0x77;
	cr_assert_eq(load(&header, 0, &entry), 0, "%s", err.text);
	cr_assert_eq(entry.mode, BOOT_LONG_MODE);
	cr_assert_eq(entry.rsi, LAYOUT_ZERO_PAGE);
	cr_assert_eq(zero_page()->hdr.hardware_subarch, 0x12345678u);
	cr_assert_eq(zero_page()->hdr.kernel_info_offset, 0x77u);
	cr_assert_eq(zero_page()->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	cr_assert_str_eq(mem_get(&mem, LAYOUT_CMDLINE, 6), "quiet");
	/* A header that ends after init_size: what follows in the file is code. */
	header.jump = 0x62eb;
	cr_assert_eq(load(&header, 0, &entry), 0, "%s", err.text);
	cr_assert_eq(zero_page()->hdr.init_size, header.init_size);
	cr_assert_eq(zero_page()->hdr.kernel_info_offset, 0u);
}

static const struct boot_image *view(const struct image *image)
{
	static struct boot_image boot;

	boot = (struct boot_image){.fd = -1, .bytes = image->bytes, .len = image->len};
	return &boot;
}

static int unpack(const struct image *image, uint64_t max_len)
{
	uint8_t *bytes = kernel;
	uint64_t len = 7;
	int ret = bzimage_unpack(view(image), max_len, &bytes, &len, &err);

	if (ret == 0)
		munmap(bytes, len);
	else
		cr_assert(bytes == kernel && len == 7, "untouched");
	return ret;
}

#define FIELD(name)                                                                                \
	0x1f1 + offsetof(struct setup_header, name), sizeof(((struct setup_header *)0)->name)

Test(bzimage, what_is_broken_is_refused_with_field_and_value)
{
	static const struct {
		size_t offset, len;
		uint64_t value;
		const char *message;
		bool only_load, only_unpack;
	} cases[] = {
		{FIELD(version), 0x20b, "version 0x020b is older than 0x020c", 0, 0},
		{FIELD(jump), 0x61eb, "jump 0x61eb ends it at 0x263, before init_size", 0, 0},
		{FIELD(jump), 0x00eb, "jump 0x00eb ends it at 0x202, before init_size", 0, 0},
		{FIELD(setup_sects), 255,
		 "setup_sects 255: the kernel would begin at offset 131072", 0, 0},
		{FIELD(setup_sects), 0, "setup_sects 0: the kernel would begin at offset 2560", 0,
		 0},
		{FIELD(syssize), UINT32_MAX, "syssize 4294967295: the kernel of 68719476720 bytes",
		 0, 0},
		{FIELD(xloadflags), 2, "xloadflags 0x0002: no 64-bit entry", 1, 0},
		{FIELD(kernel_alignment), 0, "kernel_alignment 0x0 is no power of two", 1, 0},
		{FIELD(kernel_alignment), 3, "kernel_alignment 0x3 is no power of two", 1, 0},
		{FIELD(min_alignment), 22, "min_alignment 22 exceeds kernel_alignment 0x200000", 1,
		 0},
		{FIELD(min_alignment), 255, "min_alignment 255 exceeds kernel_alignment", 1, 0},
		{FIELD(init_size), UINT32_MAX,
		 "pref_address 0x1000000 with init_size 0xffffffff, of a kernel of", 1, 0},
		{FIELD(cmdline_size), 4, "command line: 5 bytes; this kernel's cmdline_size is 4",
		 1, 0},
		{FIELD(payload_length), 0, "payload_length 0 is not between 8 and", 0, 1},
		{FIELD(payload_length), 7, "payload_length 7 is not between 8 and", 0, 1},
		{FIELD(payload_length), UINT32_MAX, "payload_length 4294967295 is not between", 0,
		 1},
		{FIELD(payload_length), 0x10000, "payload_length 65536 is not inside the kernel's",
		 0, 1},
		{FIELD(payload_offset), UINT32_MAX, "payload_offset 4294967295 with", 0, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct image inner = image_unikernel(true, 4);
		const struct image image = image_bzimage_packed(IMAGE_GZIP, &inner);
		const struct boot_request request = {.kernel = *view(&image), .cmdline = "quiet"};
		struct boot_entry entry = {.rip = 7};

		memcpy(image.bytes + cases[i].offset, &cases[i].value, cases[i].len);
		if (!cases[i].only_unpack) {
			cr_assert_eq(bzimage_load(&request, &mem, &entry, &err), -EINVAL, "%s",
				     cases[i].message);
			cr_assert(strstr(err.text, cases[i].message) != NULL, "%s", err.text);
			cr_assert_eq(entry.rip, 7u, "untouched");
		}
		if (!cases[i].only_load) {
			cr_assert_eq(unpack(&image, mem.len), -EINVAL, "%s", cases[i].message);
			cr_assert(strstr(err.text, cases[i].message) != NULL, "%s", err.text);
		}
	}
}

/* Up to the last whole paragraph, in which syssize counts. */
Test(bzimage, cut_at_any_offset_is_refused)
{
	const struct image inner = image_unikernel(true, 4);
	const struct image whole = image_bzimage_packed(IMAGE_ZSTD, &inner);

	for (size_t len = 0; len < whole.len - 16; len++) {
		struct image cut = {malloc(len + 1), len};
		const struct boot_request request = {.kernel = *view(&cut), .cmdline = ""};
		struct boot_entry entry;

		memcpy(cut.bytes, whole.bytes, len);
		cr_assert_eq(bzimage_probe(&request.kernel), len >= 0x206);
		cr_assert_eq(bzimage_load(&request, &mem, &entry, &err), -EINVAL, "%zu", len);
		cr_assert_eq(unpack(&cut, mem.len), -EINVAL, "%zu", len);
		image_free(&cut);
	}
}

Test(bzimage, the_elf_file_inside_is_unpacked)
{
	const struct image inner = image_unikernel(false, 8);

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		const struct image image = image_bzimage_packed((enum image_packing)i, &inner);
		uint8_t *bytes;
		uint64_t len;

		cr_assert_eq(bzimage_unpack(view(&image), inner.len, &bytes, &len, &err), 0, "%s",
			     err.text);
		cr_assert_eq(len, inner.len);
		cr_assert_arr_eq(bytes, inner.bytes, inner.len);
		munmap(bytes, len);
	}
}

/* The announced length is judged before anything is made, and then no more is made. */
Test(bzimage, a_payload_makes_no_more_than_its_bound)
{
	const size_t len = 4 << 20;
	const struct image zeroes = {calloc(1, len), len};
	const struct image four_gib = {calloc(1, 8), 8};
	struct image image;

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		image = image_bzimage_packed((enum image_packing)i, &zeroes);
		cr_assert_eq(unpack(&image, len), 0, "%s", err.text);
		cr_assert_eq(unpack(&image, len - 1), -EINVAL);
		cr_assert_str_eq(err.text, "payload: an unpacked length of 4194304 bytes is not "
					   "between 1 and 4194303");
		/* A lie about it: the stream has more. */
		le32_put(image.bytes + image.len - 4, 4096);
		cr_assert_eq(unpack(&image, len), -EINVAL);
		cr_assert(strstr(err.text, "is damaged, or longer than the 4096 bytes") != NULL,
			  "%s", err.text);
		le32_put(image.bytes + image.len - 4, 0);
		cr_assert_eq(unpack(&image, len), -EINVAL);
		cr_assert(strstr(err.text, "unpacked length of 0 bytes") != NULL);
	}
	le32_put(four_gib.bytes + 4, UINT32_MAX);
	image = image_bzimage_payload(&four_gib);
	cr_assert_eq(unpack(&image, len), -EINVAL);
	cr_assert(strstr(err.text, "unpacked length of 4294967295 bytes") != NULL);
	/* A packed length beyond the bound is not even read. */
	image = image_bzimage_packed(IMAGE_GZIP, &zeroes);
	cr_assert_eq(unpack(&image, image_bzimage_header(&image)->payload_length - 1), -EINVAL);
	cr_assert(strstr(err.text, "setup header: payload_length") == err.text, "%s", err.text);
}
