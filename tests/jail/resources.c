/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile guest can make its monitor take of the host, and what its neighbours feel of it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"
#include "tests/support/taken.h"

#define PSS_KIB (8 << 10) /* row 5 of the targets: supervisor and cell, in the worst case */

static void init(void)
{
	need_kvm();
	need_root("to see how much memory a cell has");
}

TestSuite(resources, .init = init, .timeout = 300);

static struct process start(const char *option, const char *acts)
{
	return process_start((const char *const[]){mayfly_path(), "run", "-m", "32M", option, "-f",
						   "elf", guest("act"), "--", acts, NULL},
			     true);
}

static void end(struct process *process)
{
	kill(process->pid, SIGQUIT);
	process_finish(process);
}

/* Every way out of the guest, thousands of times, with counting and without. */
static const char hostile[] =
	"say up flood 40 out8 0x80 3000 in8 0x61 3000 out32 0xcf8 2000 mmio-write 0xd0000000 2000 "
	"mmio-read 0xfec00000 2000 mmio-write 0xfec00010 2000 out8 0x64 2000 in8 0x60 2000 "
	"out8 0x3f9 2000 serial-irq edge 300 serial-irq level 300 say done spin";

static void check_growth(const char *option)
{
	struct process process = start(option, hostile);
	struct taken before, after, supervisor;
	pid_t cell;

	cr_assert(process_wait_for(&process, "up\n"));
	cell = child_of(process.pid);
	before = taken_by(cell);
	cr_assert(process_wait_for(&process, "done\n"));
	after = taken_by(cell);
	supervisor = taken_by(process.pid);
	end(&process);
	cr_assert_eq(after.n_files, before.n_files);
	cr_assert_eq(after.n_threads, before.n_threads);
	if (!is_sanitized())
		cr_assert_lt(after.pss_kib + supervisor.pss_kib, (unsigned long)PSS_KIB,
			     "%lu and %lu KiB", after.pss_kib, supervisor.pss_kib);
}

Test(resources, no_exit_makes_the_monitor_grow)
{
	check_growth("-q");
	check_growth("--exits");
}

/* Nobody reads what it says, and it reads nothing of what it is told. */
Test(resources, a_deaf_and_loud_guest_does_not_make_it_grow)
{
	struct process process = start("-q", "say up flood 400 spin");
	struct taken cell, supervisor;
	char input[4096];

	memset(input, 'x', sizeof(input));
	cr_assert(process_wait_for(&process, "up\n"));
	for (unsigned i = 0; i < 10; i++)
		cr_assert_gt(write(process.in, input, sizeof(input)), 0);
	sleep(2);
	cell = taken_by(child_of(process.pid));
	supervisor = taken_by(process.pid);
	end(&process);
	if (!is_sanitized())
		cr_assert_lt(cell.pss_kib + supervisor.pss_kib, (unsigned long)PSS_KIB);
}

#define NEARLY_ALL 61440 /* of what a pipe takes */

/* Until it waits for a reader, in the middle of its last words. */
static void wait_until_full(int pipe)
{
	int n = 0;

	for (unsigned turn = 0; turn < 3000 && n < NEARLY_ALL; turn++) {
		cr_assert_eq(ioctl(pipe, FIONREAD, &n), 0);
		usleep(10000);
	}
	cr_assert_geq(n, NEARLY_ALL);
}

/* The cell of 32 vCPUs makes all its memory its own, and the supervisor has to tell what it counted. */
static void fill_everything(const char *option, const char *value, int told_by)
{
	char attacker[256], status[64];
	struct process process;
	unsigned long cell, supervisor;

	snprintf(attacker, sizeof(attacker), "%.*sattacker",
		 (int)(strrchr(mayfly_path(), '/') + 1 - mayfly_path()), mayfly_path());
	process = process_start((const char *const[]){attacker, "run", "-m", "32M", "-c", "32",
						      option, value, "--", "everything", "all", "0",
						      "0", NULL},
				false);
	cr_assert(process_wait_for(&process, "full\n"));
	cell = taken_by(child_of(process.pid)).pss_kib;
	supervisor = taken_by(process.pid).pss_kib;
	cr_expect_lt(cell + supervisor, (unsigned long)PSS_KIB, "%lu and %lu KiB", cell,
		     supervisor);
	kill(process.pid, SIGQUIT);
	wait_until_full(told_by >= 0 ? told_by : process.err);
	snprintf(status, sizeof(status), "/proc/%d/status", (int)process.pid);
	supervisor = number_after(read_file(status, NULL), "VmHWM");
	cr_expect_lt(supervisor, (unsigned long)PSS_KIB, "%s: %lu KiB", option, supervisor);
	kill(process.pid, SIGKILL);
	process_finish(&process);
}

Test(resources, a_cell_that_fills_all_there_is_stays_small_and_so_do_its_tables)
{
	const char *path = scratch("report");
	int report;

	if (is_sanitized())
		cr_skip_test("a sanitizer has memory of its own");
	cr_assert_eq(mkfifo(path, 0600), 0);
	report = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cr_assert_geq(report, 0);
	fill_everything("--exits", "-v", -1);
	fill_everything("--exits=json", "--timeline=json", -1);
	fill_everything("--report", path, report);
}

/* The table of a fixed guest's exits, without the line of what KVM counted. */
static char *count_exits(void)
{
	struct run run = RUN("run", "--exits", "-f", "elf", guest("act"), "--", "say", "hello",
			     "out8", "0x80", "500", "mmio-read", "0xd0000000", "100", "in8",
			     "0x3fd", "50");
	char *last;

	cr_assert_eq(run.status, 0, "%s", run.err);
	last = strstr(run.err, " to user space");
	cr_assert(last != NULL, "%s", run.err);
	*last = '\0';
	return run.err;
}

Test(resources, a_neighbours_flood_does_not_show_in_the_counts)
{
	char *alone = count_exits(), *beside;
	struct process flood = start("-q", "flood 4000 spin"),
		       noise = start("-q", "out8 0x80 4000000 spin");

	beside = count_exits();
	end(&flood);
	end(&noise);
	cr_assert_str_eq(alone, beside);
}
