/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - calls.def as a table, for the program that compiles the filters and for tests. Nothing
 * of it is in the monitor.
 */
#ifndef MAYFLY_SECCOMP_RULES_H
#define MAYFLY_SECCOMP_RULES_H

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/mman.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

#include "seccomp/jail_stages.h"

#define RULE_CHECKS_MAX 4

/* Passes where the argument's bits under the mask are the value. An empty mask: no check. */
struct rule_check {
	unsigned argument;
	uint64_t mask, value;
};

struct rule {
	const char *name; /* of the system call */
	unsigned roles;   /* bits: 1 << enum jail_role */
	const char *why;
	int error; /* 0: it passes; else it fails with this */
	struct rule_check checks[RULE_CHECKS_MAX];
	const char *checks_text;
};

#define SETUP      (1U << JAIL_SETUP)
#define ON_CONTROL (SETUP | 1U << JAIL_CONTROL)
#define ON_VCPU    (ON_CONTROL | 1U << JAIL_VCPU)
#define ON_LOOP    (SETUP | 1U << JAIL_LOOP)
#define RUNNING    (ON_VCPU | ON_LOOP)

#define IS(argument, value)                                                                        \
	{                                                                                          \
		argument, UINT64_MAX, (uint64_t)(value)                                            \
	}
#define SOCKET  JAIL_PLACE_SOCKET
#define OUTPUT  JAIL_PLACE_OUTPUT
#define OWN_PID JAIL_PLACE_PID
#define ANY                                                                                        \
	{                                                                                          \
		0, 0, 0                                                                            \
	}
#define NOTHING_BUT(argument, bits)                                                                \
	{                                                                                          \
		argument, ~(uint64_t)(bits), 0                                                     \
	}

#define EVENTS JAIL_EVENTS
#define AMONG(argument, events)                                                                    \
	{                                                                                          \
		argument, ~(uint64_t)(JAIL_EVENTS_MAX - 1), events                                 \
	}

/* What pthread_create() asks of clone [glibc sysdeps/unix/sysv/linux/createthread.c]. */
#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

#define CALL(name_, roles_, why_, ...)                                                             \
	{.name = #name_,                                                                           \
	 .roles = (roles_),                                                                        \
	 .why = (why_),                                                                            \
	 .checks = {__VA_ARGS__},                                                                  \
	 .checks_text = #__VA_ARGS__},
#define ANSWER(name_, error_, roles_, why_)                                                        \
	{.name = #name_, .roles = (roles_), .why = (why_), .error = (error_), .checks_text = ""},

static const struct rule rules[] = {
#include "seccomp/calls.def"
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

/*
 * Is the rule about this call? Of a call that a cell made, the numbers of its own are not known: any
 * will do.
 */
static inline bool rule_fits(const struct rule *rule, const struct seccomp_data *call,
			     bool is_settled)
{
	if (seccomp_syscall_resolve_name(rule->name) != call->nr)
		return false;
	for (unsigned i = 0; i < RULE_CHECKS_MAX; i++) {
		const struct rule_check *check = &rule->checks[i];
		bool is_place = check->value >= JAIL_PLACE_SOCKET && check->value <= JAIL_PLACE_PID;

		if (!(is_settled && is_place) &&
		    (call->args[check->argument] & check->mask) != check->value)
			return false;
	}
	return true;
}

static inline int rule_add(scmp_filter_ctx filter, const struct rule *rule)
{
	uint32_t action = rule->error != 0 ? SCMP_ACT_ERRNO((uint32_t)rule->error) : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp checks[RULE_CHECKS_MAX];
	unsigned n = 0;

	for (; n < RULE_CHECKS_MAX && rule->checks[n].mask != 0; n++)
		checks[n] = (struct scmp_arg_cmp){rule->checks[n].argument, SCMP_CMP_MASKED_EQ,
						  rule->checks[n].mask, rule->checks[n].value};
	return seccomp_rule_add_exact_array(filter, action,
					    seccomp_syscall_resolve_name(rule->name), n, checks);
}

/*
 * The filter of one role, without the rule `left_out` (NULL: with all). Whatever is not listed, of
 * another architecture too, kills the process. Returns NULL where libseccomp refuses; to be released
 * by seccomp_release().
 */
static inline scmp_filter_ctx rules_compile(enum jail_role role, const struct rule *left_out)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter == NULL ? -ENOMEM : 0;

	if (ret == 0)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A binary tree: the kernel walks the program for every call there is when it is loaded. */
	if (ret == 0)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < N_RULES && ret == 0; i++)
		if ((rules[i].roles & 1U << role) != 0 && &rules[i] != left_out)
			ret = rule_add(filter, &rules[i]);
	if (ret == 0)
		return filter;
	seccomp_release(filter);
	return NULL;
}

#endif
