/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System-call filters. They add up: a thread's final filter narrows the set-up filter, which every
 * thread inherits. [linux userspace-api/seccomp_filter.rst]
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"

#define PROGRAM_MAX 512 /* instructions */

static jail_trap_fn *trap;
static _Thread_local enum jail_role own_role;

static int install(const struct sock_filter *code, unsigned short len)
{
	/* struct sock_fprog has no const; the kernel only reads. */
	const struct sock_fprog program = {len, (struct sock_filter *)(uintptr_t)code};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* The same program, but what it would kill is told instead. */
static int install_traced(const struct jail_program *program)
{
	struct sock_filter code[PROGRAM_MAX];

	if (program->len > PROGRAM_MAX)
		return -E2BIG;
	memcpy(code, program->code, program->len * sizeof(code[0]));
	for (unsigned i = 0; i < program->len; i++)
		if (code[i].code == (BPF_RET | BPF_K) && code[i].k == SECCOMP_RET_KILL_PROCESS)
			code[i].k = SECCOMP_RET_TRAP;
	return install(code, program->len);
}

static void on_sigsys(int signal, siginfo_t *info, void *context)
{
	ucontext_t *thread = context;

	(void)signal;
	/* Else the call would give its own number. */
	thread->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
	trap((unsigned)info->si_syscall, own_role);
}

int jail_seal(const struct jail *jail, enum jail_role role, struct err *err)
{
	const struct jail_program *program = &jail_programs[role];
	int ret;

	if ((jail->holds & JAIL_HAS_FILTERS) == 0)
		return 0;
	own_role = role;
	ret = jail->mode == JAIL_TRACE ? install_traced(program)
				       : install(program->code, program->len);
	return ret < 0 ? err_host(err, -ret, "jail: system-call filter") : 0;
}

int jail_filter(struct jail *jail, jail_trap_fn *on_trap, struct err *err)
{
	const struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	if (WITH_SANITIZER)
		return jail_without(jail, err, ENOSYS, "system-call filters (sanitizer build)");
	trap = on_trap;
	if (jail->mode == JAIL_TRACE && sigaction(SIGSYS, &action, NULL) < 0)
		return err_host(err, errno, "jail: SIGSYS");
	jail->holds |= JAIL_HAS_FILTERS;
	return jail_seal(jail, JAIL_SETUP, err);
}
