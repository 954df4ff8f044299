/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filters.c - compiles seccomp/calls.def while mayfly is built, so that no run pays for it.
 *
 * `filters` prints C: a program for each role, and the names of all system calls. `filters --man`
 * prints the table for the manual page.
 */
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "seccomp/jail_priv.h"
#include "seccomp/rules.h"

#define CODE_MAX 512

static void fail(const char *what)
{
	fprintf(stderr, "filters: %s\n", what);
	exit(1);
}

static size_t compile(enum jail_role role, struct sock_filter *code)
{
	scmp_filter_ctx filter = rules_compile(role, NULL);
	int fd = memfd_create("filter", 0);
	ssize_t len;

	if (filter == NULL || fd < 0 || seccomp_export_bpf(filter, fd) < 0)
		fail("libseccomp takes no rule of calls.def for what it is");
	len = pread(fd, code, CODE_MAX * sizeof(*code), 0);
	if (len <= 0 || (size_t)len == CODE_MAX * sizeof(*code))
		fail("a program is too long");
	close(fd);
	seccomp_release(filter);
	return (size_t)len / sizeof(*code);
}

static void print_program(enum jail_role role)
{
	struct sock_filter code[CODE_MAX];
	size_t len = compile(role, code);

	printf("static const struct sock_filter code_%d[] = {\n", (int)role);
	for (size_t i = 0; i < len; i++)
		printf("\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
		       code[i].k);
	printf("};\n\n");
}

static const char *name_of(int call)
{
	static char *names[JAIL_CALLS_MAX];

	if (names[call] == NULL)
		names[call] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
	return names[call];
}

/* One text and offsets into it: pointers would have to be relocated at every start. */
static void print_names(void)
{
	unsigned offset = 1;

	printf("const char jail_call_texts[] =\n\t\"\\0\"\n");
	for (int call = 0; call < JAIL_CALLS_MAX; call++)
		if (name_of(call) != NULL)
			printf("\t\"%s\\0\"\n", name_of(call));
	printf("\t;\n\nconst unsigned short jail_call_names[JAIL_CALLS_MAX] = {\n");
	for (int call = 0; call < JAIL_CALLS_MAX; call++) {
		if (name_of(call) == NULL)
			continue;
		printf("\t[%d] = %u,\n", call, offset);
		offset += (unsigned)strlen(name_of(call)) + 1;
	}
	printf("};\n");
}

static void print_code(void)
{
	printf("/* Made by tools/filters.c from seccomp/calls.def. */\n"
	       "#include \"seccomp/jail_priv.h\"\n\n");
	for (int role = 0; role < JAIL_ROLE_COUNT; role++)
		print_program((enum jail_role)role);
	printf("const struct jail_program jail_programs[JAIL_ROLE_COUNT] = {\n");
	for (int role = 0; role < JAIL_ROLE_COUNT; role++)
		printf("\t{code_%d, sizeof(code_%d) / sizeof(code_%d[0])},\n", role, role, role);
	printf("};\n\n");
	print_names();
}

/* One paragraph a rule: the call with its checks, the threads, the reason. */
static void print_man(void)
{
	for (size_t i = 0; i < N_RULES; i++) {
		const struct rule *rule = &rules[i];
		const char *where = rule->roles == SETUP        ? "set-up"
				    : rule->roles == ON_CONTROL ? "set-up, control"
								: "set-up, control, vCPU";

		printf(".It Fn %s \"%s\" Pq %s%s\n%s.\n", rule->name, rule->checks_text, where,
		       rule->error != 0 ? "; fails" : "", rule->why);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--man") == 0)
		print_man();
	else
		print_code();
	return fflush(stdout) == 0 ? 0 : 1;
}
