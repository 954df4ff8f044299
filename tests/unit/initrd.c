/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/initrd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/boot.h"

static struct err err;

Test(initrd, goes_as_high_as_it_may_on_a_page)
{
	static const struct {
		uint64_t ram, len, kernel_end, limit;
		uint64_t gpa; /* 0: refused */
	} rows[] = {
		{MIB(8), 1, MIB(2), GIB(4), MIB(8) - 4096},
		{MIB(8), 4096, MIB(2), GIB(4), MIB(8) - 4096},
		{MIB(8), 4097, MIB(2), GIB(4), MIB(8) - 8192},
		{MIB(8), 4096, MIB(2), MIB(4), MIB(4) - 4096},
		{MIB(8), 4096, MIB(2), MIB(4) - 1, MIB(4) - 8192},
		{MIB(8), MIB(6), MIB(2), GIB(4), MIB(2)},
		{GIB(5), 4096, MIB(2), GIB(4), GIB(3) - 4096},
		{MIB(8), MIB(6) + 1, MIB(2), GIB(4), 0},
		{MIB(8), MIB(6), MIB(2) + 1, GIB(4), 0},
		{MIB(8), MIB(9), MIB(2), GIB(4), 0},
		{MIB(8), 1, MIB(2), 1, 0},
		{MIB(8), 1, MIB(8), GIB(4), 0},
	};
	static uint8_t bytes[MIB(9)];

	memset(bytes, 0xa5, sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mem mem = boot_ram(rows[i].ram);
		const struct boot_image image = {.fd = -1, .bytes = bytes, .len = rows[i].len};
		struct initrd initrd = {7, 7};
		int ret = initrd_load(&image, &mem, rows[i].kernel_end, rows[i].limit, &initrd,
				      &err);

		if (rows[i].gpa == 0) {
			cr_assert_eq(ret, -EINVAL, "row %zu", i);
			cr_assert_eq(err.subject, ERR_SUBJECT_INITRD);
			cr_assert(initrd.gpa == 7 && initrd.len == 7, "untouched");
			continue;
		}
		cr_assert_eq(ret, 0, "row %zu: %s", i, err.text);
		cr_assert_eq(initrd.gpa, rows[i].gpa, "row %zu: %#lx", i, initrd.gpa);
		cr_assert_eq(initrd.len, rows[i].len);
		cr_assert_arr_eq(mem_get(&mem, initrd.gpa, initrd.len), bytes, rows[i].len);
		cr_assert_eq(err.subject, ERR_SUBJECT_IMAGE, "what follows is about the kernel");
		mem_done(&mem);
	}
}

Test(initrd, that_has_no_room_says_how_much_there_is)
{
	struct mem mem = boot_ram(MIB(8));
	static uint8_t bytes[MIB(7)];
	const struct boot_image image = {.fd = -1, .bytes = bytes, .len = sizeof(bytes)};
	struct initrd initrd;

	cr_assert_eq(initrd_load(&image, &mem, MIB(2), GIB(4), &initrd, &err), -EINVAL);
	cr_assert_str_eq(err.text, "7340032 bytes do not fit between the kernel's end 0x200000 and "
				   "0x800000 (more --memory?)");
}

Test(initrd, that_is_not_there_is_fine)
{
	struct mem mem = boot_ram(MIB(2));
	struct initrd initrd = {7, 7};

	cr_assert_eq(
		initrd_load(&(struct boot_image){.fd = -1}, &mem, MIB(2), GIB(4), &initrd, &err),
		0);
	cr_assert(initrd.gpa == 0 && initrd.len == 0);
}

Test(initrd, that_shrinks_while_it_is_read_is_refused)
{
	struct mem mem = boot_ram(MIB(2));
	const struct boot_image image = boot_file("0123456789", 10);
	struct initrd initrd = {7, 7};

	cr_assert_eq(ftruncate(image.fd, 5), 0);
	cr_assert_eq(initrd_load(&image, &mem, MIB(1), GIB(4), &initrd, &err), -EINVAL);
	cr_assert_str_eq(err.text, "initrd: the file became shorter than 10 while it was read");
	cr_assert_eq(err.subject, ERR_SUBJECT_INITRD);
	cr_assert_eq(initrd.len, 7u);
}
