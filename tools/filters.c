/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filters.c - compiles seccomp/calls.def while mayfly is built, so that no run pays for it.
 *
 * `filters` prints C: a program for each role, and the names of all system calls. `filters --man`
 * copies a manual page from standard input to standard output, with the table in place of its line
 * @CALLS@.
 */
#include <ctype.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"
#include "seccomp/rules.h"

#define CODE_MAX     512
#define LINE_MAX_LEN 1024

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
	       "#include \"seccomp/jail_stages.h\"\n\n");
	for (int role = 0; role < JAIL_ROLE_COUNT; role++)
		print_program((enum jail_role)role);
	printf("const struct jail_program jail_programs[JAIL_ROLE_COUNT] = {\n");
	for (int role = 0; role < JAIL_ROLE_COUNT; role++)
		printf("\t{code_%d, sizeof(code_%d) / sizeof(code_%d[0])},\n", role, role, role);
	printf("};\n\n");
	print_names();
}

/*
 * The next check of "IS(1, KVM_RUN), NOTHING_BUT(2, BITS)": its kind by the first letter. Returns what
 * follows, or NULL: no more.
 */
static const char *next_check(const char *text, unsigned *argument, char *kind, const char **value,
			      int *value_len)
{
	int depth = 1;
	char *end;

	text += strspn(text, ", ");
	*kind = *text;
	text += strcspn(text, "(");
	if (*text == '\0')
		return NULL;
	*argument = (unsigned)strtoul(text + 1, &end, 10);
	*value = end + strspn(end, ", ");
	for (text = *value; depth > 0; text++)
		depth += *text == '(' ? 1 : *text == ')' ? -1 : 0;
	*value_len = (int)(text - 1 - *value);
	return text;
}

/* The call as it is written in C: what is not looked at is "_". */
static void print_call(const struct rule *rule)
{
	const char *rest = rule->checks_text, *value;
	unsigned next = 0, argument;
	char kind;
	int len;

	printf(".It Fn %s", rule->name);
	while ((rest = next_check(rest, &argument, &kind, &value, &len)) != NULL) {
		for (; next < argument; next++)
			printf(" _");
		printf(" \"%s%.*s\"",
		       kind == 'N'   ? "\\*(Le "
		       : kind == 'A' ? "one of "
				     : "",
		       len, value);
		next = argument + 1;
	}
	putchar('\n');
}

static const char *const role_names[JAIL_ROLE_COUNT] = {[JAIL_SETUP] = "set-up",
							[JAIL_CONTROL] = "control",
							[JAIL_VCPU] = "vCPU",
							[JAIL_LOOP] = "loop"};

/* One paragraph a rule: the call with its checks, the reason, the threads. */
static void print_rules(void)
{
	for (size_t i = 0; i < N_RULES; i++) {
		const struct rule *rule = &rules[i];

		print_call(rule);
		printf("%c%s.\n%sIn\n.Cm set-up", toupper((unsigned char)rule->why[0]),
		       rule->why + 1, rule->error != 0 ? "It fails, and kills nobody.\n" : "");
		for (unsigned role = JAIL_SETUP + 1; role < JAIL_ROLE_COUNT; role++)
			if ((rule->roles & 1U << role) != 0)
				printf(" , %s", role_names[role]);
		printf(" .\n");
	}
}

static void print_man(void)
{
	char line[LINE_MAX_LEN];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "@CALLS@\n") == 0)
			print_rules();
		else
			fputs(line, stdout);
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
