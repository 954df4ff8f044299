/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/figures.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Nearest rank: the least value that `percent` of the samples do not exceed. */
static double rank(const double *sorted, unsigned n, unsigned percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

static struct percentiles percentiles_of(const struct figures *figures, size_t offset)
{
	unsigned n = figures->n_samples;
	double *values = malloc(n * sizeof(*values));
	struct percentiles result = {0};

	if (values == NULL)
		abort();
	for (unsigned i = 0; i < n; i++)
		memcpy(&values[i], (const char *)&figures->samples[i] + offset, sizeof(*values));
	qsort(values, n, sizeof(*values), compare);
	result.p50 = rank(values, n, 50);
	result.p99 = rank(values, n, 99);
	result.max = values[n - 1];
	free(values);
	return result;
}

void figures_settle(struct figures *figures)
{
	figures->first_ms = percentiles_of(figures, offsetof(struct sample, first_ms));
	figures->end_ms = percentiles_of(figures, offsetof(struct sample, end_ms));
	figures->cpu_ms = percentiles_of(figures, offsetof(struct sample, cpu_ms));
}
