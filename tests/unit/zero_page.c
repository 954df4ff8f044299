/* SPDX-License-Identifier: Apache-2.0 */
/* [linux zero-page.rst]: what Linux finds in rsi. */
#include "boot-proto/zero_page.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "boot-proto/e820.h"
#include "tests/support/boot.h"

static struct mem mem;
static struct err err;

static void set_up(void)
{
	mem = boot_ram(GIB(5));
}

TestSuite(zero_page, .init = set_up);

static const struct boot_params *params(void)
{
	return mem_get(&mem, LAYOUT_ZERO_PAGE, sizeof(struct boot_params));
}

Test(zero_page, says_where_everything_is)
{
	const struct boot_request request = {.cmdline = "quiet", .machine = {.acpi = true}};
	const struct initrd initrd = {.gpa = MIB(7), .len = 12345};

	cr_assert_eq(zero_page_write(&request, &mem, NULL, &initrd, &err), 0, "%s", err.text);
	cr_assert_eq(params()->hdr.boot_flag, 0xaa55);
	cr_assert_eq(params()->hdr.header, 0x53726448u);
	cr_assert_eq(params()->hdr.type_of_loader, 0xff);
	cr_assert_eq(params()->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	cr_assert_eq(params()->hdr.cmdline_size, LAYOUT_CMDLINE_MAX - 1);
	cr_assert_eq(params()->hdr.ramdisk_image, MIB(7));
	cr_assert_eq(params()->hdr.ramdisk_size, 12345u);
	cr_assert_eq(params()->acpi_rsdp_addr, LAYOUT_RSDP);
	cr_assert_eq(params()->e820_entries, 5);
	cr_assert_eq(params()->e820_table[4].addr, GIB(4));
	cr_assert_eq(params()->e820_table[4].size, GIB(2));
	cr_assert_eq(params()->e820_table[4].type, (unsigned)E820_TYPE_RAM);
	cr_assert_str_eq(mem_get(&mem, LAYOUT_CMDLINE, 6), "quiet");
}

Test(zero_page, has_no_rsdp_without_acpi)
{
	const struct boot_request request = {.cmdline = ""};

	cr_assert_eq(zero_page_write(&request, &mem, NULL, &(struct initrd){0}, &err), 0);
	cr_assert_eq(params()->acpi_rsdp_addr, 0u);
	cr_assert_eq(params()->hdr.ramdisk_image, 0u);
	cr_assert_eq(params()->hdr.ramdisk_size, 0u);
}

Test(zero_page, keeps_to_the_kernels_own_cmdline_size)
{
	struct setup_header header = image_setup_header();
	struct boot_request request = {.cmdline = "12345"};

	header.cmdline_size = 5;
	cr_assert_eq(zero_page_write(&request, &mem, &header, &(struct initrd){0}, &err), 0);
	cr_assert_eq(params()->hdr.pref_address, header.pref_address);
	request.cmdline = "123456";
	cr_assert_eq(zero_page_write(&request, &mem, &header, &(struct initrd){0}, &err), -EINVAL);
	cr_assert_str_eq(err.text, "command line: 6 bytes; this kernel's cmdline_size is 5");
}

Test(zero_page, keeps_to_our_own_bound_whatever_the_kernel_takes)
{
	char longest[LAYOUT_CMDLINE_MAX + 1] = "";
	struct setup_header header = image_setup_header();
	const struct boot_request request = {.cmdline = longest};

	header.cmdline_size = UINT32_MAX;
	memset(longest, 'x', LAYOUT_CMDLINE_MAX);
	cr_assert_eq(zero_page_write(&request, &mem, &header, &(struct initrd){0}, &err), -EINVAL);
	cr_assert(strstr(err.text, "command line: 2048 bytes") != NULL, "%s", err.text);
}
