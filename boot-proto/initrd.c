/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/initrd.h"

#include <inttypes.h>

int initrd_load(const struct boot_image *image, const struct mem *mem, uint64_t kernel_end,
		uint64_t limit, struct initrd *ret_initrd, struct err *err)
{
	uint64_t top = layout_low_end(mem) < limit ? layout_low_end(mem) : limit;
	uint64_t gpa = (top - image->len) & ~(LAYOUT_PAGE - 1);
	int ret;

	if (image->len == 0) {
		*ret_initrd = (struct initrd){0};
		return 0;
	}
	err->subject = ERR_SUBJECT_INITRD;
	if (image->len > top || gpa < kernel_end)
		return err_input(err,
				 "%" PRIu64 " bytes do not fit between the kernel's end 0x%" PRIx64
				 " and 0x%" PRIx64 " (more --memory?)",
				 image->len, kernel_end, top);
	ret = boot_image_load(image, (struct boot_span){"initrd", 0, image->len}, mem, gpa, err);
	if (ret < 0)
		return ret;
	err->subject = ERR_SUBJECT_IMAGE;
	*ret_initrd = (struct initrd){.gpa = gpa, .len = image->len};
	return 0;
}
