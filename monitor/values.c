/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/values.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "monitor/vm.h"

#define MINUTE_NS   UINT64_C(60000000000)
#define TIME_MAX_NS ((uint64_t)INT64_MAX / 2) /* added to the time that it is, it does not wrap */

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits at `text`, and what follows them. False where there are none, or too many. */
static bool parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	char *rest;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret_number = strtoull(text, &rest, 10);
	*ret_rest = rest;
	return errno == 0;
}

/* A number with one of the units. Errors: -EINVAL, -ERANGE where the product is too large. */
static int parse_quantity(const char *text, const struct unit *units, size_t n_units,
			  uint64_t *ret_value)
{
	uint64_t number;
	const char *rest;

	if (!parse_digits(text, &number, &rest))
		return -EINVAL;
	for (size_t i = 0; i < n_units; i++)
		if (strcmp(rest, units[i].name) == 0)
			return __builtin_mul_overflow(number, units[i].factor, ret_value) ? -ERANGE
											  : 0;
	return -EINVAL;
}

int value_size(const char *text, uint64_t *ret_bytes, struct err *err)
{
	static const struct unit units[] = {
		{"", 1},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
	};
	uint64_t bytes;

	if (parse_quantity(text, units, ARRAY_LEN(units), &bytes) < 0)
		return err_input(err, "\"%.50s\" is no size (a number with K, M, G or T)", text);
	*ret_bytes = bytes;
	return 0;
}

int value_time(const char *text, uint64_t *ret_ns, struct err *err)
{
	static const struct unit units[] = {
		{"ms", 1000000},
		{"s", UINT64_C(1000000000)},
		{"m", MINUTE_NS},
	};
	uint64_t ns = 0;
	int ret = parse_quantity(text, units, ARRAY_LEN(units), &ns);

	if (ret == -ERANGE || ns > TIME_MAX_NS)
		return err_input(err, "\"%.50s\" is longer than %" PRIu64 "m", text,
				 TIME_MAX_NS / MINUTE_NS);
	if (ret < 0 || ns == 0)
		return err_input(err, "\"%.50s\" is no time (a number with ms, s or m)", text);
	*ret_ns = ns;
	return 0;
}

int value_count(const char *text, unsigned max, unsigned *ret_count, struct err *err)
{
	uint64_t number;
	const char *rest;

	if (!parse_digits(text, &number, &rest) || *rest != '\0' || number < 1 || number > max)
		return err_input(err, "\"%.50s\" is no number from 1 to %u", text, max);
	*ret_count = (unsigned)number;
	return 0;
}

int value_id(const char *text, uint32_t *ret_id, struct err *err)
{
	uint64_t number;
	const char *rest;

	if (!parse_digits(text, &number, &rest) || *rest != '\0' || number >= UINT32_MAX)
		return err_input(err, "\"%s\" is no numeric id", text);
	*ret_id = (uint32_t)number;
	return 0;
}

#define CPU_PERCENT_MAX 100000
#define PIDS_MAX        4096
#define IO_WEIGHT_MAX   10000

static int limit_value(int controller, const char *text, uint64_t *ret_value, struct err *err)
{
	static const uint64_t max[CGROUP_CONTROLLER_COUNT] = {[CGROUP_CPU] = CPU_PERCENT_MAX,
							      [CGROUP_PIDS] = PIDS_MAX,
							      [CGROUP_IO] = IO_WEIGHT_MAX};
	const char *unit = controller == CGROUP_CPU ? "%" : "";
	const char *rest;

	if (controller == CGROUP_MEMORY)
		return value_size(text, ret_value, err);
	if (!parse_digits(text, ret_value, &rest) || strcmp(rest, unit) != 0 || *ret_value < 1 ||
	    *ret_value > max[controller])
		return err_input(err, "\"%s=%.50s\": no number from 1 to %" PRIu64 "%s",
				 cgroup_keys[controller], text, max[controller], unit);
	return 0;
}

static int take_limit(char *item, struct cgroup_limits *limits, struct err *err)
{
	char *value = strchr(item, '=');

	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && value != NULL; i++)
		if (strlen(cgroup_keys[i]) == (size_t)(value - item) &&
		    memcmp(item, cgroup_keys[i], (size_t)(value - item)) == 0)
			return limit_value(i, value + 1, &limits->values[i], err);
	return err_input(err, "\"%.50s\": neither cpu=, memory=, pids= nor io=", item);
}

/* Is there a ".." on its way? */
static bool climbs(const char *path)
{
	for (; (path = strstr(path, "/..")) != NULL; path++)
		if (path[3] == '/' || path[3] == '\0')
			return true;
	return false;
}

int value_cgroup(const char *text, struct cgroup_limits *ret_limits, struct err *err)
{
	struct cgroup_limits limits = {0};
	char copy[2 * CGROUP_PATH_MAX], *rest = copy, *item;
	int ret = 0;

	if (strlen(text) >= sizeof(copy) || strcspn(text, ",") >= sizeof(limits.path))
		return err_input(err, "\"%.50s...\" is too long", text);
	memcpy(copy, text, strlen(text) + 1);
	item = strsep(&rest, ",");
	if (item[0] != '/' || climbs(item))
		return err_input(err, "\"%.150s\" is no absolute path below the cgroups' root",
				 item);
	memcpy(limits.path, item, strlen(item) + 1);
	while (ret == 0 && (item = strsep(&rest, ",")) != NULL)
		ret = take_limit(item, &limits, err);
	if (ret == 0)
		*ret_limits = limits;
	return ret;
}

int value_choice(const char *text, const char *const *names, int *ret_index, struct err *err)
{
	char list[128] = "";

	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_index = i;
			return 0;
		}
		strncat(list, i > 0 ? ", " : "", sizeof(list) - strlen(list) - 1);
		strncat(list, names[i], sizeof(list) - strlen(list) - 1);
	}
	return err_input(err, "\"%.50s\" is none of %s", text, list);
}

/* One CPU, or a range, at `text`; what follows it in `ret_rest`. */
static bool parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
			const char **ret_rest)
{
	if (!parse_digits(text, ret_first, ret_rest))
		return false;
	*ret_last = *ret_first;
	if (**ret_rest == '-' && !parse_digits(*ret_rest + 1, ret_last, ret_rest))
		return false;
	return *ret_first <= *ret_last && *ret_last <= UINT16_MAX;
}

int value_cpus(const char *text, unsigned *ret_n, uint16_t *ret_cpus, struct err *err)
{
	uint16_t cpus[VM_PINS_MAX];
	const char *rest = text;
	uint64_t first, last;
	unsigned n = 0;

	for (;; rest++) {
		if (!parse_range(rest, &first, &last, &rest) || last - first >= VM_PINS_MAX - n)
			return err_input(err,
					 "\"%.50s\" is no list of at most %u CPUs, as in 0,2-3",
					 text, VM_PINS_MAX);
		for (uint64_t cpu = first; cpu <= last; cpu++)
			cpus[n++] = (uint16_t)cpu;
		if (*rest != ',')
			break;
	}
	if (*rest != '\0')
		return err_input(err, "\"%.50s\" is no list of CPUs, as in 0,2-3", text);
	memcpy(ret_cpus, cpus, n * sizeof(cpus[0]));
	*ret_n = n;
	return 0;
}
