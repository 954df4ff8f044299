/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files by Linux's 64-bit entry. */
#include <elf.h>

#include "boot-proto/elf.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/fuzz.h"

/* The image is read alone, too: elf_read() touches nothing where it refuses. */
static void read_alone(const uint8_t *data, size_t size)
{
	const struct boot_image image = {.fd = -1, .bytes = data, .len = size};
	struct err err = fuzz_err();
	struct elf elf;
	int ret;

	fuzz_taint(&elf, sizeof(elf));
	if (!elf_probe(&image))
		return;
	ret = elf_read(&image, &elf, &err);
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(fuzz_is_tainted(&elf, sizeof(elf)));
		return;
	}
	fuzz_check(ret == 0 && elf.n_segments <= ELF_SEGMENTS_MAX);
	for (unsigned i = 0; i < elf.n_segments; i++)
		fuzz_check(elf.segments[i].file_len <= elf.segments[i].guest_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {BOOT_ELF, BOOT_AUTO};
	struct fuzz_boot boot;

	if (size > sizeof(struct fuzz_boot_control))
		read_alone(data + sizeof(struct fuzz_boot_control),
			   size - sizeof(struct fuzz_boot_control));
	if (fuzz_boot(data, size, formats, ARRAY_LEN(formats), &boot) && boot.loaded &&
	    boot.request.kind.format == BOOT_ELF) {
		fuzz_check_segments(&boot);
		fuzz_check(boot.request.kernel.fd >= 0 ||
			   boot.request.kernel.bytes[EI_CLASS] == ELFCLASS64);
	}
	return 0;
}
