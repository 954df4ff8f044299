/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system-call filters against the table they are made from: by an interpreter for every call and
 * role, and in the kernel for every rule.
 */
#include <criterion/criterion.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"
#include "seccomp/rules.h"
#include "tests/support/bpf.h"
#include "tests/support/host.h"

#define CALLS_MAX 512
#define X32_BIT   0x40000000

static bool in_role(const struct rule *rule, unsigned role)
{
	return (rule->roles & 1U << role) != 0;
}

/* What the table says of a call, left_out aside. */
static uint32_t expect(unsigned role, const struct seccomp_data *data)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (in_role(&rules[i], role) && rule_fits(&rules[i], data, false))
			return rules[i].error != 0 ? SECCOMP_RET_ERRNO | (uint32_t)rules[i].error
						   : SECCOMP_RET_ALLOW;
	return SECCOMP_RET_KILL_PROCESS;
}

static uint32_t answer(unsigned role, const struct seccomp_data *data)
{
	return bpf_run(jail_programs[role].code, jail_programs[role].len, data);
}

/* A call that the rule is about; its other arguments are `rest`. */
static struct seccomp_data example(const struct rule *rule, uint64_t rest)
{
	struct seccomp_data data = {.nr = seccomp_syscall_resolve_name(rule->name),
				    .arch = AUDIT_ARCH_X86_64};

	cr_assert_geq(data.nr, 0, "%s", rule->name);
	for (unsigned i = 0; i < 6; i++)
		data.args[i] = rest;
	for (unsigned i = 0; i < RULE_CHECKS_MAX && rule->checks[i].mask != 0; i++)
		data.args[rule->checks[i].argument] = rule->checks[i].value |
						      (rest & ~rule->checks[i].mask);
	return data;
}

Test(calls, each_rule_passes_in_its_roles_and_nowhere_else)
{
	for (size_t i = 0; i < N_RULES; i++)
		for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++) {
			struct seccomp_data data = example(&rules[i], ~UINT64_C(0));
			uint32_t ret = answer(role, &data);

			cr_assert_eq(ret, expect(role, &data), "%s", rules[i].name);
			cr_assert_eq(ret != SECCOMP_RET_KILL_PROCESS, in_role(&rules[i], role),
				     "%s (%s)", rules[i].name, rules[i].checks_text);
		}
}

Test(calls, each_check_refuses_every_other_bit)
{
	for (size_t i = 0; i < N_RULES; i++)
		for (unsigned j = 0; j < RULE_CHECKS_MAX; j++)
			for (unsigned bit = 0; bit < 64; bit++) {
				const struct rule_check *check = &rules[i].checks[j];
				struct seccomp_data data = example(&rules[i], 0);

				if ((check->mask & UINT64_C(1) << bit) == 0)
					continue;
				data.args[check->argument] ^= UINT64_C(1) << bit;
				cr_assert_not(rule_fits(&rules[i], &data, false));
				for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++)
					cr_assert_eq(answer(role, &data), expect(role, &data),
						     "%s, bit %u", rules[i].name, bit);
			}
}

Test(calls, whatever_is_not_in_the_table_kills)
{
	for (int call = 0; call < CALLS_MAX; call++)
		for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++) {
			struct seccomp_data data = {.nr = call, .arch = AUDIT_ARCH_X86_64};

			cr_assert_eq(answer(role, &data), expect(role, &data), "call %d", call);
			data.arch = AUDIT_ARCH_I386;
			cr_assert_eq(answer(role, &data), SECCOMP_RET_KILL_PROCESS, "i386 %d",
				     call);
			data.arch = AUDIT_ARCH_X86_64;
			data.nr = call | X32_BIT;
			cr_assert_eq(answer(role, &data), SECCOMP_RET_KILL_PROCESS, "x32 %d", call);
		}
}

/* A rule whose call passes without it is one too many. */
Test(calls, no_rule_is_redundant)
{
	for (size_t i = 0; i < N_RULES; i++)
		for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++) {
			struct seccomp_data data = example(&rules[i], 0);
			struct sock_filter code[512];
			scmp_filter_ctx filter;
			FILE *file = tmpfile();
			size_t len;

			if (!in_role(&rules[i], role))
				continue;
			filter = rules_compile((enum jail_role)role, &rules[i]);
			cr_assert(filter != NULL && file != NULL);
			cr_assert_eq(seccomp_export_bpf(filter, fileno(file)), 0);
			rewind(file);
			len = fread(code, sizeof(code[0]), 512, file);
			fclose(file);
			seccomp_release(filter);
			cr_assert_eq(bpf_run(code, len, &data), SECCOMP_RET_KILL_PROCESS, "%s (%s)",
				     rules[i].name, rules[i].why);
		}
}

