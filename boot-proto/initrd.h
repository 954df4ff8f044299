/* SPDX-License-Identifier: Apache-2.0 */
/* initrd.h - the initial RAM disk: as high as it fits below 4 GiB, on a page boundary. */
#ifndef MAYFLY_BOOT_INITRD_H
#define MAYFLY_BOOT_INITRD_H

#include "boot-proto/boot.h"

struct initrd {
	uint64_t gpa; /* 0 where there is none */
	uint64_t len;
};

/*
 * Loads it between `kernel_end` and `limit` (first address it may not touch). Errors: -EINVAL where
 * it does not fit, about the initrd.
 */
MUST_CHECK int initrd_load(const struct boot_image *image, const struct mem *mem,
			   uint64_t kernel_end, uint64_t limit, struct initrd *ret_initrd,
			   struct err *err);

#endif
