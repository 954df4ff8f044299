/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core scheduling: a cookie for each microVM, so that no two of them are on one core at a time. Only a
 * host with SMT has it; the NPT lab boots one for this program.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

static int read_cookie(pid_t pid, uint64_t *ret_cookie)
{
	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, PR_SCHED_CORE_SCOPE_THREAD,
		     (unsigned long)ret_cookie);
}

static bool has_core_scheduling(void)
{
	uint64_t cookie;

	return read_cookie(0, &cookie) == 0;
}

TestSuite(core, .init = need_kvm, .timeout = 120);

static struct process start(const char *when)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "-f", "elf", "--core-sched", when,
				      guest("act"), "--", "say", "up", "spin", NULL},
		false);

	cr_assert(process_wait_for(&process, "up\n"), "%s", process_finish(&process).err);
	return process;
}

static uint64_t cookie_of(const struct process *process)
{
	uint64_t cookie = 0;

	cr_assert_eq(read_cookie(child_of(process->pid), &cookie), 0, "%s", strerror(errno));
	return cookie;
}

static void end(struct process *process)
{
	kill(process->pid, SIGQUIT);
	process_finish(process);
}

Test(core, each_cell_has_a_cookie_of_its_own)
{
	struct process one, two, none;

	if (!has_core_scheduling())
		cr_skip_test("no SMT, or no core scheduling: %s", strerror(errno));
	need_root("to see the cookies");
	one = start("auto");
	two = start("on");
	none = start("off");
	cr_assert_neq(cookie_of(&one), 0u);
	cr_assert_neq(cookie_of(&two), 0u);
	cr_assert_neq(cookie_of(&one), cookie_of(&two));
	cr_assert_eq(cookie_of(&none), 0u);
	end(&one);
	end(&two);
	end(&none);
}

Test(core, where_there_is_none_is_said_when_it_was_asked_for)
{
	struct run run;

	if (has_core_scheduling())
		cr_skip_test("this host has it");
	cr_assert_eq(RUN("run", "--core-sched=auto").status, 0);
	run = RUN("run", "--core-sched=on");
	cr_assert_eq(run.status, 126);
	cr_assert(has(run.err, "mayfly: --core-sched: this kernel or CPU has no core scheduling: "),
		  "%s", run.err);
}
