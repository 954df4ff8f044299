/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor lets a cell say: whole messages, in order, with harmless texts. */
#include "monitor/protocol.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAD offsetof(struct from_cell, resolved)

static struct from_cell message;

/* By a supervisor that waits for everything, in the right moment for this type. */
static bool judge(uint32_t type, size_t len, bool dry_run, unsigned wish)
{
	const bool sets_up = type == FROM_CELL_RESOLVED || type == FROM_CELL_FAILED ||
			     type == FROM_CELL_RUNS;
	const struct expected expected = {.dry_run = dry_run,
					  .progress = sets_up ? PROGRESS_JAILED : PROGRESS_RUNS,
					  .no_keyboard = true,
					  .wish = wish};

	message.type = type;
	return from_cell_judge(&message, len, &expected);
}

Test(protocol, a_message_is_whole)
{
	const uint32_t types[] = {FROM_CELL_RESOLVED, FROM_CELL_FAILED,      FROM_CELL_RUNS,
				  FROM_CELL_WISH,     FROM_CELL_NO_KEYBOARD, FROM_CELL_ENDED};

	message.number = 1;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = from_cell_len(types[i]);

		cr_assert(judge(types[i], len, types[i] != FROM_CELL_RUNS, 0), "type %u", types[i]);
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
	const struct expected nothing = {.progress = PROGRESS_RUNS};
	const uint32_t types[] = {FROM_CELL_JAILED, FROM_CELL_RUNS, FROM_CELL_NO_KEYBOARD,
				  FROM_CELL_RESOLVED};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		message.type = types[i];
		cr_assert_not(from_cell_judge(&message, from_cell_len(types[i]), &nothing));
	}
}

/* What holds it first, what is of set-up before the guest runs, and what the guest wants after that. */
Test(protocol, each_message_has_its_time)
{
	static const struct {
		uint32_t type;
		bool dry_run;
		bool in_time[3]; /* at each enum progress */
	} rows[] = {
		{FROM_CELL_JAILED, false, {true, false, false}},
		{FROM_CELL_FAILED, false, {true, true, false}},
		{FROM_CELL_RESOLVED, true, {false, true, false}},
		{FROM_CELL_RUNS, false, {false, true, false}},
		{FROM_CELL_RUNS, true, {false, false, false}},
		{FROM_CELL_WISH, false, {false, false, true}},
		{FROM_CELL_NO_KEYBOARD, false, {false, false, true}},
		{FROM_CELL_ENDED, false, {false, false, true}},
	};

	message.number = 1;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned progress = 0; progress < 3; progress++) {
			const struct expected expected = {.dry_run = rows[i].dry_run,
							  .progress = (enum progress)progress,
							  .no_keyboard = true};

			message.type = rows[i].type;
			cr_assert_eq(
				from_cell_judge(&message, from_cell_len(rows[i].type), &expected),
				rows[i].in_time[progress], "type %u at %u", rows[i].type, progress);
		}
}

/* A trap alone ends a set-up, and whom nobody stopped was not stopped. */
Test(protocol, an_ending_has_its_time_too)
{
	struct expected expected = {.progress = PROGRESS_JAILED};
	const size_t len = from_cell_len(FROM_CELL_ENDED);

	message.type = FROM_CELL_ENDED;
	for (uint32_t reason = 0; reason <= END_REASON_COUNT; reason++) {
		message.ended.reason = reason;
		cr_assert_eq(from_cell_judge(&message, len, &expected), reason == END_TRAPPED);
	}
	expected.progress = PROGRESS_RUNS;
	message.ended.reason = END_STOPPED;
	cr_assert_not(from_cell_judge(&message, len, &expected));
	expected.stopped = true;
	cr_assert(from_cell_judge(&message, len, &expected));
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
