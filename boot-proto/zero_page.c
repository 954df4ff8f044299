/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/zero_page.h"

#include <string.h>

#include "boot-proto/cmdline.h"
#include "boot-proto/e820.h"

#define BOOT_FLAG            0xaa55
#define LOADER_UNDEFINED     0xff       /* type_of_loader of who has no number assigned */
#define HEADER_MAGIC         0x53726448 /* "HdrS" */
#define DEFAULT_CMDLINE_SIZE (LAYOUT_CMDLINE_MAX - 1)

static void write_e820(const struct mem *mem, struct boot_params *params)
{
	struct e820_range ranges[E820_MAX];
	unsigned n = e820_fill(mem, ranges);

	params->e820_entries = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		params->e820_table[i] = (struct boot_e820_entry){ranges[i].gpa, ranges[i].len,
								 ranges[i].type};
}

static const struct setup_header no_header = {
	.boot_flag = BOOT_FLAG,
	.header = HEADER_MAGIC,
	.cmdline_size = DEFAULT_CMDLINE_SIZE,
	.kernel_alignment = 0x1000000,
};

int zero_page_write(const struct boot_request *request, const struct mem *mem,
		    const struct setup_header *header, const struct initrd *initrd, struct err *err)
{
	size_t cmdline_len = strlen(request->cmdline);
	struct boot_params *params = mem_get(mem, LAYOUT_ZERO_PAGE, sizeof(*params));
	int ret;

	if (params == NULL)
		return err_input(err, "--memory: no room for the boot tables");
	if (header == NULL)
		header = &no_header;
	if (cmdline_len > header->cmdline_size)
		return err_input(err, "command line: %zu bytes; this kernel's cmdline_size is %u",
				 cmdline_len, header->cmdline_size);
	ret = cmdline_write(request->cmdline, mem, err);
	if (ret < 0)
		return ret;
	params->hdr = *header;
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.cmd_line_ptr = (uint32_t)LAYOUT_CMDLINE;
	params->hdr.ramdisk_image = (uint32_t)initrd->gpa;
	params->hdr.ramdisk_size = (uint32_t)initrd->len; /* below 4 GiB: initrd_load() saw to it */
	params->acpi_rsdp_addr = request->machine.acpi ? LAYOUT_RSDP : 0;
	write_e820(mem, params);
	return 0;
}
