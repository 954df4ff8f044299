/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - what the reports of all benchmarks have: where it ran, under which load, and files. */
#ifndef MAYFLY_PERF_REPORT_H
#define MAYFLY_PERF_REPORT_H

#include <jansson.h>
#include <stdio.h>

/* Kernel, what KVM stands on, processors, and how busy it is now. */
json_t *report_machine(void);
void report_print_machine(void);

/* Creates a file; NULL, after saying why, where it cannot. */
FILE *report_create(const char *folder, const char *name);

#endif
