/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/cmdline.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/boot.h"

static struct err err;

Test(cmdline, linux_gets_its_words_except_where_the_user_has_them)
{
	static const struct {
		const char *user;
		bool linux_kernel, serial;
		const char *composed;
	} rows[] = {
		{"", false, true, ""},
		{"a b", false, true, "a b"},
		{"", true, true, "console=ttyS0 reboot=k panic=1 pci=off"},
		{"quiet", true, true, "console=ttyS0 reboot=k panic=1 pci=off quiet"},
		{"quiet", true, false, "reboot=k panic=1 pci=off quiet"},
		{"console=hvc0", true, true, "reboot=k panic=1 pci=off console=hvc0"},
		{"panic=5 reboot=t", true, true, "console=ttyS0 pci=off panic=5 reboot=t"},
		{"console=x reboot=x panic pci=on", true, true, "console=x reboot=x panic pci=on"},
		{"xpanic=5 panic_on_oops=1", true, false,
		 "reboot=k panic=1 pci=off xpanic=5 panic_on_oops=1"},
		{"root=/dev/vda -- sh", true, false,
		 "reboot=k panic=1 pci=off root=/dev/vda -- sh"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char composed[LAYOUT_CMDLINE_MAX];

		const struct cmdline_parts parts = {
			rows[i].user, rows[i].linux_kernel, rows[i].serial, 0, false, false};

		cr_assert_eq(cmdline_compose(&parts, composed, &err), 0);
		cr_assert_str_eq(composed, rows[i].composed);
	}
}

Test(cmdline, the_first_disk_is_the_root_where_there_is_one)
{
	static const struct {
		const char *user;
		bool linux_kernel, root, read_only;
		const char *composed;
	} rows[] = {
		{"", true, true, false, "reboot=k panic=1 pci=off root=/dev/vda rw"},
		{"", true, true, true, "reboot=k panic=1 pci=off root=/dev/vda ro"},
		{"", true, false, false, "reboot=k panic=1 pci=off"},
		{"x", false, true, false, "x"},
		{"ro x", true, true, false, "reboot=k panic=1 pci=off root=/dev/vda ro x"},
		{"root=/dev/vdb", true, true, false, "reboot=k panic=1 pci=off root=/dev/vdb"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cmdline_parts parts = {.user = rows[i].user,
						    .linux_kernel = rows[i].linux_kernel,
						    .root = rows[i].root,
						    .root_read_only = rows[i].read_only};
		char composed[LAYOUT_CMDLINE_MAX];

		cr_assert_eq(cmdline_compose(&parts, composed, &err), 0);
		cr_assert_str_eq(composed, rows[i].composed);
	}
}

/* Before the user's words, which may end in some that are not the kernel's. */
Test(cmdline, tells_of_devices_that_nothing_else_announces)
{
	const struct cmdline_parts none = {.user = "", .n_virtio = 1},
				   some = {.user = "a -- b", .linux_kernel = true, .n_virtio = 2};
	char composed[LAYOUT_CMDLINE_MAX];

	cr_assert_eq(cmdline_compose(&none, composed, &err), 0);
	cr_assert_str_eq(composed, "virtio_mmio.device=4K@0xc0001000:5");
	cr_assert_eq(cmdline_compose(&some, composed, &err), 0);
	cr_assert_str_eq(composed, "reboot=k panic=1 pci=off virtio_mmio.device=4K@0xc0001000:5 "
				   "virtio_mmio.device=4K@0xc0002000:6 a -- b");
}

Test(cmdline, has_room_for_so_much_and_no_more)
{
	const size_t words = strlen("console=ttyS0 reboot=k panic=1 pci=off ");

	for (int linux_kernel = 0; linux_kernel < 2; linux_kernel++) {
		size_t room = LAYOUT_CMDLINE_MAX - 1 - (linux_kernel ? words : 0);
		char user[LAYOUT_CMDLINE_MAX + 1] = "", composed[LAYOUT_CMDLINE_MAX], message[96];
		const struct cmdline_parts parts = {user, linux_kernel, true, 0, false, false};

		memset(user, 'x', room);
		cr_assert_eq(cmdline_compose(&parts, composed, &err), 0);
		cr_assert_eq(strlen(composed), LAYOUT_CMDLINE_MAX - 1);
		user[room] = 'y';
		memcpy(composed, "as it was", 10);
		cr_assert_eq(cmdline_compose(&parts, composed, &err), -EINVAL);
		cr_assert_str_eq(composed, "as it was");
		snprintf(message, sizeof(message),
			 "command line: %zu bytes are more than the %zu there is room for",
			 room + 1, room);
		cr_assert_str_eq(err.text, message);
	}
}

Test(cmdline, a_word_answers_to_its_key)
{
	cr_assert(cmdline_has("noapic", "noapic"));
	cr_assert(cmdline_has("  a\tnoapic\nb", "noapic"));
	cr_assert(cmdline_has("a noapic=1", "noapic"));
	cr_assert(cmdline_has("noapic=", "noapic"));
	cr_assert_not(cmdline_has("", "noapic"));
	cr_assert_not(cmdline_has("noapicx xnoapic a=noapic noapi", "noapic"));
}

Test(cmdline, the_last_reboot_says_how)
{
	cr_assert(cmdline_resets_by_i8042("reboot=k"));
	cr_assert(cmdline_resets_by_i8042("a reboot=t b reboot=k c"));
	cr_assert(cmdline_resets_by_i8042("reboot=w,k"));
	cr_assert_not(cmdline_resets_by_i8042(""));
	cr_assert_not(cmdline_resets_by_i8042("k reboot"));
	cr_assert_not(cmdline_resets_by_i8042("reboot=k reboot=t k"));
	cr_assert_not(cmdline_resets_by_i8042("reboots=k"));
}

Test(cmdline, is_written_for_the_guest_or_refused)
{
	struct mem mem = boot_ram(MIB(2)), tiny = boot_ram(LAYOUT_CMDLINE + 4);
	char longest[LAYOUT_CMDLINE_MAX + 1] = "";

	cr_assert_eq(cmdline_write("quiet", &mem, &err), 0);
	cr_assert_str_eq(mem_get(&mem, LAYOUT_CMDLINE, 6), "quiet");
	memset(longest, 'x', LAYOUT_CMDLINE_MAX - 1);
	cr_assert_eq(cmdline_write(longest, &mem, &err), 0);
	longest[LAYOUT_CMDLINE_MAX - 1] = 'y';
	cr_assert_eq(cmdline_write(longest, &mem, &err), -EINVAL);
	cr_assert_str_eq(err.text,
			 "command line: 2048 bytes are more than the 2047 there is room for");
	cr_assert_eq(*(uint8_t *)mem_get(&mem, LAYOUT_CMDLINE + LAYOUT_CMDLINE_MAX - 1, 1), 0);
	cr_assert_eq(cmdline_write("abc", &tiny, &err), 0);
	cr_assert_eq(cmdline_write("abcd", &tiny, &err), -EINVAL);
}
