/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - what the rounds of one program came to. */
#ifndef MAYFLY_PERF_FIGURES_H
#define MAYFLY_PERF_FIGURES_H

#include <stdbool.h>

#include "perf/census.h"
#include "perf/sample.h"

/* A program under measurement. */
struct program {
	const char *key;         /* a word: in the JSON and in the plot's data */
	const char *name;        /* for people */
	const char *const *argv; /* a word that is $NAME stands for that of the environment */
	const char *greeting;    /* what its guest says; NULL: it has none */
	int status;              /* that it ends with */
	bool is_ours;            /* made here: if it cannot run, the benchmark has failed */
};

struct percentiles {
	double p50, p99, max;
};

struct figures {
	const struct program *program;
	struct sample *samples; /* one a round */
	unsigned n_samples;
	struct census census;
	struct percentiles first_ms, end_ms, cpu_ms;
};

/* Fills the percentiles from the samples. */
void figures_settle(struct figures *figures);

#endif
