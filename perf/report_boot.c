/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/report_boot.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "perf/report.h"

#define NAME_WIDTH 24
#define ROUNDS_MIN 50 /* from which on the p50 of two runs agree */

/* Is this one of mayfly's own rows? The ratios compare those with everything else. */
static bool is_mayfly(const struct figures *figures)
{
	return strncmp(figures->program->key, "mayfly", strlen("mayfly")) == 0;
}

static const struct figures *find(const struct results *results, const char *key)
{
	for (unsigned i = 0; i < results->n_figures; i++)
		if (strcmp(results->figures[i].program->key, key) == 0)
			return &results->figures[i];
	return NULL;
}

static void print_times(struct percentiles ms)
{
	if (ms.p50 > 0)
		printf(" %8.3f %8.3f", ms.p50, ms.p99);
	else
		printf(" %8s %8s", "-", "-");
}

static void print_row(const struct figures *figures)
{
	printf("%-*s", NAME_WIDTH, figures->program->name);
	print_times(figures->first_ms);
	print_times(figures->end_ms);
	printf(" %8.3f %8ld %8ld %6u %5u\n", figures->cpu_ms.p50, figures->census.rss_kib,
	       figures->census.pss_kib, figures->census.n_calls, figures->census.n_tasks);
}

static void print_rows(const struct results *results)
{
	printf("%-*s %17s %17s %8s %8s %8s %6s\n", NAME_WIDTH, "", "first byte, ms", "end, ms",
	       "CPU, ms", "RSS, KiB", "PSS, KiB", "system");
	printf("%-*s %8s %8s %8s %8s %8s %8s %8s %6s %5s\n", NAME_WIDTH, "", "p50", "p99", "p50",
	       "p99", "p50", "peak", "peak", "calls", "tasks");
	for (unsigned i = 0; i < results->n_figures; i++)
		print_row(&results->figures[i]);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void print_ratio(const struct figures *row, const struct figures *column)
{
	if (row->first_ms.p50 > 0)
		printf("  %6.2f", ratio(row->first_ms.p50, column->first_ms.p50));
	else
		printf("  %6s", "-");
	printf(" %6.2f       ", ratio(row->end_ms.p50, column->end_ms.p50));
}

static void print_ratios(const struct results *results)
{
	printf("\np50 of the row / p50 of the column: first byte, end\n%-*s", NAME_WIDTH, "");
	for (unsigned j = 0; j < results->n_figures; j++)
		if (is_mayfly(&results->figures[j]))
			printf("  %-20s", results->figures[j].program->name);
	putchar('\n');
	for (unsigned i = 0; i < results->n_figures; i++) {
		printf("%-*s", NAME_WIDTH, results->figures[i].program->name);
		for (unsigned j = 0; j < results->n_figures; j++)
			if (is_mayfly(&results->figures[j]))
				print_ratio(&results->figures[i], &results->figures[j]);
		putchar('\n');
	}
}

static void print_target(const struct results *results, const struct target *target)
{
	const struct figures *program = find(results, target->program);
	const struct figures *floor = find(results, target->floor);
	double first, end;

	if (program == NULL || floor == NULL)
		return;
	first = ratio(program->first_ms.p50, floor->first_ms.p50);
	end = ratio(program->end_ms.p50, floor->end_ms.p50);
	printf("%s: first byte %.2f x %s, at most %.2f: %s\n", target->name, first,
	       floor->program->name, target->limit, first <= target->limit ? "met" : "NOT MET");
	printf("%s: end        %.2f x %s, at most %.2f: %s\n", target->name, end,
	       floor->program->name, target->limit, end <= target->limit ? "met" : "NOT MET");
}

void report_print(const struct results *results)
{
	print_rows(results);
	print_ratios(results);
	putchar('\n');
	for (unsigned i = 0; i < results->n_targets; i++)
		print_target(results, &results->targets[i]);
	report_print_machine();
	if (results->n_rounds < ROUNDS_MIN)
		printf("%u rounds: a verdict needs %u, for less is noise\n", results->n_rounds,
		       ROUNDS_MIN);
}

static json_t *percentiles_to_json(struct percentiles ms)
{
	if (ms.p50 <= 0)
		return json_null();
	return json_pack("{s:f, s:f}", "p50", ms.p50, "p99", ms.p99);
}

static json_t *figures_to_json(const struct figures *figures)
{
	json_t *argv = json_array();

	for (const char *const *word = figures->program->argv; *word != NULL; word++)
		json_array_append_new(argv, json_string(*word));
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:i}", "key",
			 figures->program->key, "name", figures->program->name, "argv", argv,
			 "first_byte_ms", percentiles_to_json(figures->first_ms), "end_ms",
			 percentiles_to_json(figures->end_ms), "cpu_ms",
			 percentiles_to_json(figures->cpu_ms), "peak_rss_kib",
			 (int)figures->census.rss_kib, "peak_pss_kib", (int)figures->census.pss_kib,
			 "system_calls", (int)figures->census.n_calls, "tasks",
			 (int)figures->census.n_tasks);
}

static json_t *target_to_json(const struct results *results, const struct target *target)
{
	const struct figures *program = find(results, target->program);
	const struct figures *floor = find(results, target->floor);
	double first, end;

	if (program == NULL || floor == NULL)
		return json_null();
	first = ratio(program->first_ms.p50, floor->first_ms.p50);
	end = ratio(program->end_ms.p50, floor->end_ms.p50);
	return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:b}", "target", target->name, "program",
			 target->program, "floor", target->floor, "limit", target->limit,
			 "first_byte", first, "end", end, "met",
			 first <= target->limit && end <= target->limit);
}

static json_t *results_to_json(const struct results *results)
{
	json_t *programs = json_array(), *targets = json_array();

	for (unsigned i = 0; i < results->n_figures; i++)
		json_array_append_new(programs, figures_to_json(&results->figures[i]));
	for (unsigned i = 0; i < results->n_targets; i++)
		json_array_append_new(targets, target_to_json(results, &results->targets[i]));
	return json_pack("{s:s, s:o, s:I, s:i, s:o, s:o}", "benchmark", "boot", "machine",
			 report_machine(), "seed", (json_int_t)results->seed, "rounds",
			 (int)results->n_rounds, "programs", programs, "targets", targets);
}

static void write_percentiles(struct percentiles ms, FILE *file)
{
	fprintf(file, " %g %g %g", ms.p50, ms.p99, ms.max);
}

/*
 * For gnuplot, in blocks that two empty lines end. The first has a line a program: name, then p50, p99
 * and maximum of first byte and of end; 0 where it has no first byte. The others have a line a
 * sample of one program each: first byte, end.
 */
static void write_data(const struct results *results, FILE *file)
{
	for (unsigned i = 0; i < results->n_figures; i++) {
		const struct figures *figures = &results->figures[i];

		fprintf(file, "\"%s\"", figures->program->name);
		write_percentiles(figures->first_ms, file);
		write_percentiles(figures->end_ms, file);
		fputc('\n', file);
	}
	for (unsigned i = 0; i < results->n_figures; i++) {
		const struct figures *figures = &results->figures[i];

		fputs("\n\n", file);
		for (unsigned j = 0; j < figures->n_samples; j++)
			fprintf(file, "%g %g\n", figures->samples[j].first_ms,
				figures->samples[j].end_ms);
	}
}

int report_write(const struct results *results, const char *folder)
{
	FILE *json_file = report_create(folder, "boot.json"),
	     *data = report_create(folder, "boot.dat");
	json_t *json = results_to_json(results);
	bool written = json_file != NULL && data != NULL;

	if (written) {
		json_dumpf(json, json_file, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
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
