/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the bytes of a kernel or initrd, read by offset.
 *
 * An image is a descriptor of a regular file or a buffer. It is never mapped: a file that shrinks
 * while it is read gives an error, not SIGBUS. Headers are copied out and judged as copies; bulk
 * goes straight into guest memory.
 */
#ifndef MAYFLY_BOOT_IMAGE_H
#define MAYFLY_BOOT_IMAGE_H

#include "base/mem.h"

struct boot_image {
	int fd;               /* -1: `bytes` holds it */
	const uint8_t *bytes; /* `len` of them */
	uint64_t len;
};

/* A part of an image. */
struct boot_span {
	const char *what; /* its name in an error */
	uint64_t offset;  /* bytes from the start of the image */
	uint64_t len;     /* bytes */
};

/* Checks that the image has such a part. Errors: -EINVAL. */
MUST_CHECK int boot_image_check(const struct boot_image *image, struct boot_span span,
				struct err *err);

/*
 * Copies a part out. Errors: -EINVAL where the image ends before, or where the file was cut short
 * since its length was taken; -errno of the host's read.
 */
MUST_CHECK int boot_image_read(const struct boot_image *image, struct boot_span span, void *to,
			       struct err *err);

/* The same, into guest memory at `gpa`; -EINVAL also where that is not all RAM. */
MUST_CHECK int boot_image_load(const struct boot_image *image, struct boot_span span,
			       const struct mem *mem, uint64_t gpa, struct err *err);

#endif
