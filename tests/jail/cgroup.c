/* SPDX-License-Identifier: Apache-2.0 */
/* --cgroup: the cell is in a cgroup of its own with its limits, and nothing of it stays. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

/* Tests go side by side; who looks at PATH itself takes one of his own. */
static const char *path_used = PATH;

/* Where a controller's files are on this host: of version 1, or of the one tree of version 2. */
static const char *folder_of(const char *controller)
{
	static char folder[128];
	bool is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;

	snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s%s%s", is_v2 ? "" : "/",
		 is_v2 ? "" : controller, path_used);
	return folder;
}

static const char *const controllers[] = {"cpu", "memory", "pids", "blkio", "unified"};

static void done(void)
{
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		rmdir(folder_of(controllers[i]));
}

/* A file of the run's cgroup. */
static const char *limit_path(const struct process *process, const char *controller,
			      const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/mayfly-%d/%s", folder_of(controller), (int)process->pid,
		 name);
	return path;
}

/* The value in one, which has another name in each version. */
static const char *limit(const struct process *process, const char *controller, const char *v1,
			 const char *v2)
{
	bool is_v1 = access(limit_path(process, controller, v1), F_OK) == 0;

	return read_file(limit_path(process, controller, is_v1 ? v1 : v2), NULL);
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

static int end(struct process *process)
{
	kill(process->pid, SIGQUIT);
	return process_finish(process).status;
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

/* And for a disk of 32 MiB its memory, for its loop a thread and the kernel's five. */
Test(cgroup, has_fitting_limits_with_a_disk_in_memory)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--cgroup", PATH, "-m", "32M", "-d",
				      "mem:32M", "-f", "elf", guest("act"), "--", "say", "up",
				      "spin", NULL},
		false);

	cr_assert(process_wait_for(&process, "up\n"), "%s", process_finish(&process).err);
	cr_assert_str_eq(limit(&process, "memory", "memory.limit_in_bytes", "memory.max"),
			 "135266304\n");
	cr_assert_str_eq(limit(&process, "pids", "pids.max", "pids.max"), "15\n");
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

/*
 * For all runs in the path, of which one must be there: what mayfly leaves as it is. False: the host
 * has no such file.
 */
static bool set_for_path(const char *controller, const char *v1, const char *v2, const char *value)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder_of(controller), v1);
	if (access(path, F_OK) < 0)
		snprintf(path, sizeof(path), "%s/%s", folder_of(controller), v2);
	file = fopen(path, "r+");
	return file != NULL && fputs(value, file) >= 0 && fclose(file) == 0;
}

#define QUOTA 0.02 /* seconds of each tenth that --cgroup=cpu=20% is */

/*
 * Each period in which it was stopped had its quota used up, however busy the host is; and no period
 * has more, but for what a tick of the host's lets pass.
 */
Test(cgroup, limits_the_cpu_of_a_guest_that_spins)
{
	struct process other, process;
	unsigned long long n_throttled = 0, n_periods;
	char *counts = NULL;
	double used;

	path_used = PATH "-cpu";
	other = start(PATH "-cpu,cpu=20%");
	/* A host that is busy must not give it less than its limit. */
	cr_assert(set_for_path("cpu", "cpu.shares", "cpu.weight", "10000"));
	process = start(PATH "-cpu,cpu=20%");
	for (unsigned i = 0; i < 600 && n_throttled < 10; i++) {
		usleep(100000);
		counts = read_file(limit_path(&process, "cpu", "cpu.stat"), NULL);
		n_throttled = number_after(counts, "nr_throttled");
	}
	cr_assert_geq(n_throttled, 10u, "%s", counts);
	used = time_of(child_of(process.pid));
	cr_assert_gt(used, (double)n_throttled * QUOTA / 2, "%f s, %s", used, counts);
	used = time_of(child_of(process.pid));
	counts = read_file(limit_path(&process, "cpu", "cpu.stat"), NULL);
	n_periods = number_after(counts, "nr_periods");
	cr_assert_lt(used, (double)(n_periods + 5) * QUOTA * 2, "%f s, %s", used, counts);
	end(&process);
	end(&other);
}

Test(cgroup, ends_a_cell_that_wants_too_much_memory)
{
	const char *cgroup = PATH "-small,memory=20M";
	struct process other;
	struct run run;

	path_used = PATH "-small";
	other = start(path_used);
	/* It dies of what it cannot have where there is swap, too. */
	cr_assert(set_for_path("memory", "memory.swappiness", "memory.swap.max", "0") ||
		  strchr(read_file("/proc/swaps", NULL), '/') == NULL);
	run = RUN("run", "--cgroup", cgroup, "-m", "64M", "--prefault");
	cr_assert_eq(run.status, 127, "%s", run.err);
	cr_assert(has(run.err, "killed by signal 9 (Killed) (out of memory?)"), "%s", run.err);
	end(&other);
}

