/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the memory that a cell has beside its guest's: each page of it is made the host's own, and the
 * counters are filled, as if every vCPU had left its guest from everywhere.
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/vcpu.h"
#include "tests/jail/attacker/attacks.h"

#define PAGE 4096

extern char __data_start[], _end[];

static void touch(volatile char *first, const volatile char *end)
{
	for (volatile char *page = first; page < end; page += PAGE)
		*page = *page;
}

/* A wait for another value than is there. The kernel looks, and makes a stack grow as we would. */
static bool is_there(volatile char *page)
{
	static const struct timespec at_once;

	return syscall(SYS_futex, page, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0x5a5a5a5a, &at_once) ==
		       0 ||
	       errno != EFAULT;
}

/* Down to where it ends. */
static void touch_stack(void)
{
	volatile char here = 0;
	volatile char *page = &here - (uintptr_t)&here % PAGE;

	for (; is_there(page); page -= PAGE)
		*page = *page;
}

static void fill(struct vcpu_counters *counters, unsigned vcpu)
{
	counters->n_exits = counters->n_lost = UINT64_MAX;
	counters->kvm = (struct kvm_counts){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
					    UINT64_MAX};
	for (unsigned i = 0; i < COUNTERS_ROWS; i++)
		counters->rows[i] = (struct exit_row){
			.key = {.reason = EXIT_INTERNAL_ERROR,
				.device = DEVICE_BOOT_TIMER,
				.address = UINT64_MAX,
				.rip = UINT64_MAX - COUNTERS_ROWS * (uint64_t)vcpu - i},
			.count = UINT64_MAX - i};
}

/* By all vCPUs, each of which has a stack. The last one says so. */
static int everything(const struct scene *scene)
{
	static _Atomic unsigned n_done;
	struct counters *counters = scene->vcpu->env->counters;
	const unsigned vcpu = scene->vcpu->index;

	touch_stack();
	if (counters != NULL)
		fill(&counters->vcpus[vcpu], vcpu);
	if (vcpu == 0)
		touch(__data_start, _end);
	if (atomic_fetch_add(&n_done, 1) + 1 == scene->n_vcpus)
		(void)!write(scene->output, "full\n", 5);
	wait_for_the_end();
}

const struct attack attacks_on_memory[] = {
	{.name = "everything", .make = everything},
	{0},
};
