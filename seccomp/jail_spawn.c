/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor: the cell's process, its namespaces and its ids. [user_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
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

static long spawn(const struct jail *jail, uint64_t namespaces, int *pid_fd)
{
	struct clone_args args = {.flags = namespaces | CLONE_PIDFD,
				  .pidfd = (uintptr_t)pid_fd,
				  .exit_signal = SIGCHLD};

	if (jail->cgroup.fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (__u64)jail->cgroup.fd;
	}
	return syscall(SYS_clone3, &args, sizeof(args));
}

/* What is tried, from much to little; root can have the others without a user namespace. */
static const struct attempt {
	uint64_t namespaces;
	unsigned holds;
} attempts[] = {
	{NAMESPACES | CLONE_NEWUSER, JAIL_HAS_NAMESPACES | JAIL_HAS_USER_NS},
	{NAMESPACES, JAIL_HAS_NAMESPACES},
	{0, 0},
};

/* Errors of a host that has no such namespaces, or none for us. */
static bool is_refusal(int error)
{
	return error == EPERM || error == ENOSPC || error == EINVAL || error == EUSERS ||
	       error == EACCES;
}

static int refuse(struct err *err, int error)
{
	err_host(err, error, "--jail=strict: user namespaces (see mayfly doctor)");
	return -error;
}

static long spawn_confined(struct jail *jail, int *pid_fd, struct err *err)
{
	uint64_t network = jail->mode == JAIL_STRICT ? (uint64_t)CLONE_NEWNET : 0;
	long pid = -1;

	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		unsigned before = jail->holds;

		jail->holds |= attempts[i].holds | (network != 0 ? JAIL_HAS_NETWORK_NS : 0);
		pid = spawn(jail, attempts[i].namespaces | network, pid_fd);
		if (pid >= 0)
			return pid;
		jail->holds = before;
		if (!is_refusal(errno))
			break;
		if (jail->mode == JAIL_STRICT)
			return refuse(err, errno);
	}
	return err_host(err, errno, "the cell's process");
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

static int write_proc(pid_t pid, const char *name, const char *text)
{
	char path[64];
	SCOPE_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd_write_all(fd, text, strlen(text));
}

/* Root of a container may have no other id than its own, which is then nobody's inside. */
static int write_map(const struct jail *jail, pid_t cell, const char *name, unsigned *wanted,
		     unsigned own, struct err *err)
{
	char line[64];
	int ret;

	snprintf(line, sizeof(line), "%u %u 1", JAIL_NOBODY, *wanted);
	ret = write_proc(cell, name, line);
	if (ret == -EPERM && *wanted != own && !jail->ids_asked) {
		*wanted = own;
		return write_map(jail, cell, name, wanted, own, err);
	}
	return ret < 0 ? err_host(err, -ret, "jail: %s \"%s\"", name, line) : 0;
}

int jail_admit(struct jail *jail, pid_t cell, struct err *err)
{
	int ret = cgroup_add(&jail->cgroup, cell, err);

	if (ret < 0 || (jail->holds & JAIL_HAS_USER_NS) == 0)
		return ret;
	/* Who may not set groups must say so before. */
	if (jail->own_uid != 0 && (ret = write_proc(cell, "setgroups", "deny")) < 0)
		return err_host(err, -ret, "jail: setgroups");
	ret = write_map(jail, cell, "uid_map", &jail->uid, jail->own_uid, err);
	return ret == 0 ? write_map(jail, cell, "gid_map", &jail->gid, jail->own_gid, err) : ret;
}
