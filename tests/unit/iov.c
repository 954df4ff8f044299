/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/iov.h"

#include <criterion/criterion.h>
#include <string.h>

static char bytes[32];
static struct iovec list[3];
static struct iov_cursor cursor;

/* abcde | fgh | ijklmnop */
static void set_up(void)
{
	memcpy(bytes, "abcdefghijklmnopqrstuvwxyz", 26);
	list[0] = (struct iovec){bytes, 5};
	list[1] = (struct iovec){bytes + 5, 3};
	list[2] = (struct iovec){bytes + 8, 8};
	iov_init(&cursor, list, 3);
}

TestSuite(iov, .init = set_up);

static void check_intact(void)
{
	cr_assert_eq(list[0].iov_base, bytes);
	cr_assert_eq(list[0].iov_len, 5);
	cr_assert_eq(list[1].iov_base, bytes + 5);
	cr_assert_eq(list[1].iov_len, 3);
	cr_assert_eq(list[2].iov_base, bytes + 8);
	cr_assert_eq(list[2].iov_len, 8);
}

/* Every part of the list is those bytes in their order, and the list is afterwards what it was. */
Test(iov, every_part_is_its_bytes)
{
	for (size_t from = 0; from < 16; from++) {
		for (size_t len = 1; len <= 16 - from; len++) {
			const struct iovec *part;
			char seen[17] = "";
			size_t n = 0;

			iov_init(&cursor, list, 3);
			iov_advance(&cursor, from);
			part = iov_cut(&cursor, len);
			for (unsigned i = 0; i < cursor.n_cut; i++) {
				cr_assert_gt(part[i].iov_len, 0);
				memcpy(seen + n, part[i].iov_base, part[i].iov_len);
				n += part[i].iov_len;
			}
			cr_assert_eq(n, len, "%zu+%zu: %zu", from, len, n);
			cr_assert_eq(memcmp(seen, bytes + from, len), 0);
			iov_restore(&cursor);
			check_intact();
		}
	}
}

Test(iov, restoring_twice_changes_nothing)
{
	iov_cut(&cursor, 4);
	iov_restore(&cursor);
	iov_advance(&cursor, 6);
	iov_restore(&cursor);
	check_intact();
}

Test(iov, gathers_and_scatters_from_where_it_is)
{
	char copy[11] = "";

	iov_advance(&cursor, 3);
	iov_gather(&cursor, copy, 10);
	cr_assert_str_eq(copy, "defghijklm");
	iov_scatter(&cursor, "XYZ", 3);
	cr_assert_eq(memcmp(bytes, "abcdefghijklmXYZ", 16), 0);
	check_intact();
}
