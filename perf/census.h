/* SPDX-License-Identifier: Apache-2.0 */
/*
 * census.h - what a run of a program consists of: system calls, tasks, memory. Counted under ptrace,
 * so apart from the timed runs.
 */
#ifndef MAYFLY_PERF_CENSUS_H
#define MAYFLY_PERF_CENSUS_H

#include <stdbool.h>

#define CENSUS_GUEST_MEMORY_KIB (128L * 1024) /* what every guest gets */

struct census {
	unsigned n_calls; /* system calls, from the end of execve() on, of all tasks */
	unsigned n_tasks; /* processes and threads */
	long rss_kib;     /* peak, of all processes together, guest memory included */
	long pss_kib;     /* of all processes together, when a task of theirs ends, the most of it;
			     without mappings as large as the guest's memory. 0: may not be read */
};

/* Runs `argv` to its end, with its output thrown away. False, after saying why, where it cannot. */
bool census_take(const char *const argv[], struct census *ret_census);

#endif
