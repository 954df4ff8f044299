/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/report.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <unistd.h>

#include "tests/support/run.h"

static struct report report;
static struct err err;

static unsigned count_files(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

Test(report, has_no_name_until_it_is_whole)
{
	const char *path = scratch("r.json"), *folder = scratch("");

	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 0u);
	cr_assert_eq(report_write(&report, json_pack("{s:i}", "n", 5), &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 1u);
	cr_assert_str_eq(read_file(path, NULL), "{\n  \"n\": 5\n}\n");
}

Test(report, an_older_one_stays_until_it_is_replaced)
{
	const char *path = write_file("r.json", "old", 3), *folder = scratch("");

	cr_assert_eq(report_open(&report, path, &err), 0);
	cr_assert_str_eq(read_file(path, NULL), "old");
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0, "%s", err.text);
	cr_assert_str_eq(read_file(path, NULL), "{}\n");
	cr_assert_eq(count_files(folder), 1u);
}

Test(report, a_pipe_is_written_to)
{
	int ends[2];
	char path[64], text[16] = "";

	cr_assert_eq(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0, "%s", err.text);
	cr_assert_eq(read(ends[0], text, sizeof(text)), 3);
	cr_assert_str_eq(text, "{}\n");
}

Test(report, a_folder_that_is_not_there_is_named)
{
	const char *path = scratch("none/r.json");

	cr_assert_lt(report_open(&report, path, &err), 0);
	cr_assert(has(err.text, path));
	cr_assert(has(err.text, "No such file or directory"));
	cr_assert_eq(err.status, EXIT_STATUS_USAGE);
}

Test(report, none_is_fine)
{
	cr_assert_eq(report_open(&report, NULL, &err), 0);
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0);
}
