/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System-call filters. They add up: a thread's final filter narrows the set-up filter, which every
 * thread inherits. [linux userspace-api/seccomp_filter.rst]
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"

#define PROGRAM_MAX 512 /* instructions */

static jail_trap_fn *trap;
static pid_t own_pid;
static _Thread_local enum jail_role own_role;

/* What an instruction compares with or returns, for this cell. */
static uint32_t settle(const struct jail *jail, const struct sock_filter *op)
{
	if (op->code == (BPF_RET | BPF_K))
		return jail->mode == JAIL_TRACE && op->k == SECCOMP_RET_KILL_PROCESS
			       ? SECCOMP_RET_TRAP
			       : op->k;
	switch (op->k) {
	case JAIL_PLACE_SOCKET:
		return (uint32_t)jail->socket;
	case JAIL_PLACE_OUTPUT:
		return (uint32_t)jail->output;
	case JAIL_PLACE_PID:
		return (uint32_t)own_pid;
	default:
		return op->k;
	}
}

static int install(const struct jail *jail, const struct jail_program *program)
{
	struct sock_filter code[PROGRAM_MAX];
	const struct sock_fprog settled = {program->len, code};

	if (program->len > PROGRAM_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < program->len; i++) {
		code[i] = program->code[i];
		code[i].k = settle(jail, &program->code[i]);
	}
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &settled) < 0 ? -errno : 0;
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
	ret = install(jail, program);
	return ret < 0 ? err_host(err, -ret, "jail: system-call filter") : 0;
}

int jail_filter(struct jail *jail, jail_trap_fn *on_trap, struct err *err)
{
	const struct sigaction action = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	if (WITH_SANITIZER)
		return jail_without(jail, err, ENOSYS, "system-call filters (sanitizer build)");
	trap = on_trap;
	own_pid = getpid();
	if (jail->mode == JAIL_TRACE && sigaction(SIGSYS, &action, NULL) < 0)
		return err_host(err, errno, "jail: SIGSYS");
	jail->holds |= JAIL_HAS_FILTERS;
	return jail_seal(jail, JAIL_SETUP, err);
}
