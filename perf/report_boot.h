/* SPDX-License-Identifier: Apache-2.0 */
/* report_boot.h - the boot benchmark's results: a table, JSON, and the data of the plot. */
#ifndef MAYFLY_PERF_REPORT_BOOT_H
#define MAYFLY_PERF_REPORT_BOOT_H

#include "perf/figures.h"

/* A promise about one program's times against another's, both p50. */
struct target {
	const char *name;
	const char *program, *floor; /* keys */
	double limit;
};

struct results {
	const struct figures *figures; /* the rows that were run */
	unsigned n_figures;
	const struct target *targets;
	unsigned n_targets;
	unsigned seed, n_rounds;
};

/* Prints the table, the ratios, and whether each target is met. */
void report_print(const struct results *results);

/* Writes boot.json and boot.dat into the folder. 0 or -1, after saying why. */
int report_write(const struct results *results, const char *folder);

#endif
