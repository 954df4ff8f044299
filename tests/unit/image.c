/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/image.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot-proto/layout_x86_64.h"
#include "tests/support/boot.h"

static const char text[] = "0123456789";
static struct boot_image images[2]; /* the same bytes as a buffer and as a file */
static struct err err;

static void set_up(void)
{
	images[0] = (struct boot_image){.fd = -1, .bytes = (const uint8_t *)text, .len = 10};
	images[1] = boot_file(text, 10);
}

TestSuite(image, .init = set_up);

Test(image, a_part_is_copied_out)
{
	for (int i = 0; i < 2; i++) {
		char part[5] = "";

		cr_assert_eq(
			boot_image_read(&images[i], (struct boot_span){"part", 6, 4}, part, &err),
			0);
		cr_assert_str_eq(part, "6789");
		cr_assert_eq(
			boot_image_read(&images[i], (struct boot_span){"end", 10, 0}, part, &err),
			0);
	}
}

Test(image, what_goes_past_the_end_is_refused_by_name_and_place)
{
	static const struct boot_span bad[] = {{"part", 6, 5},
					       {"part", 10, 1},
					       {"part", 11, 0},
					       {"part", UINT64_MAX, 1},
					       {"part", 1, UINT64_MAX}};

	for (int i = 0; i < 2; i++)
		for (size_t j = 0; j < ARRAY_LEN(bad); j++) {
			char bytes[16] = "as it was";
			char message[96];

			snprintf(message, sizeof(message),
				 "part: %lu bytes at offset %lu go past the end, which is at 10",
				 bad[j].len, bad[j].offset);
			cr_assert_eq(boot_image_read(&images[i], bad[j], bytes, &err), -EINVAL);
			cr_assert_str_eq(err.text, message);
			cr_assert_str_eq(bytes, "as it was");
		}
}

/* Its length was taken when it was opened; what another program does to it then is no SIGBUS. */
Test(image, a_file_that_shrinks_while_it_is_read_is_refused)
{
	struct mem mem = boot_ram(MIB(2));
	char bytes[10];

	cr_assert_eq(ftruncate(images[1].fd, 5), 0);
	cr_assert_eq(boot_image_read(&images[1], (struct boot_span){"part", 0, 10}, bytes, &err),
		     -EINVAL);
	cr_assert_str_eq(err.text, "part: the file became shorter than 10 while it was read");
	cr_assert_eq(
		boot_image_load(&images[1], (struct boot_span){"part", 5, 5}, &mem, MIB(1), &err),
		-EINVAL);
	cr_assert_eq(boot_image_read(&images[1], (struct boot_span){"part", 0, 5}, bytes, &err), 0);
}

Test(image, what_the_host_cannot_read_is_the_hosts_fault)
{
	const struct boot_image folder = {.fd = open("/", O_RDONLY), .len = 10};
	char bytes[10];

	cr_assert_eq(boot_image_read(&folder, (struct boot_span){"part", 2, 1}, bytes, &err),
		     -EISDIR);
	cr_assert_eq(err.status, EXIT_STATUS_HOST);
	cr_assert_str_eq(err.text, "part: read at offset 2: Is a directory");
}

Test(image, a_part_goes_into_ram_or_is_refused)
{
	struct mem mem = boot_ram(MIB(2));
	const struct boot_span all = {"all", 0, 10};

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(boot_image_load(&images[i], all, &mem, MIB(2) - 10, &err), 0);
		cr_assert_arr_eq(mem_get(&mem, MIB(2) - 10, 10), text, 10);
		cr_assert_eq(boot_image_load(&images[i], all, &mem, MIB(2) - 9, &err), -EINVAL);
		cr_assert_str_eq(err.text,
				 "all: 10 bytes at guest address 0x1ffff7 lie outside RAM");
	}
}
