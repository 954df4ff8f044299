/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals and sudden deaths: whatever ends either process, at whatever moment, leaves no process and
 * no file behind, and the report where there was somebody to write it.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(signals, .init = need_kvm, .timeout = 600);

static struct process start(const char *act)
{
	return process_start((const char *const[]){mayfly_path(), "run", "-v", "-f", "elf",
						   guest("act"), "--", act, NULL},
			     false);
}

static void sleep_us(unsigned us)
{
	nanosleep(&(struct timespec){us / 1000000, (us % 1000000) * 1000L}, NULL);
}

/* Is it gone, or a zombie that somebody else has to reap, within a second? */
static bool goes_away(pid_t pid)
{
	for (unsigned i = 0; i < 1000; i++) {
		char path[64], state = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (file == NULL)
			return true;
		if (fscanf(file, "%*d %*s %c", &state) != 1)
			state = 'Z';
		fclose(file);
		if (state == 'Z')
			return true;
		sleep_us(1000);
	}
	return false;
}

Test(signals, ask_a_guest_with_a_keyboard_first)
{
	static const int asking[] = {SIGTERM, SIGINT};

	for (size_t i = 0; i < 2; i++) {
		struct process process = start("keyboard");
		struct run run;

		cr_assert(process_wait_for(&process, "keyboard ready\n"));
		kill(process.pid, asking[i]);
		run = process_finish(&process);
		cr_assert_eq(run.status, 0, "%s", run.err);
		cr_assert(has(run.out, "keys 14 11 e0 71\n"), "%s", run.out);
		cr_assert(has(run.err, "the guest reset"));
	}
}

Test(signals, end_a_guest_without_a_keyboard_at_once)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct process process = start("say up spin");
		struct run run;

		cr_assert(process_wait_for(&process, "up\n"));
		kill(process.pid, all[i]);
		run = process_finish(&process);
		cr_assert_eq(run.status, 128 + all[i], "%s", run.err);
		cr_assert(has(run.err, "ended the run; vCPU 0 ran"), "%s", run.err);
	}
}

/* As Ctrl-C does it on a terminal that is not raw: to supervisor and cell alike. */
Test(signals, of_the_whole_group_are_the_supervisors)
{
	struct process process = process_start(
		(const char *const[]){"/usr/bin/setsid", mayfly_path(), "run", "-v", "-c", "2",
				      "-f", "elf", guest("act"), "--", "keyboard", NULL},
		false);
	struct run run;

	cr_assert(process_wait_for(&process, "keyboard ready\n"));
	kill(-process.pid, SIGINT);
	run = process_finish(&process);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert(has(run.err, "the guest reset"), "%s", run.err);
}

/* The cell is away, giving the guest its pages: the message waits for it. */
Test(signals, during_set_up_are_not_lost)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "-v", "-m", "192M", "--prefault", "-f",
				      "elf", guest("act"), "--", "spin", NULL},
		false);
	struct timespec before, after;
	struct run run;

	sleep_us(10000);
	clock_gettime(CLOCK_MONOTONIC, &before);
	kill(process.pid, SIGTERM);
	run = process_finish(&process);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert_eq(run.status, 143, "%s", run.err);
	cr_assert_lt(after.tv_sec - before.tv_sec, 4, "it ran into the guest's five seconds");
}

/* What whoever starts us left behind: ignored and blocked signals. */
Test(signals, that_were_ignored_or_blocked_before_the_start)
{
	struct process process = process_start(
		(const char *const[]){"/usr/bin/env", "--ignore-signal=HUP", mayfly_path(), "run",
				      "-f", "elf", guest("act"), "--", "say", "up", "spin", NULL},
		false);
	struct run run;

	cr_assert(process_wait_for(&process, "up\n"));
	kill(process.pid, SIGHUP);
	sleep_us(100000);
	cr_assert_neq(child_of(process.pid), 0, "nohup is honoured");
	kill(process.pid, SIGQUIT);
	run = process_finish(&process);
	cr_assert_eq(run.status, 128 + SIGQUIT, "%s", run.err);

	process = process_start(
		(const char *const[]){"/usr/bin/env", "--ignore-signal=CHLD", mayfly_path(), "run",
				      "-f", "elf", guest("act"), "--", "say", "up", "spin", NULL},
		false);
	cr_assert(process_wait_for(&process, "up\n"));
	kill(child_of(process.pid), SIGKILL);
	run = process_finish(&process);
	cr_assert_eq(run.status, 127, "%s", run.err);
	cr_assert(has(run.err, "killed by signal 9"), "%s", run.err);

	run = run_program((const char *const[]){"/usr/bin/env", "--block-signal=USR2",
						mayfly_path(), "run", "-c", "4", "--timeout", "20s",
						guest("smp"), NULL},
			  NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
}

/* It drives its keyboard and does not obey: a second signal ends it, and so do five seconds. */
Test(signals, a_second_one_ends_a_guest_that_does_not_obey)
{
	struct process process = start("deaf");
	struct run run;

	cr_assert(process_wait_for(&process, "keyboard ready\n"));
	kill(process.pid, SIGTERM);
	sleep_us(300000);
	cr_assert_neq(child_of(process.pid), 0, "it still has its five seconds");
	kill(process.pid, SIGTERM);
	run = process_finish(&process);
	cr_assert_eq(run.status, 143, "%s", run.err);
}

Test(signals, five_seconds_end_a_guest_that_does_not_obey)
{
	struct process process = start("deaf");
	struct run run;
	time_t before;

	cr_assert(process_wait_for(&process, "keyboard ready\n"));
	before = time(NULL);
	kill(process.pid, SIGINT);
	run = process_finish(&process);
	cr_assert_eq(run.status, 130, "%s", run.err);
	cr_assert_geq(time(NULL) - before, 4);
}

Test(signals, leave_the_report)
{
	const char *path = scratch("report.json");
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--report", path, "-f", "elf",
				      guest("act"), "--", "say up sleep", NULL},
		false);
	struct run run;
	json_t *report;

	cr_assert(process_wait_for(&process, "up\n"));
	kill(process.pid, SIGTERM);
	run = process_finish(&process);
	report = json_load_file(path, 0, NULL);
	cr_assert_eq(json_integer_value(json_object_get(report, "exit_status")), run.status);
	cr_assert(has(json_string_value(json_object_get(report, "ending")), "signal 15"));
}

