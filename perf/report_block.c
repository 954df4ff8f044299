/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/report_block.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/report.h"

#define CPU_LIMIT  1.3 /* times fio */
#define ROUNDS_MIN 5   /* from which on a verdict is one */

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static struct block_spread spread_of(const struct block_figures *figures, size_t offset)
{
	double values[BLOCK_ROUNDS_MAX];
	unsigned n = figures->n_samples;

	if (n == 0)
		return (struct block_spread){0};
	for (unsigned i = 0; i < n; i++)
		memcpy(&values[i], (const char *)&figures->samples[i] + offset, sizeof(values[i]));
	qsort(values, n, sizeof(values[0]), compare);
	return (struct block_spread){(values[(n - 1) / 2] + values[n / 2]) / 2, values[0],
				     values[n - 1]};
}

void block_settle(struct block_figures *figures)
{
	figures->per_second = spread_of(figures, offsetof(struct block_sample, per_second));
	figures->p50_us = spread_of(figures, offsetof(struct block_sample, p50_us));
	figures->p99_us = spread_of(figures, offsetof(struct block_sample, p99_us));
	figures->cpu_us = spread_of(figures, offsetof(struct block_sample, cpu_us));
}

static const struct block_figures *at(const struct block_results *results, unsigned work,
				      unsigned program)
{
	return &results->figures[work * results->n_programs + program];
}

/* NULL: not measured. */
static const struct block_figures *find(const struct block_results *results, unsigned work,
					const char *program)
{
	for (unsigned i = 0; i < results->n_programs; i++)
		if (strcmp(results->programs[i], program) == 0 &&
		    at(results, work, i)->n_samples > 0)
			return at(results, work, i);
	return NULL;
}

static void print_row(const struct block_results *results, unsigned work, unsigned program)
{
	const struct block_figures *figures = at(results, work, program);

	if (figures->n_samples == 0)
		return;
	printf("%-18s %-12s %8.0f (%6.0f-%6.0f) %8.1f %9.1f %8.2f (%6.2f-%6.2f)\n",
	       results->works[work].key, results->programs[program], figures->per_second.median,
	       figures->per_second.least, figures->per_second.most, figures->p50_us.median,
	       figures->p99_us.median, figures->cpu_us.median, figures->cpu_us.least,
	       figures->cpu_us.most);
}

/* Row by row: medians of both. */
static double ratio(const struct block_results *results, unsigned work, const char *peer,
		    size_t offset)
{
	const struct block_figures *ours = find(results, work, "mayfly");
	const struct block_figures *theirs = find(results, work, peer);
	struct block_spread a, b;

	if (ours == NULL || theirs == NULL)
		return 0;
	memcpy(&a, (const char *)ours + offset, sizeof(a));
	memcpy(&b, (const char *)theirs + offset, sizeof(b));
	return b.median > 0 ? a.median / b.median : 0;
}

static void print_ratio(double value)
{
	if (value > 0)
		printf(" %14.2f", value);
	else
		printf(" %14s", "-");
}

static void print_ratios(const struct block_results *results)
{
	printf("\nmayfly / peer, medians%-8s %14s %14s %14s %14s\n", "", "CPU, fio", "fio-batched",
	       "qemu", "rate, qemu");
	for (unsigned i = 0; i < results->n_works; i++) {
		if (results->works[i].is_start)
			continue;
		printf("%-30s", results->works[i].key);
		print_ratio(ratio(results, i, "fio", offsetof(struct block_figures, cpu_us)));
		print_ratio(
			ratio(results, i, "fio-batched", offsetof(struct block_figures, cpu_us)));
		print_ratio(ratio(results, i, "qemu", offsetof(struct block_figures, cpu_us)));
		print_ratio(ratio(results, i, "qemu", offsetof(struct block_figures, per_second)));
		putchar('\n');
	}
}

/* What is promised is about many small requests. */
static bool is_promised(const struct block_work *work)
{
	return work->fio_verb != NULL && work->size == 4096 && work->depth == 32;
}

