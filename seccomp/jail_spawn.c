/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor: the cell's process and its namespaces. [namespaces(7)] */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (uint64_t)CLONE_NEWCGROUP)

struct jail jail_plan(enum jail_mode mode, enum jail_core core, uid_t uid, gid_t gid)
{
	uid_t own_uid = geteuid();
	gid_t own_gid = getegid();
	bool root = own_uid == 0;

	return (struct jail){
		.mode = mode,
		.core = core,
		.own_uid = own_uid,
		.own_gid = own_gid,
		.uid = uid != (uid_t)-1 ? uid
		       : root           ? JAIL_NOBODY
					: own_uid,
		.gid = gid != (gid_t)-1 ? gid
		       : root           ? JAIL_NOBODY
					: own_gid,
		.ids_asked = uid != (uid_t)-1 || gid != (gid_t)-1,
		.cgroup = {.fd = -1},
	};
}

/*
 * Filters of containers answer ENOSYS or EPERM to clone3, whose flags they cannot see: clone() then has
 * the namespaces, and the cgroup is joined a moment later.
 */
static long spawn(struct jail *jail, uint64_t namespaces, int *pid_fd)
{
	struct clone_args args = {.flags = namespaces | CLONE_PIDFD,
				  .pidfd = (uintptr_t)pid_fd,
				  .exit_signal = SIGCHLD};
	long pid;

	if (jail->cgroup.fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (__u64)jail->cgroup.fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0)
		return pid;
	pid = syscall(SYS_clone, namespaces | CLONE_PIDFD | SIGCHLD, NULL, pid_fd, NULL, NULL);
	if (pid >= 0)
		cgroup_join_later(&jail->cgroup);
	return pid;
}

/* Errors of a host that has no such namespaces, or none for us. */
static bool is_refusal(int error)
{
	return error == EPERM || error == ENOSPC || error == EINVAL || error == EUSERS ||
	       error == EACCES;
}

/* Can these be had? A process that ends at once has them for a moment. */
static bool can_have(uint64_t namespaces)
{
	struct jail probe = {.cgroup = {.fd = -1}};
	SCOPE_FD int pid_fd = -1;
	long pid = spawn(&probe, namespaces, &pid_fd);

	if (pid == 0)
		_exit(0);
	while (pid > 0 && waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
	return pid > 0;
}

/* What of these the host gives; root can have the others without a user namespace. */
static uint64_t find_available(uint64_t wanted)
{
	uint64_t user = can_have(CLONE_NEWUSER) ? (uint64_t)CLONE_NEWUSER : 0, all = user;

	for (uint64_t one = 1; one <= wanted; one <<= 1)
		if ((wanted & one & ~(uint64_t)CLONE_NEWUSER) != 0 && can_have(one | user))
			all |= one;
	return all;
}

/* "pid, network namespaces"; "namespaces" stands for all that each mode wants. */
static void name_namespaces(uint64_t namespaces, char ret_text[JAIL_NAMES_MAX])
{
	static const struct {
		uint64_t flag;
		const char *name;
	} names[] = {
		{CLONE_NEWUSER, "user"},   {CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"},
		{CLONE_NEWIPC, "ipc"},     {CLONE_NEWUTS, "uts"},  {CLONE_NEWCGROUP, "cgroup"},
		{CLONE_NEWNET, "network"},
	};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && namespaces != NAMESPACES; i++)
		if ((namespaces & names[i].flag) != 0)
			len += (size_t)snprintf(ret_text + len, JAIL_NAMES_MAX - len, "%s%s",
						len > 0 ? ", " : "", names[i].name);
	snprintf(ret_text + len, JAIL_NAMES_MAX - len, "%snamespaces", len > 0 ? " " : "");
}

bool jail_lacks_namespaces(const struct jail *jail, char ret_text[JAIL_NAMES_MAX])
{
	uint64_t missing = NAMESPACES & ~jail->namespaces;

	if (missing != 0)
		name_namespaces(missing, ret_text);
	return missing != 0;
}

static int refuse(struct err *err, int error, uint64_t missing)
{
	char names[JAIL_NAMES_MAX];

	name_namespaces(missing, names);
	return err_host(err, error, "--jail=strict: %s (see mayfly doctor)", names);
}

static void note_namespaces(struct jail *jail, uint64_t namespaces)
{
	jail->namespaces = namespaces;
	jail->holds |= ((namespaces & NAMESPACES) == NAMESPACES ? JAIL_HAS_NAMESPACES : 0) |
		       ((namespaces & CLONE_NEWUSER) != 0 ? JAIL_HAS_USER_NS : 0) |
		       ((namespaces & CLONE_NEWNET) != 0 ? JAIL_HAS_NETWORK_NS : 0);
}

static long spawn_confined(struct jail *jail, int *pid_fd, struct err *err)
{
	uint64_t wanted = NAMESPACES | CLONE_NEWUSER |
			  (jail->mode == JAIL_STRICT ? (uint64_t)CLONE_NEWNET : 0);
	uint64_t given = wanted;
	long pid = spawn(jail, given, pid_fd);

	if (pid < 0 && is_refusal(errno)) {
		int error = errno;

		given = find_available(wanted);
		if (jail->mode == JAIL_STRICT && given != wanted)
			return refuse(err, error, wanted & ~given);
		pid = spawn(jail, given, pid_fd);
	}
	if (pid < 0)
		return err_host(err, errno, "the cell's process");
	note_namespaces(jail, given);
	return pid;
}

int jail_spawn(struct jail *jail, pid_t *ret_pid, int *ret_pid_fd, struct err *err)
{
	int pid_fd = -1;
	long pid = jail->mode == JAIL_OFF ? spawn(jail, 0, &pid_fd)
					  : spawn_confined(jail, &pid_fd, err);

	if (pid < 0)
		return jail->mode == JAIL_OFF ? err_host(err, errno, "the cell's process")
					      : (int)pid;
	*ret_pid = (pid_t)pid;
	*ret_pid_fd = pid_fd;
	return 0;
}

bool jail_awaits_admission(const struct jail *jail)
{
	return (jail->holds & JAIL_HAS_USER_NS) != 0 || cgroup_awaits_cell(&jail->cgroup);
}
