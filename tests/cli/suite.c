/* SPDX-License-Identifier: Apache-2.0 */
/* What `make test` ends with: parts that failed are counted once, those that did not finish, too. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/run.h"

/* Runs parts, each a shell's words in their results' folder, and then the summary. */
static struct run suite(const char *const parts[])
{
	char script[2048];
	int len;

	if (access("tests/part", X_OK) < 0)
		cr_skip_test("the sources are not here");
	len = snprintf(script, sizeof(script), "results=%s; export results; rm -rf $results\n",
		       scratch("results"));
	for (unsigned i = 0; parts[i] != NULL; i++)
		len += snprintf(script + len, sizeof(script) - (size_t)len,
				"tests/part $results part%u sh -c '%s' || exit 9\n", i, parts[i]);
	snprintf(script + len, sizeof(script) - (size_t)len, "tests/summary $results");
	return run_program((const char *const[]){"/bin/sh", "-c", script, NULL}, NULL);
}

#define SUITE(...) suite((const char *const[]){__VA_ARGS__, NULL})

#define GOOD "echo ok - good >$results/good.tap"
#define BAD  "echo not ok - bad >$results/bad.tap; exit 1"

Test(suite, is_good_where_every_part_is)
{
	struct run run = SUITE(GOOD);

	cr_assert_eq(run.status, 0);
	cr_assert_str_eq(run.out, "1 passed, 0 failed, 0 skipped\n");
}

Test(suite, counts_a_failed_test_once)
{
	struct run run = SUITE(BAD, GOOD);

	cr_assert_eq(run.status, 1);
	cr_assert_str_eq(run.out, "FAILED  bad\n1 passed, 1 failed, 0 skipped\n");
}

/* It could not be built, say: there is no result of it. */
Test(suite, counts_a_part_that_did_not_finish)
{
	struct run run = SUITE(GOOD, "exit 2");

	cr_assert_eq(run.status, 1);
	cr_assert_str_eq(run.out, "FAILED  part1 did not finish\n1 passed, 1 failed, 0 skipped\n");
	run = SUITE(BAD, "exit 2", GOOD);
	cr_assert_eq(run.status, 1);
	cr_assert(has(run.out, "1 passed, 2 failed, 0 skipped\n"), "%s", run.out);
}
