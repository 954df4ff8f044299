/* SPDX-License-Identifier: Apache-2.0 */
/* What the shipped binary is: static, position-independent, hardened, and built the same each time. */
#include <criterion/criterion.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

static char *image;
static Elf64_Ehdr *header;
static Elf64_Phdr *segments;

static void set_up(void)
{
	if (!has(mayfly_path(), "release") && !has(mayfly_path(), "clang") &&
	    getenv("MAYFLY_SHIPPED") == NULL)
		cr_skip_test("only the shipped binary is hardened");
	image = read_file(mayfly_path(), NULL);
	header = (void *)image;
	segments = (void *)(image + header->e_phoff);
}

TestSuite(binary, .init = set_up);

static const Elf64_Phdr *find_segment(uint32_t type)
{
	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == type)
			return &segments[i];
	return NULL;
}

/* The value of a tag of the dynamic section, or 0. */
static uint64_t dynamic(int64_t tag)
{
	const Elf64_Phdr *segment = find_segment(PT_DYNAMIC);
	const Elf64_Dyn *entry = (void *)(image + segment->p_offset);

	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag)
			return entry->d_un.d_val;
	return 0;
}

Test(binary, is_a_static_pie)
{
	cr_assert_eq(header->e_type, ET_DYN);
	cr_assert_null(find_segment(PT_INTERP));
	cr_assert_eq(dynamic(DT_NEEDED), 0u);
	cr_assert(dynamic(DT_FLAGS_1) & DF_1_PIE);
}

Test(binary, binds_at_once_and_protects_its_relocations)
{
	cr_assert_not_null(find_segment(PT_GNU_RELRO));
	cr_assert((dynamic(DT_FLAGS) & DF_BIND_NOW) || (dynamic(DT_FLAGS_1) & DF_1_NOW));
}

Test(binary, has_no_executable_stack_and_nothing_writable_and_executable)
{
	cr_assert_eq(find_segment(PT_GNU_STACK)->p_flags & PF_X, 0u);
	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			cr_assert_neq(segments[i].p_flags & (PF_W | PF_X), (unsigned)(PF_W | PF_X));
}

/* What the flags leave in the code: canaries, fortified calls, landing pads. */
Test(binary, is_hardened_by_its_compiler)
{
	struct run run;
	char command[512];

	need_program("objdump");
	snprintf(
		command, sizeof(command),
		"nm %s | grep -c '__stack_chk_fail\\|_chk$'; objdump -d %s --disassemble=cell_main | "
		"grep -c endbr64",
		mayfly_path(), mayfly_path());
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	cr_assert_gt(strtoul(run.out, NULL, 10), 3u, "%s", run.out);
	cr_assert_geq(strtoul(strchr(run.out, '\n'), NULL, 10), 1u, "%s", run.out);
}

/* In a copy of the sources, in another folder: the same bytes. */
Test(binary, is_built_the_same_twice, .timeout = 300)
{
	struct run run;
	char command[1024];

	need_program("make");
	if (access("Makefile", R_OK) < 0 || !has(mayfly_path(), "build/release"))
		cr_skip_test("the sources are not here");
	snprintf(command, sizeof(command),
		 "mkdir -p %s && git ls-files -z | xargs -0 cp --parents -t %s && make -s -C %s "
		 "build/release/mayfly >/dev/null && cmp %s/build/release/mayfly %s",
		 scratch("copy"), scratch("copy"), scratch("copy"), scratch("copy"), mayfly_path());
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
}

Test(binary, can_be_installed_and_taken_away_again)
{
	struct run run;
	char command[1024];

	need_program("make");
	if (access("Makefile", R_OK) < 0 || !has(mayfly_path(), "build/release"))
		cr_skip_test("the sources are not here");
	snprintf(command, sizeof(command),
		 "make -s install DESTDIR=%s PREFIX=/usr && cd %s && find . -type f | sort && "
		 "usr/bin/mayfly --version && cd - >/dev/null && make -s uninstall DESTDIR=%s "
		 "PREFIX=/usr && find %s -type f | wc -l",
		 scratch("root"), scratch("root"), scratch("root"), scratch("root"));
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	cr_assert_str_eq(run.out,
			 "./usr/bin/mayfly\n"
			 "./usr/share/bash-completion/completions/mayfly\n"
			 "./usr/share/fish/vendor_completions.d/mayfly.fish\n"
			 "./usr/share/man/man1/mayfly-disk.1\n"
			 "./usr/share/man/man1/mayfly-doctor.1\n"
			 "./usr/share/man/man1/mayfly-run.1\n"
			 "./usr/share/man/man1/mayfly.1\n"
			 "./usr/share/man/man7/mayfly-jail.7\n"
			 "./usr/share/zsh/site-functions/_mayfly\n"
			 "mayfly " MAYFLY_VERSION "\n"
			 "0\n",
			 "%s", run.err);
}
