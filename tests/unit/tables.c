/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/tables.h"

#include <criterion/criterion.h>
#include <string.h>

static struct counters *counters;

static void set_up(void)
{
	counters = counters_new(2);
}

TestSuite(tables, .init = set_up);

static void count(unsigned vcpu, struct exit_key key, unsigned times)
{
	while (times-- > 0)
		counters_count(&counters->vcpus[vcpu], &key);
}

static char *print_exits(void)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	tables_print_exits(file, counters, 2);
	fclose(file);
	return text;
}

Test(tables, rows_of_all_vcpus_are_added_up_and_sorted)
{
	const struct exit_key serial = {
		.reason = EXIT_PIO_WRITE, .device = DEVICE_SERIAL, .reg = 0x3f8, .rip = 0x100};
	const struct exit_key nobody = {
		.reason = EXIT_MMIO_READ, .address = 0xd0000000, .rip = 0x200};
	char *text;

	count(0, nobody, 3);
	count(0, serial, 2);
	count(1, serial, 5);
	counters->vcpus[0].kvm.exits = 20;
	counters->vcpus[1].kvm.exits = 30;
	text = print_exits();
	cr_assert_str_eq(text, "     exits  reason         device      register     rip\n"
			       "         7  port-write     serial      data         0x100\n"
			       "         3  mmio-read      -           0xd0000000   0x200\n"
			       "        10  to user space; of all 50 that KVM counted\n");
}

Test(tables, json_has_the_same)
{
	json_t *json;

	count(1, (struct exit_key){.reason = EXIT_PIO_READ, .device = DEVICE_I8042, .reg = 0x64},
	      4);
	json = tables_exits_to_json(counters, 2);
	cr_assert_eq(json_integer_value(json_object_get(json, "user_space")), 4);
	json = json_array_get(json_object_get(json, "rows"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(json, "register")), "command");
	cr_assert_str_eq(json_string_value(json_object_get(json, "device")), "i8042");
	cr_assert_eq(json_integer_value(json_object_get(json, "count")), 4);
}

Test(tables, numbers_out_of_range_are_question_marks)
{
	char *text;

	count(0, (struct exit_key){.reason = 9999, .device = 9999, .reg = 1}, 1);
	text = print_exits();
	cr_assert(strstr(text, "?              ?           0x1") != NULL, "%s", text);
}

Test(tables, what_found_no_row_is_told)
{
	char *text;

	for (uint64_t rip = 0; rip < UINT64_C(3) * COUNTERS_ROWS; rip++)
		count(0, (struct exit_key){.reason = EXIT_PIO_READ, .rip = rip}, 1);
	cr_assert_gt(counters->vcpus[0].n_lost, 0u);
	cr_assert_eq(counters->vcpus[0].n_exits, UINT64_C(3) * COUNTERS_ROWS);
	text = print_exits();
	cr_assert(strstr(text, "in rows for which there was no room") != NULL);
}

/* Every row of every vCPU, each of its own, one exit more than the one before. */
static void fill_all(struct counters *all)
{
	uint64_t n = 0;

	for (unsigned vcpu = 0; vcpu < COUNTERS_VCPUS_MAX; vcpu++)
		for (unsigned i = 0; i < COUNTERS_ROWS; i++, n++)
			all->vcpus[vcpu].rows[i] = (struct exit_row){.key = {.rip = n},
								     .count = n + 1};
}

Test(tables, tell_of_the_most_frequent_rows_and_sum_up_the_rest)
{
	const uint64_t n_rows = UINT64_C(1) * COUNTERS_VCPUS_MAX * COUNTERS_ROWS,
		       n_cut = n_rows - 1024;
	struct counters *all = counters_new(COUNTERS_VCPUS_MAX);
	json_t *json, *rows;

	fill_all(all);
	json = tables_exits_to_json(all, COUNTERS_VCPUS_MAX);
	rows = json_object_get(json, "rows");
	cr_assert_eq(json_array_size(rows), 1024u);
	cr_assert_eq(json_integer_value(json_object_get(json_array_get(rows, 0), "count")),
		     (json_int_t)n_rows);
	cr_assert_eq(json_integer_value(json_object_get(json_array_get(rows, 1023), "count")),
		     (json_int_t)n_cut + 1);
	cr_assert_eq(json_integer_value(json_object_get(json, "lost")),
		     (json_int_t)(n_cut * (n_cut + 1) / 2));
}

Test(tables, sums_end_at_the_largest_number_of_json)
{
	const struct exit_key key = {.reason = EXIT_PIO_READ};
	json_t *json, *row;

	for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
		counters->vcpus[vcpu].rows[7] = (struct exit_row){key, UINT64_MAX - vcpu};
		counters->vcpus[vcpu].n_exits = (uint64_t)INT64_MAX;
		counters->vcpus[vcpu].n_lost = UINT64_MAX;
		counters->vcpus[vcpu].kvm.exits = UINT64_MAX / 2 + vcpu;
	}
	json = tables_exits_to_json(counters, 2);
	row = json_array_get(json_object_get(json, "rows"), 0);
	cr_assert_eq(json_integer_value(json_object_get(row, "count")), INT64_MAX);
	cr_assert_eq(json_integer_value(json_object_get(json, "user_space")), INT64_MAX);
	cr_assert_eq(json_integer_value(json_object_get(json, "lost")), INT64_MAX);
	json = json_object_get(json, "kvm");
	cr_assert_eq(json_integer_value(json_object_get(json, "exits")), INT64_MAX);
}

Test(tables, phases_that_were_not_reached_are_left_out)
{
	json_t *json;

	counters_start(counters, 5000000000);
	counters->phases[PHASE_CELL] = 5000100000u;
	counters->phases[PHASE_ENDED] = 5000300000u;
	counters->phases[PHASE_VM] = 4000000000u; /* before the start: a lie */
	json = tables_timeline_to_json(counters);
	cr_assert_eq(json_array_size(json), 3u);
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(json, 1), "phase")),
			 "cell");
	cr_assert_float_eq(json_real_value(json_object_get(json_array_get(json, 2), "at_us")), 300,
			   1e-6);
}
