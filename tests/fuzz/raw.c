/* SPDX-License-Identifier: Apache-2.0 */
/* Flat images with initrd, and what is made of the user's words. */
#include <string.h>

#include "boot-proto/cmdline.h"
#include "tests/fuzz/boot.h"
#include "tests/fuzz/fuzz.h"

static const char *const keys[] = {"console", "reboot", "panic", "pci"};

/* The image's bytes once more, as the words of a user. */
static void compose(const struct boot_image *image)
{
	bool linux_kernel = image->len % 2 != 0, serial = image->len % 3 != 0;
	char words[LAYOUT_CMDLINE_MAX + 64] = "", composed[LAYOUT_CMDLINE_MAX];
	struct err err = fuzz_err();
	int ret;

	memcpy(words, image->bytes, image->len < sizeof(words) ? image->len : sizeof(words) - 1);
	fuzz_taint(composed, sizeof(composed));
	ret = cmdline_compose(&(struct cmdline_parts){.user = words,
						      .linux_kernel = linux_kernel,
						      .serial = serial},
			      composed, &err);
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(fuzz_is_tainted(composed, sizeof(composed)));
		return;
	}
	fuzz_check(memchr(composed, '\0', sizeof(composed)) != NULL);
	fuzz_check(strlen(composed) >= strlen(words));
	fuzz_check(strcmp(composed + strlen(composed) - strlen(words), words) == 0);
	for (size_t i = 0; linux_kernel && i < ARRAY_LEN(keys); i++)
		fuzz_check(cmdline_has(composed, keys[i]) || (i == 0 && !serial));
	if (cmdline_resets_by_i8042(composed))
		fuzz_check(cmdline_has(composed, "reboot"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum boot_format formats[] = {BOOT_RAW};
	struct fuzz_boot boot;
	const struct boot_image *image = &boot.request.kernel;

	if (!fuzz_boot(data, size, formats, ARRAY_LEN(formats), &boot) || image->fd >= 0)
		return 0;
	compose(image);
	if (!boot.loaded)
		return 0;
	fuzz_check(boot.entry.rip == LAYOUT_IMAGES);
	fuzz_check(memcmp(mem_get(boot.mem, LAYOUT_IMAGES, image->len), image->bytes, image->len) ==
		   0);
	return 0;
}
