/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks from inside a closed cell, as root and as an ordinary user, from each role's thread; and
 * what the supervisor does with a cell that lies. Each attack must come through with --jail=off, or
 * it proves nothing.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/jail/attacker/attacks.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define SOMEBODY     1234 /* an ordinary user */
#define CAME_THROUGH 1
#define FAILED       0
#define LACKING      2
#define KILLED       127
#define ENOUGH       40 /* row 16 of the targets */

static const char *attacker;
static pid_t victim;

/* What an open cell may fail at, too, for the kernel may not have it. All else comes through there. */
static const struct {
	const char *name, *why;
} not_everywhere[] = {
	{"dev-mem", "a host without /dev/mem, as in most containers"},
	{"socket-alg", "a kernel without CONFIG_CRYPTO_USER_API, or with no module loaded"},
	{"socket-vsock", "a kernel without CONFIG_VSOCKETS, or with no module loaded"},
	{"iopl", "a kernel without CONFIG_X86_IOPL_IOPERM"},
};

/* A cell of another run, which it is all the same to be kicked. */
static void start_victim(void)
{
	static char path[256];

	need_kvm();
	if (is_sanitized())
		cr_skip_test("a sanitizer's build has no filters");
	snprintf(path, sizeof(path), "%.*sattacker",
		 (int)(strrchr(mayfly_path(), '/') + 1 - mayfly_path()), mayfly_path());
	attacker = public_copy(path);
	victim = fork();
	if (victim == 0) {
		signal(SIGUSR2, SIG_IGN);
		for (;;)
			pause();
	}
}

static void end_victim(void)
{
	kill(victim, SIGKILL);
}

TestSuite(attacks, .init = start_victim, .fini = end_victim, .timeout = 600);

/* The shell's pid becomes the supervisor's: the attack is told it as its last word. */
static struct run attack_among(const char *n_vcpus, const char *name, const char *jail,
			       const char *vcpu)
{
	char victim_word[16];

	snprintf(victim_word, sizeof(victim_word), "%d", (int)victim);
	return run_program(
		(const char *const[]){"/bin/sh", "-c", "exec \"$0\" \"$@\" $$", attacker, "run",
				      "--timeout", "20s", "-c", n_vcpus, jail,
				      strcmp(vcpu, "loop") == 0 ? "--rng=on" : "--rng=off", "--",
				      name, vcpu, victim_word, NULL},
		NULL);
}

static struct run attack_from(const char *name, const char *jail, const char *vcpu)
{
	return attack_among("2", name, jail, vcpu);
}

/* Did the jail hold? By its filter, or because the call failed. */
static bool holds(const struct run *run)
{
	return (run->status == KILLED && has(run->err, "killed by its system-call filter")) ||
	       run->status == FAILED;
}

static bool may_lack(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(not_everywhere); i++)
		if (strcmp(not_everywhere[i].name, name) == 0) {
			cr_log_info("%s: %s\n", name, not_everywhere[i].why);
			return true;
		}
	return false;
}

/* vCPU 0's, which is the control thread, too; another vCPU's; a loop's. */
static const char *const threads[] = {"0", "1", "loop"};

static unsigned make_all(const struct attack *attacks, bool as_root)
{
	unsigned n_proven = 0;

	for (const struct attack *attack = attacks; attack->name != NULL; attack++) {
		struct run free = attack_from(attack->name, "--jail=off", "0");

		if (as_root || !attack->for_root)
			cr_expect(free.status == CAME_THROUGH ||
					  (free.status == LACKING && may_lack(attack->name)),
				  "%s proves nothing: %d, %s", attack->name, free.status, free.err);
		n_proven += free.status == CAME_THROUGH;
		for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
			struct run closed = attack_from(attack->name, "--jail=default", threads[i]);

			cr_expect(holds(&closed), "%s on thread %s: %d, %s", attack->name,
				  threads[i], closed.status, closed.err);
		}
	}
	return n_proven;
}

static unsigned make_all_kinds(bool as_root)
{
	return make_all(attacks_on_files, as_root) + make_all(attacks_on_processes, as_root) +
	       make_all(attacks_on_the_kernel, as_root) + make_all(attacks_on_kvm, as_root);
}

Test(attacks, from_roots_cell_fail)
{
	need_root("its cell is what is tried");
	cr_expect_geq(make_all_kinds(true), ENOUGH);
}

Test(attacks, from_a_users_cell_fail)
{
	if (geteuid() == 0)
		run_as(SOMEBODY);
	cr_expect_geq(make_all_kinds(false), ENOUGH);
}

/* The last of three threads is kept from its final filter for a while: no guest runs meanwhile. */
Test(attacks, begin_when_every_thread_is_under_its_filter)
{
	struct run run = attack_among("3", "unsealed", "--jail=default", "0");

	cr_assert_eq(run.status, FAILED, "%d %s", run.status, run.err);
}

