/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor lets a cell say: whole messages, in order, with harmless texts. */
#include "monitor/protocol.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAD offsetof(struct from_cell, resolved)

static struct from_cell message;

static bool judge(uint32_t type, size_t len, bool dry_run, unsigned wish)
{
	const struct expected expected = {.dry_run = dry_run, .no_keyboard = true, .wish = wish};

	message.type = type;
	return from_cell_judge(&message, len, &expected);
}

Test(protocol, a_message_is_whole)
{
	const uint32_t types[] = {FROM_CELL_RESOLVED, FROM_CELL_FAILED, FROM_CELL_WISH,
				  FROM_CELL_NO_KEYBOARD, FROM_CELL_ENDED};

	message.number = 1;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = from_cell_len(types[i]);

		cr_assert(judge(types[i], len, true, 0), "type %u", types[i]);
		cr_assert_not(judge(types[i], len - 1, true, 0), "type %u", types[i]);
		cr_assert_not(judge(types[i], len + 1, true, 0), "type %u", types[i]);
	}
	cr_assert_not(judge(FROM_CELL_WISH, 0, true, 0));
	cr_assert_not(judge(0, 0, true, 0));
	cr_assert_not(judge(FROM_CELL_ENDED + 1, HEAD, true, 0));
}

Test(protocol, a_wish_is_one_at_a_time_and_bounded)
{
	message.number = UART_INPUT_MAX;
	cr_assert(judge(FROM_CELL_WISH, HEAD, false, 0));
	cr_assert_not(judge(FROM_CELL_WISH, HEAD, false, 1));
	message.number = UART_INPUT_MAX + 1;
	cr_assert_not(judge(FROM_CELL_WISH, HEAD, false, 0));
	message.number = 0;
	cr_assert_not(judge(FROM_CELL_WISH, HEAD, false, 0));
}

Test(protocol, what_nobody_asked_for_is_not_in_order)
{
	const struct expected nothing = {0};
	const uint32_t types[] = {FROM_CELL_JAILED, FROM_CELL_NO_KEYBOARD, FROM_CELL_RESOLVED};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		message.type = types[i];
		cr_assert_not(from_cell_judge(&message, from_cell_len(types[i]), &nothing));
	}
}

Test(protocol, what_holds_the_cell_comes_first_and_once)
{
	const struct expected first = {.jailed = true, .no_keyboard = true}, later = {0};

	message.type = FROM_CELL_JAILED;
	cr_assert(from_cell_judge(&message, HEAD, &first));
	cr_assert_not(from_cell_judge(&message, HEAD, &later));
	message.type = FROM_CELL_NO_KEYBOARD;
	cr_assert_not(from_cell_judge(&message, HEAD, &first));
	message.type = FROM_CELL_FAILED;
	cr_assert(from_cell_judge(&message, from_cell_len(FROM_CELL_FAILED), &first));
}

Test(protocol, a_guest_that_ran_did_not_fail_to_start)
{
	const struct expected running = {.has_run = true};

	message.type = FROM_CELL_FAILED;
	cr_assert_not(from_cell_judge(&message, from_cell_len(FROM_CELL_FAILED), &running));
}

Test(protocol, what_a_dry_run_resolves_has_names)
{
	size_t len = from_cell_len(FROM_CELL_RESOLVED);

	cr_assert_not(judge(FROM_CELL_RESOLVED, len, false, 0));
	message.resolved.format = BOOT_FORMAT_COUNT;
	cr_assert_not(judge(FROM_CELL_RESOLVED, len, true, 0));
	message.resolved.format = BOOT_RAW;
	message.resolved.irqchip = IRQCHIP_KIND_COUNT;
	cr_assert_not(judge(FROM_CELL_RESOLVED, len, true, 0));
}

Test(protocol, texts_are_cut_and_cleaned)
{
	memset(&message, 'x', sizeof(message));
	message.failed.text[0] = '\033';
	cr_assert(judge(FROM_CELL_FAILED, from_cell_len(FROM_CELL_FAILED), false, 0));
	cr_assert_eq(strlen(message.failed.text), sizeof(message.failed.text) - 1);
	cr_assert_eq(message.failed.text[0], '?');
	message.resolved = (struct resolved){.cmdline = "a\nb"};
	message.resolved.cmdline[LAYOUT_CMDLINE_MAX - 1] = 'x';
	cr_assert(judge(FROM_CELL_RESOLVED, from_cell_len(FROM_CELL_RESOLVED), true, 0));
	cr_assert_str_eq(message.resolved.cmdline, "a?b");
	cr_assert_eq(message.resolved.cmdline[LAYOUT_CMDLINE_MAX - 1], '\0');
}
