/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile guest can make its monitor take of the host, and what its neighbours feel of it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

#define GUEST_KIB 32768     /* its memory, which is no business of ours */
#define PSS_KIB   (8 << 10) /* row 5 of the targets: supervisor and cell, in the worst case */

static void init(void)
{
	need_kvm();
	need_root("to see how much memory a cell has");
}

TestSuite(resources, .init = init, .timeout = 300);

/* What a process has of the host, guest memory not counted. */
struct taken {
	unsigned long pss_kib;
	unsigned n_files, n_threads;
};

/* Over all mappings but the guest's, which is the only one of its size. */
static unsigned long sum_pss(const char *path)
{
	char *smaps = read_file(path, NULL), *line;
	unsigned long sum = 0, size = 0;

	while ((line = strsep(&smaps, "\n")) != NULL) {
		if (strncmp(line, "Size:", 5) == 0)
			size = strtoul(line + 5, NULL, 10);
		else if (strncmp(line, "Pss:", 4) == 0 && size < GUEST_KIB)
			sum += strtoul(line + 4, NULL, 10);
	}
	return sum;
}

static struct taken look_at(pid_t pid)
{
	struct taken taken;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	taken.pss_kib = sum_pss(path);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	taken.n_files = count_files(path);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	taken.n_threads = count_files(path);
	return taken;
}

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
	before = look_at(cell);
	cr_assert(process_wait_for(&process, "done\n"));
	after = look_at(cell);
	supervisor = look_at(process.pid);
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
	cell = look_at(child_of(process.pid));
	supervisor = look_at(process.pid);
	end(&process);
	if (!is_sanitized())
		cr_assert_lt(cell.pss_kib + supervisor.pss_kib, (unsigned long)PSS_KIB);
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
