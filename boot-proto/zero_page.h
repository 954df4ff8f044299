/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zero_page.h - struct boot_params, what Linux finds in rsi.
 * [linux boot.rst "64-bit Boot Protocol"], [linux zero-page.rst]
 */
#ifndef MAYFLY_BOOT_ZERO_PAGE_H
#define MAYFLY_BOOT_ZERO_PAGE_H

#include <asm/bootparam.h>

#include "boot-proto/boot.h"
#include "boot-proto/initrd.h"

/*
 * Writes zero page and command line. `header` is the kernel's own setup header, or NULL for an
 * image without one. Errors: -EINVAL where the kernel takes no command line of this length.
 */
MUST_CHECK int zero_page_write(const struct boot_request *request, const struct mem *mem,
			       const struct setup_header *header, const struct initrd *initrd,
			       struct err *err);

#endif
