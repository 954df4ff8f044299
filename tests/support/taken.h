/* SPDX-License-Identifier: Apache-2.0 */
/* taken.h - what a process has of the host. */
#ifndef MAYFLY_TESTS_TAKEN_H
#define MAYFLY_TESTS_TAKEN_H

#include <sys/types.h>

#define TAKEN_GUEST_KIB                                                                            \
	32768 /* a mapping this large is a guest's memory, which is no business of ours */

struct taken {
	unsigned long pss_kib; /* guest memory not counted */
	unsigned n_files, n_threads;
};

/* Of a process whose smaps we may read. */
struct taken taken_by(pid_t pid);

#endif
