/* SPDX-License-Identifier: Apache-2.0 */
/* report_block.h - the block benchmark's results: a table, JSON, and the data of the plot. */
#ifndef MAYFLY_PERF_REPORT_BLOCK_H
#define MAYFLY_PERF_REPORT_BLOCK_H

#include <stdbool.h>

#define BLOCK_ROUNDS_MAX 100

/* What is asked of the disk, again and again. */
struct block_work {
	const char *key;      /* in the JSON and the plot's data */
	const char *verb;     /* the guest's */
	const char *fio_verb; /* NULL: fio has none like it */
	unsigned size;        /* bytes of a request */
	unsigned depth;       /* in flight */
	bool is_start;        /* one request: what it costs to start and to end */
};

/* One run. */
struct block_sample {
	double per_second;
	double p50_us, p99_us; /* of a request's time, by the one who sends it */
	double cpu_us;         /* user and system, of all processes, for each request */
};

/* Of the rounds. */
struct block_spread {
	double median, least, most;
};

/* What one program did with one work. */
struct block_figures {
	struct block_sample samples[BLOCK_ROUNDS_MAX]; /* one a round; none: not measured */
	unsigned n_samples;
	struct block_spread per_second, p50_us, p99_us, cpu_us;
};

struct block_results {
	const struct block_work *works;
	unsigned n_works;
	const char *const *programs; /* keys */
	unsigned n_programs;
	struct block_figures *figures; /* n_works rows of n_programs */
	unsigned n_rounds, seed, seconds;
	bool direct;
};

/* Fills the spreads from the samples. */
void block_settle(struct block_figures *figures);

void block_print(const struct block_results *results);

/* Writes block.json and block.dat into the folder. 0 or -1, after saying why. */
int block_write(const struct block_results *results, const char *folder);

#endif
