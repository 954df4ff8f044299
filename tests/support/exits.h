/* SPDX-License-Identifier: Apache-2.0 */
/* exits.h - the exits that a run counted, out of its report. */
#ifndef MAYFLY_TESTS_EXITS_H
#define MAYFLY_TESTS_EXITS_H

#include <jansson.h>

/* The exits in a report; fails the test where there are none. */
json_t *exits_load(const char *report_path);

/* The sum of the rows of this reason, device and register; NULL stands for any. */
long long exits_sum(json_t *exits, const char *reason, const char *device, const char *reg);

/* One of KVM's own counts. */
long long exits_of_kvm(json_t *exits, const char *name);

#endif
