/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/exits.h"

#include <criterion/criterion.h>
#include <string.h>

json_t *exits_load(const char *report_path)
{
	json_t *exits = json_object_get(json_load_file(report_path, 0, NULL), "exits");

	cr_assert(exits != NULL, "%s", report_path);
	return exits;
}

static bool matches(json_t *row, const char *key, const char *wanted)
{
	return wanted == NULL || strcmp(json_string_value(json_object_get(row, key)), wanted) == 0;
}

long long exits_sum(json_t *exits, const char *reason, const char *device, const char *reg)
{
	json_t *rows = json_object_get(exits, "rows");
	long long n = 0;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);

		if (matches(row, "reason", reason) && matches(row, "device", device) &&
		    matches(row, "register", reg))
			n += json_integer_value(json_object_get(row, "count"));
	}
	return n;
}

long long exits_of_kvm(json_t *exits, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(exits, "kvm"), name));
}
