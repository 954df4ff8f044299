/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed Linux kernels: their 64-bit entry, and the ELF file inside by its PVH entry. */
#include <string.h>

#include "boot-proto/protocols.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/fuzz.h"

#define ENTRY_64_OFFSET 0x200

/* The protected-mode kernel is the file's end, and lies where it is entered. */
static void check_kernel(const struct fuzz_boot *boot)
{
	const struct boot_image *image = &boot->request.kernel;
	uint64_t gpa = boot->entry.rip - ENTRY_64_OFFSET;
	uint64_t sects = image->bytes[0x1f1] != 0 ? image->bytes[0x1f1] : 4;
	uint64_t offset = (sects + 1) * 512;
	const void *hva = mem_get(boot->mem, gpa, image->len - offset);

	fuzz_check(gpa >= LAYOUT_IMAGES && hva != NULL);
	fuzz_check(memcmp(hva, image->bytes + offset, image->len - offset) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {BOOT_BZIMAGE, BOOT_PVH, BOOT_AUTO};
	struct fuzz_boot boot;

	if (fuzz_boot(data, size, formats, ARRAY_LEN(formats), &boot) && boot.loaded &&
	    boot.request.kind.format == BOOT_BZIMAGE && boot.request.kernel.fd < 0)
		check_kernel(&boot);
	return 0;
}
