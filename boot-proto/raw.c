/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - bytes without a header: loaded at 1 MiB, entered there in long mode, rsi = zero page. */
#include "boot-proto/entry_x86_64.h"
#include "boot-proto/protocols.h"
#include "boot-proto/zero_page.h"

int raw_load(const struct boot_request *request, const struct mem *mem,
	     struct boot_entry *ret_entry, struct err *err)
{
	struct boot_span all = {"raw image", 0, request->kernel.len};
	struct initrd initrd;
	int ret;

	if (all.len == 0)
		return err_input(err, "raw image: it is empty, and has no first instruction");
	if ((ret = boot_image_load(&request->kernel, all, mem, LAYOUT_IMAGES, err)) < 0 ||
	    (ret = initrd_load(&request->initrd, mem, LAYOUT_IMAGES + all.len, GIB(4), &initrd,
			       err)) < 0 ||
	    (ret = zero_page_write(request, mem, NULL, &initrd, err)) < 0 ||
	    (ret = entry_write(mem, BOOT_LONG_MODE, err)) < 0)
		return ret;
	*ret_entry = (struct boot_entry){.mode = BOOT_LONG_MODE,
					 .rip = LAYOUT_IMAGES,
					 .rsp = LAYOUT_STACK,
					 .rsi = LAYOUT_ZERO_PAGE};
	return 0;
}
