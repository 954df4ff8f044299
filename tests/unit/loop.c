/* SPDX-License-Identifier: Apache-2.0 */
/* A loop's thread: how it begins, ends and fails. This thread is the control thread. */
#include "monitor/loop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/faults.h"

static struct kvm_run run;
static struct vcpu_env env;
static struct vcpu control = {.run = &run, .env = &env};
static const struct jail jail = {.mode = JAIL_OFF};
static struct ending_box ending;
static struct loop loop;

static void set_up(void)
{
	struct err err;

	env.process = getpid();
	vcpu_adopt_thread(&control);
	cr_assert_eq(vcpu_install_handler(VCPU_KICK_SIGNAL, &err), 0);
	cr_assert_eq(loop_open(&loop, 0, &err), 0, "%s", err.text);
	cr_assert_eq(loop_init(&loop, eventfd(0, EFD_CLOEXEC), &err), 0, "%s", err.text);
	loop.jail = &jail;
	loop.ending = &ending;
	loop.control = &control;
	loop.arm_at = clock_ns();
	cr_assert_eq(loop_seal(&loop, &err), 0, "%s", err.text);
}

TestSuite(loop, .init = set_up, .timeout = 30);

static void start(void)
{
	struct err err;

	cr_assert_eq(loop_start(&loop, &err), 0, "%s", err.text);
}

/* The test's time limit is for those that never are. */
static void await(const _Atomic bool *flag)
{
	while (!atomic_load(flag))
		sched_yield();
}

Test(loop, stops_when_it_is_told)
{
	start();
	await(&loop.sealed);
	cr_assert_not(atomic_load(&loop.stopped));
	loop_stop(&loop);
	await(&loop.stopped);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
}

Test(loop, stops_that_was_told_before_it_began)
{
	loop_stop(&loop);
	start();
	await(&loop.stopped);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
}

/* A guest that sleeps would never look into the box. */
Test(loop, calls_the_control_thread_where_it_cannot_go_on)
{
	uint32_t error;

	faults_fail_enter(1, EBADF);
	start();
	await(&control.signalled);
	cr_assert_eq(ending_get(&ending, &error), END_HOST_ERROR);
	cr_assert_eq(error, EBADF);
	await(&loop.stopped);
}