static void print_targets(const struct block_results *results)
{
	for (unsigned i = 0; i < results->n_works; i++) {
		double cpu = ratio(results, i, "fio", offsetof(struct block_figures, cpu_us));
		double rate = ratio(results, i, "qemu", offsetof(struct block_figures, per_second));

		if (!is_promised(&results->works[i]))
			continue;
		if (cpu > 0)
			printf("%s: CPU  %.2f x fio, at most %.2f: %s\n", results->works[i].key,
			       cpu, CPU_LIMIT, cpu <= CPU_LIMIT ? "met" : "NOT MET");
		if (rate > 0)
			printf("%s: rate %.2f x qemu, at least 1: %s\n", results->works[i].key,
			       rate, rate >= 1 ? "met" : "NOT MET");
	}
}

void block_print(const struct block_results *results)
{
	printf("%-18s %-12s %24s %8s %9s %24s\n", "", "", "a second (least-most)", "p50, us",
	       "p99, us", "CPU us each (least-most)");
	for (unsigned i = 0; i < results->n_works; i++)
		for (unsigned j = 0; j < results->n_programs; j++)
			print_row(results, i, j);
	print_ratios(results);
	putchar('\n');
	print_targets(results);
	report_print_machine();
	if (results->n_rounds < ROUNDS_MIN)
		printf("%u rounds: a verdict needs %u\n", results->n_rounds, ROUNDS_MIN);
}

static json_t *spread_to_json(struct block_spread spread)
{
	return json_pack("{s:f, s:f, s:f}", "median", spread.median, "least", spread.least, "most",
			 spread.most);
}

static json_t *row_to_json(const struct block_results *results, unsigned work, unsigned program)
{
	const struct block_figures *figures = at(results, work, program);

	return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o}", "work",
			 results->works[work].key, "program", results->programs[program], "bytes",
			 (int)results->works[work].size, "depth", (int)results->works[work].depth,
			 "per_second", spread_to_json(figures->per_second), "p50_us",
			 spread_to_json(figures->p50_us), "p99_us", spread_to_json(figures->p99_us),
			 "cpu_us", spread_to_json(figures->cpu_us));
}

static json_t *results_to_json(const struct block_results *results)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < results->n_works; i++)
		for (unsigned j = 0; j < results->n_programs; j++)
			if (at(results, i, j)->n_samples > 0)
				json_array_append_new(rows, row_to_json(results, i, j));
	return json_pack("{s:s, s:o, s:I, s:i, s:i, s:b, s:o}", "benchmark", "block", "machine",
			 report_machine(), "seed", (json_int_t)results->seed, "rounds",
			 (int)results->n_rounds, "seconds", (int)results->seconds, "direct",
			 results->direct, "rows", rows);
}

/* A block for each program, which two empty lines end; a line a work, 0 where it was not measured. */
static void write_data(const struct block_results *results, FILE *file)
{
	for (unsigned j = 0; j < results->n_programs; j++) {
		for (unsigned i = 0; i < results->n_works; i++) {
			const struct block_figures *figures = at(results, i, j);

			if (results->works[i].is_start)
				continue;
			fprintf(file, "\"%s\" \"%s\" %g %g %g %g %g %g\n", results->works[i].key,
				results->programs[j], figures->per_second.median,
				figures->per_second.least, figures->per_second.most,
				figures->cpu_us.median, figures->cpu_us.least,
				figures->cpu_us.most);
		}
		fputs("\n\n", file);
	}
}

int block_write(const struct block_results *results, const char *folder)
{
	FILE *json_file = report_create(folder, "block.json"),
	     *data = report_create(folder, "block.dat");
	json_t *json = results_to_json(results);
	bool written = json_file != NULL && data != NULL;

	if (written) {
		json_dumpf(json, json_file, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		fputc('\n', json_file);
		write_data(results, data);
	}
	json_decref(json);
	if (json_file != NULL && fclose(json_file) != 0)
		written = false;
	if (data != NULL && fclose(data) != 0)
		written = false;
	return written ? 0 : -1;
}
