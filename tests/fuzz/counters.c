/* SPDX-License-Identifier: Apache-2.0 */
/* The counters that a hostile cell leaves behind: whatever they hold, the tables can be printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/tables.h"
#include "tests/fuzz/fuzz.h"

#define VCPUS 2

static void check_text(const struct counters *counters)
{
	SCOPE_FREE char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	fuzz_check(to != NULL);
	tables_print_timeline(to, counters);
	tables_print_exits(to, counters, VCPUS);
	fuzz_check(fclose(to) == 0 && fuzz_are_ascii_lines(text, len));
}

static void check_json(json_t *json)
{
	SCOPE_FREE char *text = json_dumps(json, 0);

	fuzz_check(json != NULL && text != NULL && fuzz_is_ascii(text));
	json_decref(json);
}

/* A phase is told if it ended after the start, and then as far from there as it did. */
static void check_timeline(const struct counters *counters)
{
	json_t *json = tables_timeline_to_json(counters);
	uint64_t start = counters->phases[PHASE_START], end;
	size_t n = 0;

	for (unsigned phase = 0; phase < PHASE_COUNT; phase++) {
		end = counters->phases[phase];
		if (end == 0 || end < start)
			continue;
		fuzz_check(json_real_value(json_object_get(json_array_get(json, n++), "at_us")) ==
			   (double)(end - start) / 1000);
	}
	fuzz_check(n == json_array_size(json));
	check_json(json);
}

/* The phases, then the head and the first rows of each vCPU: as much as there is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct counters *counters;
	size_t head = sizeof(struct counters), rest, each;

	if (counters == NULL)
		counters = counters_new(VCPUS);
	fuzz_check(counters != NULL);
	memset(counters, 0, head + VCPUS * sizeof(counters->vcpus[0]));
	memcpy((void *)counters, data, size < head ? size : head);
	rest = size < head ? 0 : size - head;
	each = rest / VCPUS < sizeof(counters->vcpus[0]) ? rest / VCPUS
							 : sizeof(counters->vcpus[0]);
	for (size_t i = 0; i < VCPUS && each > 0; i++)
		memcpy(&counters->vcpus[i], data + head + i * each, each);
	check_text(counters);
	check_json(tables_exits_to_json(counters, VCPUS));
	check_timeline(counters);
	return 0;
}
