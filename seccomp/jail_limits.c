/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"

/* The cell's: its socket, KVM, files, two for each vCPU, rings; and the eventfds above them. */
#define DESCRIPTORS_MAX (JAIL_EVENTS + JAIL_EVENTS_MAX)

/* What a program is started with is half of this, and deeper than the cell ever goes. */
#define STACK_MAX (UINT64_C(256) << 10)

/* Beside the guest's memory: the program, stacks, and a kernel that is unpacked. */
#define ADDRESS_SPACE (UINT64_C(1) << 30)

/* Threads that the kernel adds to a process with a VM, and those that are ending. */
#define KERNEL_THREADS 4

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* from Linux 6.4 on */
#endif

/* How long a write takes tells who has the same page; a parent may have offered all of ours. */
static void keep_pages_unmerged(void)
{
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
}

int jail_set_core(struct jail *jail, struct err *err)
{
	if (jail->core == JAIL_CORE_OFF)
		return 0;
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) ==
	    0) {
		jail->holds |= JAIL_HAS_CORE;
		return 0;
	}
	if (jail->core == JAIL_CORE_AUTO)
		return 0;
	return err_host(err, errno, "--core-sched: this kernel or CPU has no core scheduling");
}

/* Whoever starts us may have a lower limit already; or a filter around us that forbids to set one. */
static bool is_within(int resource, rlim_t value)
{
	struct rlimit limit;

	return getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur <= value;
}

int jail_set_limits(const struct jail *jail, const struct jail_limits *limits, struct err *err)
{
	const struct {
		int resource;
		rlim_t value;
		bool is_set;
	} list[] = {
		{RLIMIT_CORE, 0, true},
		{RLIMIT_NOFILE, DESCRIPTORS_MAX, true},
		{RLIMIT_MSGQUEUE, 0, true},
		{RLIMIT_STACK, STACK_MAX, !WITH_SANITIZER},
		{RLIMIT_AS, 2 * limits->memory + limits->disk_memory + ADDRESS_SPACE,
		 !WITH_SANITIZER},
		/* Counted for the id in its namespace; without one, for all the user's processes. */
		{RLIMIT_NPROC, limits->n_threads + KERNEL_THREADS,
		 (jail->holds & JAIL_HAS_USER_NS) != 0},
	};
	int ret = 0;

	keep_pages_unmerged();
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		const struct rlimit limit = {list[i].value, list[i].value};

		if (!list[i].is_set ||
		    setrlimit((__rlimit_resource_t)list[i].resource, &limit) == 0 ||
		    (errno == EPERM && is_within(list[i].resource, list[i].value)))
			continue;
		if (errno != EPERM)
			return err_host(err, errno, "jail: limit %d", list[i].resource);
		if (ret == 0)
			ret = jail_without(jail, err, EPERM, "resource limits");
	}
	return ret;
}