Test(signals, a_killed_cell_is_told)
{
	struct process process = start("say up spin");
	struct run run;

	cr_assert(process_wait_for(&process, "up\n"));
	kill(child_of(process.pid), SIGKILL);
	run = process_finish(&process);
	cr_assert_eq(run.status, 127);
	cr_assert_str_eq(run.err,
			 "mayfly: the cell was killed by signal 9 (Killed) (out of memory?)\n");
}

Test(signals, a_cell_that_hangs_is_ended_by_the_time_limit)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--timeout=1s", "-f", "elf",
				      guest("act"), "--", "say up spin", NULL},
		false);
	struct run run;

	cr_assert(process_wait_for(&process, "up\n"));
	kill(child_of(process.pid), SIGSTOP);
	run = process_finish(&process);
	cr_assert_eq(run.status, 124);
	cr_assert_str_eq(run.err,
			 "mayfly: the time limit ended the run; the cell did not answer\n");
}

Test(signals, the_cell_dies_with_its_supervisor)
{
	struct process process = start("say up spin");
	pid_t cell;

	cr_assert(process_wait_for(&process, "up\n"));
	cell = child_of(process.pid);
	kill(process.pid, SIGKILL);
	process_finish(&process);
	cr_assert(goes_away(cell));
}

Test(signals, end_it_at_once_where_nobody_reads_what_it_says)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct process process = process_start(
			(const char *const[]){mayfly_path(), "run", "--timeout=2s", "-f", "elf",
					      guest("act"), "--", "say up spin", NULL},
			false);
		bool gone;

		process_fill_err(&process);
		cr_assert(process_wait_for(&process, "up\n"));
		for (unsigned n = 0; n < 9000 && child_of(process.pid) > 0; n++)
			sleep_us(1000);
		cr_assert_eq(child_of(process.pid), 0, "the time limit did not end the cell");
		sleep_us(20000);
		kill(process.pid, all[i]);
		gone = goes_away(process.pid);
		kill(process.pid, SIGKILL);
		cr_assert_eq(process_finish(&process).status, 128 + all[i]);
		cr_assert(gone);
	}
}

/* Strikes one of the two at a moment of a short life. */
static void strike(unsigned moment_us, int signal, bool at_the_cell)
{
	struct process process;
	pid_t cell;

	process = process_start((const char *const[]){mayfly_path(), "run", "-f", "elf", "--report",
						      scratch("kills/report.json"), guest("act"),
						      "--", "flood 1 exit 3", NULL},
				false);
	sleep_us(moment_us);
	cell = child_of(process.pid);
	if (!at_the_cell)
		kill(process.pid, signal);
	else if (cell > 0)
		kill(cell, signal);
	process_finish(&process);
	if (cell > 0)
		cr_assert(goes_away(cell), "moment %u us, signal %d", moment_us, signal);
	cr_assert_leq(count_files(scratch("kills")), 1u, "a report or nothing");
	unlink(scratch("kills/report.json"));
}

Test(signals, at_random_moments_leave_nothing_behind)
{
	static const int kinds[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT};
	char command[256];

	srandom(test_seed());
	snprintf(command, sizeof(command), "mkdir -p %s", scratch("kills"));
	cr_assert_eq(system(command), 0);
	for (unsigned i = 0; i < count_for(200, 2000); i++) {
		unsigned kind = (unsigned)random() % 6;

		strike((unsigned)random() % 12000, kind < 5 ? kinds[kind] : SIGKILL, kind == 5);
	}
}
