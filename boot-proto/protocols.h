/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocols.h - one entry for each boot protocol, for boot.c alone.
 *
 * Each loads the image and the initrd, writes what its protocol hands to the guest, and returns the
 * first vCPU's registers. Errors as in boot_load().
 */
#ifndef MAYFLY_BOOT_PROTOCOLS_H
#define MAYFLY_BOOT_PROTOCOLS_H

#include "boot-proto/boot.h"

/* Does the image begin with a Linux setup header? Never an error. */
bool bzimage_probe(const struct boot_image *image);

MUST_CHECK int bzimage_load(const struct boot_request *request, const struct mem *mem,
			    struct boot_entry *ret_entry, struct err *err);
MUST_CHECK int linux_elf_load(const struct boot_request *request, const struct mem *mem,
			      struct boot_entry *ret_entry, struct err *err);
MUST_CHECK int pvh_load(const struct boot_request *request, const struct mem *mem,
			struct boot_entry *ret_entry, struct err *err);
MUST_CHECK int raw_load(const struct boot_request *request, const struct mem *mem,
			struct boot_entry *ret_entry, struct err *err);

/*
 * Gives the ELF file inside a bzImage in `ret_bytes`, `ret_len` of them, to be unmapped with
 * munmap(). No more than `max_len` bytes are read or made of it, whatever the image says.
 */
MUST_CHECK int bzimage_unpack(const struct boot_image *image, uint64_t max_len, uint8_t **ret_bytes,
			      uint64_t *ret_len, struct err *err);

#endif