/* Row 14 of the targets. */
Test(calls, are_few_and_checked)
{
	static const char *const checked[] = {"ioctl",
					      "mmap",
					      "mprotect",
					      "madvise",
					      "fcntl",
					      "prctl",
					      "futex",
					      "write",
					      "pwritev2",
					      "io_uring_enter",
					      "io_uring_register"};
	static const char *const never[] = {
		"open",    "openat", "openat2", "creat",    "execve",   "execveat",   "socket",
		"connect", "bind",   "fork",    "vfork",    "ptrace",   "unlink",     "rename",
		"chdir",   "mount",  "chroot",  "readlink", "stat",     "newfstatat", "mkdir",
		"symlink", "link",   "chmod",   "chown",    "truncate", "sendmsg"};
	unsigned n[JAIL_ROLE_COUNT] = {0}, n_union = 0;

	for (int call = 0; call < CALLS_MAX; call++) {
		bool has[JAIL_ROLE_COUNT] = {false};

		for (size_t i = 0; i < N_RULES; i++)
			for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++)
				has[role] |= in_role(&rules[i], role) &&
					     seccomp_syscall_resolve_name(rules[i].name) == call;
		for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++)
			n[role] += has[role];
		n_union += has[JAIL_CONTROL] || has[JAIL_VCPU] || has[JAIL_LOOP];
	}
	cr_assert_leq(n[JAIL_VCPU], 12u);
	cr_assert_leq(n[JAIL_CONTROL], 24u);
	cr_assert_leq(n[JAIL_LOOP], 24u);
	cr_assert_leq(n_union, 32u);
	for (size_t i = 0; i < N_RULES; i++) {
		for (size_t j = 0; j < ARRAY_LEN(checked); j++)
			cr_assert(strcmp(rules[i].name, checked[j]) != 0 ||
					  rules[i].checks[0].mask != 0,
				  "%s", rules[i].name);
		for (size_t j = 0; j < ARRAY_LEN(never); j++)
			cr_assert_str_neq(rules[i].name, never[j]);
		if (strncmp(rules[i].name, "clone", 5) == 0 ||
		    strcmp(rules[i].name, "io_uring_setup") == 0)
			cr_assert_eq(rules[i].roles, SETUP);
		cr_assert(in_role(&rules[i], JAIL_SETUP), "filters add up: %s", rules[i].name);
	}
}

/* In a child under the filter of a role: makes the call, and notes in `returned` that it did. */
static int try(unsigned role, const struct seccomp_data *data, volatile bool *returned)
{
	const struct sock_fprog program = {
		jail_programs[role].len, (struct sock_filter *)(uintptr_t)jail_programs[role].code};
	const __u64 *args = data->args;
	int status;
	pid_t pid;

	*returned = false;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		prctl(PR_SET_DUMPABLE, 0);
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
			_exit(99);
		syscall(data->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
		*returned = true;
		syscall(SYS_getuid); /* which no filter lets pass */
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* Arguments that no call can do harm with. */
#define HARMLESS (~UINT64_C(0))

Test(calls, each_rule_holds_in_the_kernel)
{
	volatile bool *returned = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				       -1, 0);

	if (WITH_SANITIZER)
		cr_skip_test("the sanitizers make calls of their own");
	for (size_t i = 0; i < N_RULES; i++)
		for (unsigned role = 0; role < JAIL_ROLE_COUNT; role++) {
			struct seccomp_data data = example(&rules[i], HARMLESS);
			int status = try(role, &data, returned);
			/* Those that end it do not return. */
			bool passed = *returned || !was_killed(status);

			cr_assert_eq(passed, in_role(&rules[i], role), "%s (%s)", rules[i].name,
				     rules[i].checks_text);
			if (rules[i].checks[0].mask == 0)
				continue;
			data.args[rules[i].checks[0].argument] ^= UINT64_C(1) << 40;
			status = try(role, &data, returned);
			cr_assert(was_killed(status) && !*returned, "%s", rules[i].name);
		}
}

Test(calls, have_names)
{
	cr_assert_str_eq(jail_call_name(SYS_socket), "socket");
	cr_assert_str_eq(jail_call_name(100000), "?");
}
