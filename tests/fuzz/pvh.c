/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files by Xen's PVH entry. */
#include "boot-proto/protocols.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {BOOT_PVH, BOOT_AUTO};
	struct fuzz_boot boot;

	if (fuzz_boot(data, size, formats, ARRAY_LEN(formats), &boot) && boot.loaded &&
	    boot.request.kind.format == BOOT_PVH && !bzimage_probe(&boot.request.kernel))
		fuzz_check_segments(&boot);
	return 0;
}
