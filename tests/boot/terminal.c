/* SPDX-License-Identifier: Apache-2.0 */
/* On a real terminal: raw while the guest has it, cooked after any ending, and the escape key. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(terminal, .init = need_kvm);

static int master;
static pid_t shell, mayfly;
static char screen[65536];
static size_t len;

/* A shell of ours on a new terminal, which runs mayfly in the foreground and then tells how it went. */
static void begin_with_limit(const char *limit, const char *act)
{
	char command[1024];

	snprintf(
		command, sizeof(command),
		"ulimit -c 0; %s run -f elf --timeout=%s %s -- %s; echo \"[status $?]\"; stty -a; echo '[end]'",
		mayfly_path(), limit, guest("act"), act);
	shell = forkpty(&master, NULL, NULL, NULL);
	cr_assert_geq(shell, 0);
	if (shell == 0) {
		heed_signals();
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(99);
	}
}

static void begin(const char *act)
{
	begin_with_limit("20s", act);
}

static void clear_screen(void)
{
	len = 0;
	memset(screen, 0, sizeof(screen));
}

/* Reads the screen until the text stands there. */
static void wait_for(const char *text)
{
	for (unsigned i = 0; i < 3000 && strstr(screen, text) == NULL; i++) {
		struct pollfd fd = {.fd = master, .events = POLLIN};
		ssize_t n;

		if (poll(&fd, 1, 10) == 0)
			continue;
		n = read(master, screen + len, sizeof(screen) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	cr_assert(strstr(screen, text) != NULL, "no \"%s\" on the screen:\n%s", text, screen);
}

static void type(const char *keys)
{
	cr_assert_eq(write(master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static bool is_raw(void)
{
	struct termios state;

	cr_assert_eq(tcgetattr(master, &state), 0);
	return (state.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

/* The foreground process of the terminal's group that is not the shell: the supervisor. */
static pid_t supervisor(void)
{
	pid_t child = child_of(shell);

	cr_assert_gt(child, 0);
	return child;
}

static void is_cooked_in_the_end(const char *status)
{
	wait_for(status);
	wait_for("[end]");
	cr_assert_not(is_raw(), "%s", screen);
	waitpid(shell, NULL, 0);
}

Test(terminal, is_raw_for_the_guest_and_cooked_again_after_it)
{
	begin("say up echo exit 3");
	wait_for("up");
	cr_assert(is_raw());
	type("a\x03zq"); /* Ctrl-C is the guest's */
	wait_for("a\x03zq");
	is_cooked_in_the_end("[status 3]");
}

Test(terminal, escape_q_ends_the_run)
{
	begin("say up spin");
	wait_for("up");
	type("\x1dq");
	is_cooked_in_the_end("[status 130]");
}

Test(terminal, escape_r_types_ctrl_alt_del)
{
	begin("keyboard");
	wait_for("keyboard ready");
	type("\x1dr");
	wait_for("keys 14 11 e0 71");
	is_cooked_in_the_end("[status 0]");
}

Test(terminal, escape_escape_types_itself_and_other_keys_show_the_list)
{
	begin("say up echo");
	wait_for("up");
	type("\x1d?");
	wait_for("Ctrl-] then q: end the run");
	type("\x1d\x1dq");
	wait_for("\x1dq");
	is_cooked_in_the_end("[status 0]");
}

/* Where the list cannot be written, it comes in the end, and the run goes on. */
Test(terminal, the_list_waits_for_no_reader)
{
	static char letters[4096];
	char err[64];
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	cr_assert_eq(write(ends[1], letters, 4096), 4096);
	snprintf(err, sizeof(err), "say up echo 2>/proc/%d/fd/%d", getpid(), ends[1]);
	begin(err);
	wait_for("up");
	type("\x1d?");
	type("typedq");
	wait_for("typedq");
	cr_assert_eq(read(ends[0], letters, 4096), 4096);
	is_cooked_in_the_end("[status 0]");
	memset(letters, 0, sizeof(letters));
	cr_assert_gt(read(ends[0], letters, sizeof(letters) - 1), 0);
	cr_assert(has(letters, "Ctrl-] then q: end the run"), "%s", letters);
}

/* Typed before the guest listens: it waits. */
Test(terminal, typing_ahead_is_not_lost)
{
	begin("say up out8 0x80 2000 echo");
	wait_for("up");
	type("aheadq");
	wait_for("aheadq");
	is_cooked_in_the_end("[status 0]");
}

Test(terminal, is_cooked_after_every_death)
{
	static const struct {
		int signal;
		bool of_the_cell;
		const char *status;
	} deaths[] = {
		{SIGTERM, false, "[status 143]"},
		{SIGHUP, false, "[status 129]"},
		{SIGKILL, true, "[status 127]"},
	};

	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		pid_t victim;

		clear_screen();
		begin("say up spin");
		wait_for("up");
		cr_assert(is_raw());
		victim = supervisor();
		if (deaths[i].of_the_cell) {
			shell = victim; /* its child is the cell */
			victim = supervisor();
		}
		kill(victim, deaths[i].signal);
		is_cooked_in_the_end(deaths[i].status);
		close(master);
	}
}

/* Not the signals that end a run, but those that kill. */
Test(terminal, is_cooked_after_every_deadly_signal)
{
	const int deadly[] = {SIGABRT, SIGBUS,    SIGFPE,   SIGILL,  SIGTRAP,   SIGSYS,
			      SIGSEGV, SIGUSR2,   SIGXCPU,  SIGPROF, SIGVTALRM, SIGIO,
			      SIGPWR,  SIGSTKFLT, SIGRTMIN, SIGRTMAX};

	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		char status[64];

		snprintf(status, sizeof(status), "[status %d]", 128 + deadly[i]);
		if (is_sanitized() && (deadly[i] == SIGSEGV || deadly[i] == SIGBUS ||
				       deadly[i] == SIGFPE || deadly[i] == SIGILL))
			continue; /* the sanitizer's */
		clear_screen();
		begin("say up spin");
		wait_for("up");
		cr_assert(is_raw());
		kill(supervisor(), deadly[i]);
		is_cooked_in_the_end(status);
		close(master);
	}
}

Test(terminal, is_cooked_after_a_crash_and_a_time_limit)
{
	begin("triple");
	is_cooked_in_the_end("[status 127]");
	clear_screen();
	begin("panic");
	is_cooked_in_the_end("[status 127]");
	clear_screen();
	begin_with_limit("1s", "say up spin");
	wait_for("up");
	cr_assert(is_raw());
	is_cooked_in_the_end("[status 124]");
}

Test(terminal, stopped_and_continued_it_is_raw_again)
{
	begin("say up echo");
	wait_for("up");
	cr_assert(is_raw());
	mayfly = supervisor();
	kill(mayfly, SIGSTOP);
	kill(mayfly, SIGCONT);
	type("q");
	is_cooked_in_the_end("[status 0]");
}

/* bash does not send SIGCONT to a job that runs: the first line is still the terminal's. */
Test(terminal, brought_to_the_front_it_is_raw_after_the_first_line)
{
	char command[1024];

	need_program("bash");
	snprintf(command, sizeof(command),
		 "set -m; %s run -f elf --timeout=20s %s -- say up echo & sleep 0.5; fg; "
		 "echo \"[status $?]\"; echo '[end]'",
		 mayfly_path(), guest("act"));
	shell = forkpty(&master, NULL, NULL, NULL);
	cr_assert_geq(shell, 0);
	if (shell == 0) {
		heed_signals();
		execl("/bin/bash", "bash", "-c", command, NULL);
		_exit(99);
	}
	wait_for("up");
	for (unsigned i = 0; i < 5000 && tcgetpgrp(master) != supervisor(); i++)
		usleep(1000);
	cr_assert_not(is_raw());
	type("line\n");
	for (unsigned i = 0; i < 1000 && !is_raw(); i++)
		usleep(1000);
	cr_assert(is_raw());
	type("\x1dq");
	is_cooked_in_the_end("[status 130]");
}
