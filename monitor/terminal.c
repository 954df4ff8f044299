/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/scope.h"

void terminal_init(struct terminal *terminal, int fd)
{
	*terminal = (struct terminal){.fd = -1};
	if (fd < 0 || tcgetattr(fd, &terminal->before) < 0)
		return;
	terminal->fd = fd;
	terminal_take(terminal);
}

void terminal_take(struct terminal *terminal)
{
	struct termios raw = terminal->before;

	terminal->raw = false;
	if (terminal->fd < 0 || tcgetpgrp(terminal->fd) != getpgrp())
		return;
	cfmakeraw(&raw);
	raw.c_oflag = terminal->before.c_oflag;
	terminal->raw = tcsetattr(terminal->fd, TCSANOW, &raw) == 0;
}

void terminal_restore(struct terminal *terminal)
{
	if (!terminal->raw || tcgetpgrp(terminal->fd) != getpgrp())
		return;
	/* Not TCSADRAIN: a terminal that does not take its output would hold us for good. */
	tcsetattr(terminal->fd, TCSANOW, &terminal->before);
	terminal->raw = false;
}

static struct terminal *guarded;

/* Once: when it returns, the same signal or fault is there again, with its default action. */
static void restore_and_die(int signal)
{
	terminal_restore(guarded);
	raise(signal);
}

/* Those that kill nobody, and those that nobody can catch. */
static bool is_no_matter(int signal)
{
	static const int exempt[] = {SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU,
				     SIGCONT, SIGCHLD, SIGURG,  SIGWINCH};

	for (size_t i = 0; i < ARRAY_LEN(exempt); i++)
		if (exempt[i] == signal)
			return true;
	return false;
}

void terminal_guard(struct terminal *terminal)
{
	const struct sigaction guard = {.sa_handler = restore_and_die,
					.sa_flags = (int)SA_RESETHAND};
	struct sigaction before;

	if (!terminal->raw || guarded != NULL)
		return;
	guarded = terminal;
	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		if (is_no_matter(signal) || sigaction(signal, &guard, &before) < 0)
			continue;
		/* Ignored from the start, or a sanitizer's. */
		if (before.sa_handler != SIG_DFL)
			sigaction(signal, &before, NULL);
	}
}

static enum terminal_command command_of(uint8_t key)
{
	switch (key) {
	case 'q':
		return TERMINAL_STOP;
	case 'r':
		return TERMINAL_CTRL_ALT_DEL;
	default:
		return TERMINAL_HELP;
	}
}

size_t terminal_filter(struct terminal *terminal, uint8_t *bytes, size_t len,
		       enum terminal_command *ret_command)
{
	size_t kept = 0;

	*ret_command = TERMINAL_NONE;
	for (size_t i = 0; i < len; i++) {
		if (terminal->escape) {
			terminal->escape = false;
			if (bytes[i] == TERMINAL_ESCAPE)
				bytes[kept++] = bytes[i];
			else
				*ret_command = command_of(bytes[i]);
		} else if (bytes[i] == TERMINAL_ESCAPE) {
			terminal->escape = true;
		} else {
			bytes[kept++] = bytes[i];
		}
	}
	return kept;
}

struct window_size terminal_size(const struct terminal *terminal)
{
	struct winsize size;

	if (terminal->fd < 0 || ioctl(terminal->fd, TIOCGWINSZ, &size) < 0)
		return (struct window_size){0};
	return (struct window_size){.cols = size.ws_col, .rows = size.ws_row};
}
