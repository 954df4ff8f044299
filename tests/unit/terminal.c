/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/terminal.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static struct terminal terminal;
static uint8_t bytes[64];

static size_t filter(const char *typed, enum terminal_command *command)
{
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, typed, strlen(typed));
	return terminal_filter(&terminal, bytes, strlen(typed), command);
}

Test(terminal, keys_pass)
{
	enum terminal_command command;

	cr_assert_eq(filter("ls\r\x03", &command), 4u);
	cr_assert_eq(command, TERMINAL_NONE);
	cr_assert_arr_eq(bytes, "ls\r\x03", 4);
}

Test(terminal, the_escape_key_takes_the_next_one)
{
	enum terminal_command command;

	cr_assert_eq(filter("a\x1dqb", &command), 2u);
	cr_assert_eq(command, TERMINAL_STOP);
	cr_assert_arr_eq(bytes, "ab", 2);
	cr_assert_eq(filter("\x1dr", &command), 0u);
	cr_assert_eq(command, TERMINAL_CTRL_ALT_DEL);
	cr_assert_eq(filter("\x1d?", &command), 0u);
	cr_assert_eq(command, TERMINAL_HELP);
}

Test(terminal, twice_it_is_itself)
{
	enum terminal_command command;

	cr_assert_eq(filter("\x1d\x1d", &command), 1u);
	cr_assert_eq(bytes[0], TERMINAL_ESCAPE);
	cr_assert_eq(command, TERMINAL_NONE);
}

Test(terminal, it_may_come_alone)
{
	enum terminal_command command;

	cr_assert_eq(filter("x\x1d", &command), 1u);
	cr_assert_eq(command, TERMINAL_NONE);
	cr_assert_eq(filter("qy", &command), 1u);
	cr_assert_eq(command, TERMINAL_STOP);
	cr_assert_eq(bytes[0], 'y');
}

Test(terminal, what_is_no_terminal_is_left_alone)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	terminal_init(&terminal, ends[0]);
	cr_assert_not(terminal.raw);
	cr_assert_eq(terminal.fd, -1);
	terminal_restore(&terminal);
	terminal_take(&terminal);
	terminal_init(&terminal, -1);
	cr_assert_eq(terminal.fd, -1);
}
