/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.h - the counters in words: exits and phases, as text and as JSON. Supervisor.
 *
 * They are read once, copied, when the cell is gone; every number in them is the cell's claim.
 */
#ifndef MAYFLY_MONITOR_TABLES_H
#define MAYFLY_MONITOR_TABLES_H

#include <jansson.h>
#include <stdio.h>

#include "base/counters.h"

/* Text: the rows with the most exits first. */
void tables_print_exits(FILE *to, const struct counters *counters, unsigned n_vcpus);
void tables_print_timeline(FILE *to, const struct counters *counters);

/* Digits of a number that is no integer, where JSON is written: microseconds to the nanosecond. */
#define TABLES_DIGITS 12

/* JSON: new references. */
json_t *tables_exits_to_json(const struct counters *counters, unsigned n_vcpus);
json_t *tables_timeline_to_json(const struct counters *counters);

#endif
