/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/terminal.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
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

/* Runs `act`, with a terminal that nobody reads as its own. Returns its exit status. */
static int on_a_terminal(int (*act)(void))
{
	int master, status;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	cr_assert_geq(pid, 0);
	if (pid == 0)
		_exit(act());
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	close(master);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Another process group takes the foreground, as a shell does after a stop, and `bg` continues us. */
static int go_to_the_background(void)
{
	pid_t other;

	signal(SIGTTOU, SIG_IGN);
	terminal_init(&terminal, STDIN_FILENO);
	if (!terminal.raw)
		return 1;
	other = fork();
	if (other == 0) {
		pause();
		_exit(0);
	}
	setpgid(other, other);
	if (tcsetpgrp(STDIN_FILENO, other) < 0)
		return 2;
	terminal_take(&terminal);
	if (terminal.raw)
		return 3;
	if (tcsetpgrp(STDIN_FILENO, getpgrp()) < 0)
		return 4;
	terminal_take(&terminal);
	return terminal.raw ? 0 : 5;
}

Test(terminal, is_not_ours_in_the_background)
{
	cr_assert_eq(on_a_terminal(go_to_the_background), 0);
}

/* Somebody else's write that the terminal does not take holds a change that waits for output. */
static int restore_while_output_is_stuck(void)
{
	static const char page[4096];
	int said[2];
	char byte;

	terminal_init(&terminal, STDIN_FILENO);
	if (!terminal.raw || pipe(said) < 0)
		return 1;
	if (fork() == 0) {
		alarm(10);
		for (int i = 0; i < 64; i++)
			if (write(said[1], "x", 1) < 0 || write(STDOUT_FILENO, page, 4096) < 0)
				_exit(1);
		_exit(0);
	}
	/* It is in its first page that does not fit when nothing more comes. */
	while (poll(&(struct pollfd){.fd = said[0], .events = POLLIN}, 1, 200) > 0)
		if (read(said[0], &byte, 1) != 1)
			return 2;
	alarm(2);
	terminal_restore(&terminal);
	return terminal.raw ? 3 : 0;
}

Test(terminal, is_given_back_though_nobody_takes_its_output)
{
	cr_assert_eq(on_a_terminal(restore_while_output_is_stuck), 0);
}
