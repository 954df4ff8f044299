/* SPDX-License-Identifier: Apache-2.0 */
/* Where guest memory comes from: private pages, a memfd, huge pages, all at once; and pinned vCPUs. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(memory, .init = need_kvm);

#define POOL "/proc/sys/vm/nr_hugepages"

/* Starts a guest that sleeps, and says what /proc has of its cell. */
static struct process start(const char *option, const char *value)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "-m", "64M", option, value, "-f", "elf",
				      guest("act"), "--", "say up sleep", NULL},
		false);

	cr_assert(process_wait_for(&process, "up\n"));
	return process;
}

static char *proc_of_cell(const struct process *process, const char *what)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", child_of(process->pid), what);
	return read_file(path, NULL);
}

static void stop(struct process *process)
{
	kill(process->pid, SIGTERM);
	process_finish(process);
}

Test(memory, is_private_and_given_page_by_page)
{
	struct process process = start("-c", "1");
	char *status = proc_of_cell(&process, "status");

	cr_assert_lt(number_after(status, "VmRSS"), 16384u, "%s", status);
	cr_assert_not(has(proc_of_cell(&process, "maps"), "guest-memory"));
	stop(&process);
}

Test(memory, is_a_memfd_where_asked)
{
	struct process process = start("--memfd", "-c1");

	cr_assert(has(proc_of_cell(&process, "maps"), "/memfd:guest-memory"));
	stop(&process);
}

Test(memory, is_all_there_where_asked)
{
	struct process process = start("--prefault", "-c1");
	char *status = proc_of_cell(&process, "status");

	cr_assert_geq(number_after(status, "VmRSS"), 65536u, "%s", status);
	stop(&process);
}

static unsigned long huge_pages(void)
{
	return strtoul(read_file(POOL, NULL), NULL, 10);
}

static void set_huge_pages(unsigned long n)
{
	FILE *file = fopen(POOL, "w");

	cr_assert(file != NULL);
	fprintf(file, "%lu", n);
	fclose(file);
}

Test(memory, comes_in_huge_pages_where_asked)
{
	unsigned long before;
	struct process process;
	char *status;

	need_root("the host's pool of huge pages");
	before = huge_pages();
	set_huge_pages(before + 40);
	if (huge_pages() < before + 40) {
		set_huge_pages(before);
		cr_skip_test("the host has no 40 huge pages to give");
	}
	process = start("--hugepages", "-c1");
	status = proc_of_cell(&process, "status");
	stop(&process);
	set_huge_pages(before);
	cr_assert_gt(number_after(status, "HugetlbPages"), 0u, "%s", status);
}

Test(memory, in_huge_pages_that_are_not_there_is_refused_before_the_start)
{
	struct run run = RUN("run", "-m", "64G", "--hugepages");

	cr_assert_eq(run.status, 126);
	cr_assert(
		has(run.err,
		    "mayfly: the cell says: --hugepages: 32768 pages of 2 MiB (see vm.nr_hugepages): "),
		"%s", run.err);
	cr_assert_str_eq(run.out, "");
}

/* Many times: the cell dies of it while the supervisor still writes to it. */
Test(memory, that_no_host_has_is_refused)
{
	for (unsigned i = 0; i < 100; i++) {
		struct run run = RUN("run", "-m", "200T");

		cr_assert_eq(run.status, 126, "%u: %s", i, run.err);
		cr_assert(has(run.err, "mayfly: the cell says: --memory: 219902325555200 bytes: "),
			  "%s", run.err);
		free(run.out);
		free(run.err);
	}
}

/* Two vCPUs on one host CPU: each thread may run there and nowhere else. */
Test(memory, pinned_vcpus_stay_on_their_cpus)
{
	struct process process = start("--pin=0", "-c2");
	char *status = proc_of_cell(&process, "status");

	cr_assert(has(status, "Cpus_allowed_list:\t0\n"), "%s", status);
	stop(&process);
}

/* More than a slot of KVM's can have, or a process: either way it is the option that is wrong. */
Test(memory, that_the_host_cannot_give_is_named_with_its_size)
{
	static const char *const sizes[][2] = {{"16T", "17592186044416"},
					       {"100T", "109951162777600"},
					       {"1000T", "1099511627776000"}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct run run = RUN("run", "-m", sizes[i][0]);

		cr_assert_eq(run.status, 126, "%s", run.err);
		cr_assert(has(run.err, "mayfly: the cell says: --memory: "), "%s", run.err);
		cr_assert(has(run.err, sizes[i][1]), "%s", run.err);
	}
}
