/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.h - one run of a program, timed from outside as its user sees it.
 *
 * The clock starts before the process is made. The program is started by posix_spawn(), which copies
 * no page tables, so the size of this process does not count.
 */
#ifndef MAYFLY_PERF_SAMPLE_H
#define MAYFLY_PERF_SAMPLE_H

#include <stdbool.h>

struct sample {
	double first_ms; /* to the guest's first byte on standard output; 0 where there is none */
	double end_ms;   /* to the end of the process, as its parent learns of it */
	double cpu_ms;   /* of the process and its children */
};

/*
 * Runs `argv` to its end. `greeting` is what the guest says first, or NULL for a program without a
 * guest; `status` is how the program should end. False, after saying why, where it did otherwise.
 */
bool sample_take(const char *const argv[], const char *greeting, int status,
		 struct sample *ret_sample);

/* The numbers below `n` in an order by random(). */
void sample_order(unsigned *ret_order, unsigned n);

/* What the last run wrote to standard output, up to the next one. */
const char *sample_output(void);

#endif
