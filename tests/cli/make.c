/* SPDX-License-Identifier: Apache-2.0 */
/* What make says where it cannot go on, and that its checks look at something wherever they are. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

static void need_sources(void)
{
	need_program("make");
	if (access("Makefile", R_OK) < 0)
		cr_skip_test("the sources are not here");
}

TestSuite(make, .init = need_sources);

static struct run shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static struct run shell(const char *format, ...)
{
	char command[2048] = "unset MAKEFLAGS MAKELEVEL MFLAGS KIND; ";
	va_list args;

	va_start(args, format);
	vsnprintf(command + strlen(command), sizeof(command) - strlen(command), format, args);
	va_end(args);
	return run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
}

static unsigned count_lines(const char *text, const char *with)
{
	unsigned n = 0;

	for (; (text = strstr(text, with)) != NULL; text++)
		n++;
	return n;
}

/* As a user on a machine that has none of the packages; make itself is run as usual. */
Test(make, asks_for_all_packages_at_once)
{
	static const char *const goals[][2] = {
		{"test", "qemu-system-x86"},   {"check", "clang-tidy"},
		{"bench-boot", "gnuplot-nox"}, {"lab-npt", "busybox-static"},
		{"lab-ept", "bochs"},          {"fuzz", "llvm"}};
	const char *bin = scratch("bin");

	shell("mkdir %s; cd %s; printf '#!/bin/sh\\nexit 1\\n' >dpkg-query; "
	      "printf '#!/bin/sh\\necho 1000\\n' >id; chmod +x *",
	      bin, bin);
	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
		struct run run = shell("PATH=%s:$PATH make BUILD=%s %s", bin, scratch("build"),
				       goals[i][0]);

		cr_assert_neq(run.status, 0);
		cr_assert_eq(count_lines(run.err, "packages are missing"), 1u, "%s: %s",
			     goals[i][0], run.err);
		cr_assert(has(run.err, goals[i][1]), "%s", run.err);
		cr_assert(has(run.err, " libjansson-dev"), "%s", run.err);
	}
}

Test(make, says_that_it_knows_no_spaces)
{
	struct run run = shell("mkdir '%s' && make -C '%s' -f \"$PWD/Makefile\" run",
			       scratch("a folder"), scratch("a folder"));

	cr_assert_eq(run.status, 2);
	cr_assert_eq(count_lines(run.err, "\n"), 1u, "%s", run.err);
	cr_assert(has(run.err, "has a space in it, which make cannot handle"), "%s", run.err);
}

/* Where there is no repository, or one of somebody else's: the layers are looked at all the same. */
Test(make, checks_layers_without_git)
{
	const char *copy = scratch("copy");
	struct run run;

	shell("mkdir -p %s/tools %s/base && cp tools/check-layers %s/tools", copy, copy, copy);
	run = shell("cd %s && tools/check-layers", copy);
	cr_assert_neq(run.status, 0);
	cr_assert_str_eq(run.out, "check-layers: there is no source to look at\n");
	shell("echo '#include \"base/err.h\"' >%s/base/err.c", copy);
	cr_assert_eq(shell("cd %s && tools/check-layers", copy).status, 0);
	shell("echo '#include \"monitor/vm.h\"' >%s/base/vm.c", copy);
	run = shell("cd %s && tools/check-layers", copy);
	cr_assert_neq(run.status, 0);
	cr_assert_str_eq(run.out, "base/vm.c:1: monitor/vm.h: base may not include monitor\n");
}

/* The lists of the other checks. */
Test(make, finds_its_files_without_git)
{
	struct run run = shell("PATH=%s:$PATH; mkdir %s; printf '#!/bin/sh\\nexit 128\\n' >%s/git; "
			       "chmod +x %s/git; make -n check-format check-headers check-tidy",
			       scratch("bin"), scratch("bin"), scratch("bin"), scratch("bin"));

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_geq(count_lines(run.out, "monitor/main.c"), 2u, "%s", run.out);
	cr_assert_geq(count_lines(run.out, "monitor/vm.h"), 2u, "%s", run.out);
	cr_assert_not(has(run.out, "build/release/"), "%s", run.out);
}
