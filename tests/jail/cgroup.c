/* SPDX-License-Identifier: Apache-2.0 */
/* --cgroup: the cell is in a cgroup of its own with its limits, and nothing of it stays. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

#define PATH "/mayfly-test"

static void init(void)
{
	need_kvm();
	need_root("to make cgroups");
	if (access("/sys/fs/cgroup", W_OK) < 0)
		cr_skip_test("there are no cgroups here");
}

static void done(void);

TestSuite(cgroup, .init = init, .fini = done, .timeout = 120);

/* Where a controller's files are on this host: of version 1, or of the one tree of version 2. */
static const char *folder_of(const char *controller)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s" PATH, controller);
	if (access(path, F_OK) < 0)
		snprintf(path, sizeof(path), "/sys/fs/cgroup" PATH);
	return path;
}

static const char *const controllers[] = {"cpu", "memory", "pids", "blkio", "unified"};

static void done(void)
{
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		rmdir(folder_of(controllers[i]));
}

/* The value in a file of the run's cgroup; it has another name in each version. */
static const char *limit(const struct process *process, const char *controller, const char *v1,
			 const char *v2)
{
	const char *folder = folder_of(controller);
	char path[256];

	snprintf(path, sizeof(path), "%s/mayfly-%d/%s", folder, (int)process->pid, v1);
	if (access(path, F_OK) < 0)
		snprintf(path, sizeof(path), "%s/mayfly-%d/%s", folder, (int)process->pid, v2);
	return read_file(path, NULL);
}

static struct process start(const char *cgroup)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--cgroup", cgroup, "-m", "32M", "-f",
				      "elf", guest("act"), "--", "say", "up", "spin", NULL},
		false);

	cr_assert(process_wait_for(&process, "up\n"), "%s", process_finish(&process).err);
	return process;
}

static bool is_left(const struct process *process)
{
	char path[256];

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		snprintf(path, sizeof(path), "%s/mayfly-%d", folder_of(controllers[i]),
			 (int)process->pid);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

Test(cgroup, holds_the_cell_with_the_limits_asked_for)
{
	struct process process = start(PATH ",cpu=50%,memory=100M,pids=9");
	char membership[64], *cell;

	snprintf(membership, sizeof(membership), "/proc/%d/cgroup", (int)child_of(process.pid));
	cell = read_file(membership, NULL);
	snprintf(membership, sizeof(membership), PATH "/mayfly-%d\n", (int)process.pid);
	cr_assert(has(cell, membership), "%s", cell);
	cr_assert_str_eq(limit(&process, "memory", "memory.limit_in_bytes", "memory.max"),
			 "104857600\n");
	cr_assert_str_eq(limit(&process, "pids", "pids.max", "pids.max"), "9\n");
	cr_assert(has(limit(&process, "cpu", "cpu.cfs_quota_us", "cpu.max"), "50000"));
	kill(process.pid, SIGQUIT);
	cr_assert_eq(process_finish(&process).status, 128 + SIGQUIT);
	cr_assert_not(is_left(&process));
}

/* 32 MiB, a 64th of it, 64 MiB; one vCPU and 8. */
Test(cgroup, has_fitting_limits_of_its_own)
{
	struct process process = start(PATH);

	cr_assert_str_eq(limit(&process, "memory", "memory.limit_in_bytes", "memory.max"),
			 "101187584\n");
	cr_assert_str_eq(limit(&process, "pids", "pids.max", "pids.max"), "9\n");
	kill(process.pid, SIGQUIT);
	process_finish(&process);
	cr_assert_not(is_left(&process));
}

/* Its time on the CPU, in seconds. */
static double time_of(pid_t pid)
{
	char path[64], *rest;
	unsigned long ticks;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	rest = strrchr(read_file(path, NULL), ')') + 2;
	for (unsigned i = 0; i < 11; i++)
		strsep(&rest, " ");
	ticks = strtoul(rest, &rest, 10);
	ticks += strtoul(rest, NULL, 10);
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

Test(cgroup, limits_the_cpu_of_a_guest_that_spins)
{
	struct process process = start(PATH ",cpu=20%");
	double before = time_of(child_of(process.pid)), used;

	sleep(2);
	used = time_of(child_of(process.pid)) - before;
	cr_assert_lt(used, 1.0, "%f of 2 seconds", used);
	kill(process.pid, SIGQUIT);
	process_finish(&process);
}

Test(cgroup, ends_a_cell_that_wants_too_much_memory)
{
	const char *cgroup = PATH ",memory=20M";
	struct run run = RUN("run", "--cgroup", cgroup, "-m", "64M", "--prefault");

	cr_assert_eq(run.status, 127, "%s", run.err);
	cr_assert(has(run.err, "killed by signal 9 (Killed) (out of memory?)"), "%s", run.err);
}

/* By the first one after its cell has died, which takes a moment. */
Test(cgroup, of_a_run_that_was_killed_goes_with_a_later_one)
{
	struct process process = start(PATH);

	kill(process.pid, SIGKILL);
	process_finish(&process);
	for (unsigned i = 0; i < 50 && is_left(&process); i++) {
		cr_assert_eq(RUN("run", "--cgroup", PATH).status, 0);
		usleep(20000);
	}
	cr_assert_not(is_left(&process));
}

Test(cgroup, that_cannot_be_is_named)
{
	struct run run = RUN("run", "--cgroup", "/none/of/these");

	cr_assert_eq(run.status, 126, "%s", run.err);
	cr_assert(has(run.err, "mayfly: --cgroup: "), "%s", run.err);
	cr_assert(has(run.err, "/none/of/these: No such file or directory\n"), "%s", run.err);
}
