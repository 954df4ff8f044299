/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash_report.h - a dead vCPU in words: registers, bytes at RIP, page walks, and a hint.
 * Supervisor.
 */
#ifndef MAYFLY_MONITOR_CRASH_REPORT_H
#define MAYFLY_MONITOR_CRASH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "monitor/crash.h"
#include "monitor/ending.h"

/* The same for --report; a new reference. */
json_t *crash_to_json(const struct crash *crash, enum end_reason reason);

/* Prints several lines. `crash` comes from the cell: numbers, bounded here once more. */
void crash_print(FILE *to, const struct crash *crash, enum end_reason reason);

#endif