static unsigned count_paths(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		n += access(folder_of(controllers[i]), F_OK) == 0;
	return n;
}

/* By the last run in it; and only what a run made. */
Test(cgroup, is_removed_with_its_path)
{
	struct process first, second;

	path_used = PATH "-removed";
	first = start(path_used);
	second = start(path_used);
	cr_assert_eq(end(&first), 128 + SIGQUIT);
	cr_assert_gt(count_paths(), 0u);
	cr_assert_eq(end(&second), 128 + SIGQUIT);
	cr_assert_eq(count_paths(), 0u);
}

Test(cgroup, leaves_a_path_that_was_there)
{
	unsigned n;

	path_used = PATH "-there";
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		mkdir(folder_of(controllers[i]), 0755);
	n = count_paths();
	cr_assert_gt(n, 0u);
	cr_assert_eq(RUN("run", "--cgroup", path_used).status, 0);
	cr_assert_eq(count_paths(), n);
}

/* Of a number that is nobody's here, but may be somebody's in another pid namespace. */
Test(cgroup, of_another_run_is_left_while_that_lives)
{
	struct process process = start(PATH);
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/mayfly-999999999", folder_of("memory"));
	cr_assert_eq(mkdir(path, 0755), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	cr_assert_eq(RUN("run", "--cgroup", PATH).status, 0);
	cr_assert_eq(access(path, F_OK), 0);
	close(fd);
	cr_assert_eq(RUN("run", "--cgroup", PATH).status, 0);
	cr_assert_neq(access(path, F_OK), 0);
	end(&process);
}

/* Two supervisors in two pid namespaces are both the first there. */
Test(cgroup, has_another_name_where_its_own_is_taken)
{
	const char *const argv[] = {"/usr/bin/unshare",
				    "--pid",
				    "--fork",
				    mayfly_path(),
				    "run",
				    "--timeout=20s",
				    "--cgroup",
				    (PATH "-taken"),
				    "-f",
				    "elf",
				    guest("act"),
				    "--",
				    "say",
				    "up",
				    "spin",
				    NULL};
	struct process first, second;
	char path[256];

	need_program("unshare");
	path_used = PATH "-taken";
	first = process_start(argv, false);
	cr_assert(process_wait_for(&first, "up\n"));
	second = process_start(argv, false);
	cr_assert(process_wait_for(&second, "up\n"));
	snprintf(path, sizeof(path), "%s/mayfly-1", folder_of("memory"));
	cr_assert_eq(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/mayfly-1.1", folder_of("memory"));
	cr_assert_eq(access(path, F_OK), 0);
	kill(child_of(first.pid), SIGTERM);
	kill(child_of(second.pid), SIGTERM);
	process_finish(&first);
	process_finish(&second);
	cr_assert_eq(count_paths(), 0u);
}

Test(cgroup, that_cannot_be_removed_is_named)
{
	struct process process = start(PATH);
	char path[256], words[400];
	struct run run;

	snprintf(path, sizeof(path), "%s/mayfly-%d", folder_of("memory"), (int)process.pid);
	snprintf(words, sizeof(words), "mayfly: --cgroup: %s stays: Device or resource busy\n",
		 path);
	snprintf(path, sizeof(path), "%s/mayfly-%d/x", folder_of("memory"), (int)process.pid);
	cr_assert_eq(mkdir(path, 0755), 0);
	kill(process.pid, SIGQUIT);
	run = process_finish(&process);
	cr_assert_eq(run.status, 128 + SIGQUIT);
	cr_assert(has(run.err, words), "%s", run.err);
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void without_clone3(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) < 0 ||
	    seccomp_load(filter) < 0)
		_exit(96);
}

Test(cgroup, takes_a_cell_that_was_not_born_into_it)
{
	struct process process;
	char path[64], membership[64];

	run_after(without_clone3);
	process = start(PATH);
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)child_of(process.pid));
	snprintf(membership, sizeof(membership), PATH "/mayfly-%d\n", (int)process.pid);
	cr_assert(has(read_file(path, NULL), membership), "%s", read_file(path, NULL));
	cr_assert_eq(end(&process), 128 + SIGQUIT);
	cr_assert_not(is_left(&process));
}

/* What lies over a hierarchy's place is none. */
Test(cgroup, is_found_where_it_can_be_seen)
{
	const char *script = "mount -t cgroup -o memory none \"$0\" && "
			     "mount -t tmpfs none /sys/fs/cgroup/memory && exec \"$@\"";
	const char *place = scratch("memory");
	struct run run;

	need_program("unshare");
	if (access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) < 0)
		cr_skip_test("version 1 has no memory here");
	cr_assert_eq(mkdir(place, 0755), 0);
	run = run_program((const char *const[]){"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
						script, place, mayfly_path(), "run", "--cgroup",
						(PATH ",memory=100M"), NULL},
			  NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
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
