/* SPDX-License-Identifier: Apache-2.0 */
/*
 * values.h - values as users write them. Each takes the whole text or says what is wrong with it:
 * -EINVAL, with `ret_value` untouched. Supervisor.
 */
#ifndef MAYFLY_MONITOR_VALUES_H
#define MAYFLY_MONITOR_VALUES_H

#include <stdint.h>

#include "base/err.h"
#include "seccomp/cgroup.h"

/* Bytes: digits, then nothing or K, M, G, T (powers of 1,024). */
MUST_CHECK int value_size(const char *text, uint64_t *ret_bytes, struct err *err);

/* Nanoseconds: digits, then ms, s or m. Not 0, and so few that they can be added to a clock's. */
MUST_CHECK int value_time(const char *text, uint64_t *ret_ns, struct err *err);

/* A numeric user or group id; not the largest, which stands for none. */
MUST_CHECK int value_id(const char *text, uint32_t *ret_id, struct err *err);

/* PATH[,cpu=N%][,memory=SIZE][,pids=N][,io=WEIGHT]; the path is absolute and has no "..". */
MUST_CHECK int value_cgroup(const char *text, struct cgroup_limits *ret_limits, struct err *err);

/* A number from 1 to `max`. */
MUST_CHECK int value_count(const char *text, unsigned max, unsigned *ret_count, struct err *err);

/* The index of one of the names, which end with NULL. */
MUST_CHECK int value_choice(const char *text, const char *const *names, int *ret_index,
			    struct err *err);

/* Host CPUs as in 0,2-3; VM_PINS_MAX of them at most. */
MUST_CHECK int value_cpus(const char *text, unsigned *ret_n, uint16_t *ret_cpus, struct err *err);

#endif