Test(attacks, are_named_in_trace_mode)
{
	struct run run = attack_from("socket-tcp", "--jail=trace", "0");

	cr_assert_eq(run.status, KILLED, "%s", run.err);
	cr_assert(has(run.err, "control thread made system call 41 (socket)"), "%s", run.err);
	run = attack_from("mmap", "--jail=trace", "0");
	cr_assert(has(run.err, "control thread made system call 9 (mmap)"), "%s", run.err);
	run = attack_from("socket-tcp", "--jail=trace", "1");
	cr_assert(has(run.err, "vCPU thread made system call 41 (socket)"), "%s", run.err);
}

/* What each lie comes to. */
static const struct {
	const char *name;
	int status;
	const char *said;
} endings[] = {
	{"unknown-type", 127, "the cell broke its protocol and was killed"},
	{"empty", 127, "the cell broke its protocol and was killed"},
	{"hang-up", 127, "the cell closed its socket, lived on and was killed"},
	{"cut", 127, "the cell broke its protocol and was killed"},
	{"long-winded", 127, "the cell broke its protocol and was killed"},
	{"wish-too-early", 127, "the cell broke its protocol and was killed"},
	{"wish-for-nothing", 127, "the cell broke its protocol and was killed"},
	{"wish-for-too-much", 127, "the cell broke its protocol and was killed"},
	{"wish-twice", 127, "the cell broke its protocol and was killed"},
	{"jailed-again", 127, "the cell broke its protocol and was killed"},
	{"resolved", 127, "the cell broke its protocol and was killed"},
	{"no-keyboard", 127, "the cell broke its protocol and was killed"},
	{"runs-again", 127, "the cell broke its protocol and was killed"},
	{"failed-too-late", 127, "the cell broke its protocol and was killed"},
	{"evil-text", 125, "mayfly: the cell says: ?[2J?xxx"},
	{"evil-ending", 127, "the cell ended for no reason that is known"},
	{"stopped-by-nobody", 127, "the cell broke its protocol and was killed"},
	{"ended-too-early", 127, "the cell broke its protocol and was killed"},
	{"flood", 127, "the cell broke its protocol and was killed"},
	{"pass-descriptor", 127, "the cell broke its protocol and was killed"},
	{"silent", 124, "the time limit ended the run; the cell did not answer"},
	{"gone", 127, "the cell ended with status 0 without a word"},
};

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text != '\n' && (*text < ' ' || *text > '~'))
			return false;
	return true;
}

Test(attacks, lies_end_the_cell_and_do_no_harm)
{
	for (size_t i = 0; i < ARRAY_LEN(endings); i++)
		for (unsigned open = 0; open < 2; open++) {
			/* The filter lets no descriptor out. */
			bool passes = strcmp(endings[i].name, "pass-descriptor") == 0;
			struct run run = run_program(
				(const char *const[]){attacker, "run", "--timeout", "1s",
						      open ? "--jail=off" : "--jail=default", "--",
						      endings[i].name, "0", "0", "0", NULL},
				NULL);

			cr_expect_eq(run.status, endings[i].status, "%s: %d, %s", endings[i].name,
				     run.status, run.err);
			cr_expect(is_printable(run.err), "%s: %s", endings[i].name, run.err);
			if (open || !passes)
				cr_expect(has(run.err, endings[i].said), "%s: %s", endings[i].name,
					  run.err);
		}
}

/* Input without end for a cell that reads none: the supervisor neither waits nor grows. */
Test(attacks, a_cell_that_reads_nothing_is_ended)
{
	struct run run = run_program(
		(const char *const[]){"/bin/sh", "-c", "yes | exec \"$0\" \"$@\"", attacker, "run",
				      "--timeout", "10s", "--", "deaf", "0", "0", "0", NULL},
		NULL);

	cr_assert_eq(run.status, 127, "%d %s", run.status, run.err);
	cr_assert(has(run.err, "broke its protocol"), "%s", run.err);
}

/* An answer for each wish, and no more wishes heard than the supervisor has time for. */
Test(attacks, a_cell_that_asks_as_fast_as_it_can_is_slowed_down)
{
	struct run run = run_program(
		(const char *const[]){"/bin/sh", "-c", "yes | exec \"$0\" \"$@\"", attacker, "run",
				      "--jail=off", "--", "greedy", "0", "0", "0", NULL},
		NULL);

	cr_assert_eq(run.status, FAILED, "%d %s", run.status, run.err);
}

/* A report is written, too, of a run that never came to its guest. */
Test(attacks, a_report_says_what_the_cell_failed_for)
{
	const char *path = scratch("report.json");
	struct run run = run_program((const char *const[]){attacker, "run", "--report", path, "--",
							   "evil-text", "0", "0", "0", NULL},
				     NULL);
	char *report = read_file(path, NULL);

	cr_assert_eq(run.status, 125, "%d %s", run.status, run.err);
	cr_assert(has(report, "\"ending\": \"the cell says: ?[2J?xxx"), "%s", report);
	cr_assert(has(report, "\"exit_status\": 125"), "%s", report);
	cr_assert(has(report, "\"filters\": true"), "%s", report);
}
