/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed Linux kernels: their 64-bit entry, and the ELF file inside by its PVH entry. */
#include <asm/bootparam.h>
#include <string.h>
#include <sys/mman.h>

#include "boot-proto/protocols.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/fuzz.h"

#define ENTRY_64_OFFSET 0x200

/* What it needs to unpack itself is RAM, and the initrd is not in its way. */
static void check_room(const struct fuzz_boot *boot, uint64_t gpa, uint64_t len)
{
	const struct boot_params *params = mem_get(boot->mem, LAYOUT_ZERO_PAGE,
						   sizeof(struct boot_params));
	const struct setup_header *header = &params->hdr;
	uint64_t needed = header->relocatable_kernel ? gpa : header->pref_address;

	fuzz_check(needed >= LAYOUT_IMAGES);
	fuzz_check(header->init_size == 0 || mem_get(boot->mem, needed, header->init_size) != NULL);
	if (header->ramdisk_size > 0)
		fuzz_check(header->ramdisk_image >= needed + header->init_size &&
			   header->ramdisk_image >= gpa + len);
}

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
	check_room(boot, gpa, image->len - offset);
}

/* What is inside, in no more bytes than are allowed. */
static void unpack_alone(const struct boot_image *image, uint64_t max_len)
{
	struct err err = fuzz_err();
	uint8_t *bytes, *tainted;
	uint64_t len;
	int ret;

	fuzz_taint(&tainted, sizeof(tainted));
	bytes = tainted;
	fuzz_taint(&len, sizeof(len));
	ret = bzimage_unpack(image, max_len, &bytes, &len, &err);
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(bytes == tainted && fuzz_is_tainted(&len, sizeof(len)));
		return;
	}
	fuzz_check(ret == 0 && len > 0 && len <= max_len);
	fuzz_check(munmap(bytes, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {BOOT_BZIMAGE, BOOT_PVH, BOOT_AUTO};
	struct fuzz_boot boot;

	if (!fuzz_boot(data, size, formats, ARRAY_LEN(formats), &boot) ||
	    boot.request.kernel.fd >= 0)
		return 0;
	if (boot.loaded && boot.request.kind.format == BOOT_BZIMAGE)
		check_kernel(&boot);
	else if (boot.request.kind.format == BOOT_PVH && bzimage_probe(&boot.request.kernel))
		unpack_alone(&boot.request.kernel, data[0] * UINT64_C(32));
	return 0;
}
