/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/values.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "monitor/vm.h"

static struct err err;

Test(values, sizes_are_binary)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"0", 0},
		    {"4096", 4096},
		    {"8K", 8192},
		    {"128M", UINT64_C(128) << 20},
		    {"5G", UINT64_C(5) << 30},
		    {"2T", UINT64_C(2) << 40},
		    {"18446744073709551615", UINT64_MAX}};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_assert_eq(value_size(good[i].text, &bytes, &err), 0, "%s", good[i].text);
		cr_assert_eq(bytes, good[i].bytes);
	}
}

Test(values, what_is_no_size_is_refused_and_named)
{
	static const char *const bad[] = {"",
					  "M",
					  "-1M",
					  "+1M",
					  " 1M",
					  "1 M",
					  "1m",
					  "1MB",
					  "1.5G",
					  "0x10",
					  "1MM",
					  "16777216T",
					  "18446744073709551616"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t bytes = 7;

		cr_assert_lt(value_size(bad[i], &bytes, &err), 0, "%s", bad[i]);
		cr_assert_eq(bytes, 7u, "untouched");
		cr_assert(strstr(err.text, bad[i]) != NULL, "%s", err.text);
	}
}

Test(values, times_have_a_unit)
{
	static const char *const bad[] = {"",  "5",   "0s",   "5h",
					  "s", "-1s", "1.5s", "99999999999999999999s"};
	uint64_t ns = 7;

	cr_assert_eq(value_time("250ms", &ns, &err), 0);
	cr_assert_eq(ns, 250000000u);
	cr_assert_eq(value_time("2s", &ns, &err), 0);
	cr_assert_eq(ns, 2000000000u);
	cr_assert_eq(value_time("1m", &ns, &err), 0);
	cr_assert_eq(ns, 60000000000u);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(value_time(bad[i], &ns, &err), 0, "%s", bad[i]);
	cr_assert_eq(ns, 60000000000u);
}

/* The moment of CLOCK_MONOTONIC at which it is over must be a number, too. */
Test(values, times_that_no_clock_reaches_are_refused)
{
	static const char *const bad[] = {"76861434m", "153722867m", "9223372036854775807ms"};
	uint64_t ns = 7;

	cr_assert_eq(value_time("76861433m", &ns, &err), 0);
	cr_assert_leq(ns, (uint64_t)INT64_MAX / 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_lt(value_time(bad[i], &ns, &err), 0, "%s", bad[i]);
		cr_assert(strstr(err.text, bad[i]) != NULL);
		cr_assert(strstr(err.text, "is longer than 76861433m") != NULL, "%s", err.text);
	}
	cr_assert_eq(ns, UINT64_C(76861433) * 60000000000);
}

Test(values, counts_have_bounds)
{
	static const char *const bad[] = {"0", "33", "", "1x", "-1", "4294967297"};
	unsigned n = 7;

	cr_assert_eq(value_count("1", 32, &n, &err), 0);
	cr_assert_eq(n, 1u);
	cr_assert_eq(value_count("32", 32, &n, &err), 0);
	cr_assert_eq(n, 32u);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(value_count(bad[i], 32, &n, &err), 0, "%s", bad[i]);
	cr_assert_eq(n, 32u);
}

Test(values, a_choice_is_one_of_its_names)
{
	static const char *const names[] = {"auto", "split", NULL};
	int index = 7;

	cr_assert_eq(value_choice("split", names, &index, &err), 0);
	cr_assert_eq(index, 1);
	cr_assert_lt(value_choice("spli", names, &index, &err), 0);
	cr_assert_str_eq(err.text, "\"spli\" is none of auto, split");
	cr_assert_eq(index, 1);
}

Test(values, cpu_lists_have_ranges)
{
	uint16_t cpus[VM_PINS_MAX];
	unsigned n = 0;

	cr_assert_eq(value_cpus("3", &n, cpus, &err), 0);
	cr_assert_eq(n, 1u);
	cr_assert_eq(cpus[0], 3);
	cr_assert_eq(value_cpus("0,2-4,1", &n, cpus, &err), 0);
	cr_assert_eq(n, 5u);
	cr_assert_arr_eq(cpus, ((uint16_t[]){0, 2, 3, 4, 1}), 10);
	cr_assert_eq(value_cpus("0-63", &n, cpus, &err), 0);
	cr_assert_eq(n, 64u);
}

Test(values, what_is_no_cpu_list_is_refused)
{
	static const char *const bad[] = {"",        "a",    "0,",      ",0",
					  "3-1",     "0-64", "1-",      "1--2",
					  "0,70000", "1;2",  "0-63,64", "0-4294967296"};
	uint16_t cpus[VM_PINS_MAX];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned n = 7;

		cr_assert_lt(value_cpus(bad[i], &n, cpus, &err), 0, "%s", bad[i]);
		cr_assert_eq(n, 7u);
	}
}

Test(values, a_cgroup_is_a_path_and_limits)
{
	static const char *const bad[][2] = {
		{"a", "\"a\" is no absolute path below the cgroups' root"},
		{"/a/../b", "\"/a/../b\" is no absolute path below the cgroups' root"},
		{"/a/..", "\"/a/..\" is no absolute path below the cgroups' root"},
		{"/..", "\"/..\" is no absolute path below the cgroups' root"},
		{"/a,cpu=5", "\"cpu=5\": no number from 1 to 100000%"},
		{"/a,pids=0", "\"pids=0\": no number from 1 to 4096"},
		{"/a,io=10001", "\"io=10001\": no number from 1 to 10000"},
		{"/a,memory=x", "\"x\" is no size (a number with K, M, G or T)"},
		{"/a,speed=1", "\"speed=1\": neither cpu=, memory=, pids= nor io="},
		{"/a,", "\"\": neither cpu=, memory=, pids= nor io="},
	};
	struct cgroup_limits limits = {0};
	char path[300];

	cr_assert_eq(value_cgroup("/a/b,memory=2M,cpu=150%,pids=7,io=8", &limits, &err), 0);
	cr_assert_str_eq(limits.path, "/a/b");
	cr_assert_eq(limits.values[CGROUP_MEMORY], UINT64_C(2) << 20);
	cr_assert_eq(limits.values[CGROUP_CPU], 150u);
	cr_assert_eq(limits.values[CGROUP_PIDS], 7u);
	cr_assert_eq(limits.values[CGROUP_IO], 8u);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(value_cgroup(bad[i][0], &limits, &err), -EINVAL);
		cr_assert_str_eq(err.text, bad[i][1]);
	}
	cr_assert_eq(value_cgroup("/a..b/..c/d../...", &limits, &err), 0);
	cr_assert_str_eq(limits.path, "/a..b/..c/d../...");
	cr_assert_eq(value_cgroup("/a/b", &limits, &err), 0);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cr_assert_eq(value_cgroup(path, &limits, &err), -EINVAL);
	cr_assert_str_eq(limits.path, "/a/b", "it is left alone");
}
