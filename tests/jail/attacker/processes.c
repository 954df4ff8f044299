/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/jail/attacker/attacks.h"

#define NOBODYS_SIGNAL 0 /* only asks whether one could be sent */

static int signal_supervisor(const struct scene *scene)
{
	return result(kill(scene->supervisor, NOBODYS_SIGNAL));
}

/* The one signal that the filter lets pass, at somebody else: SIGUSR2 is blocked or ignored there. */
static int kick_victim(const struct scene *scene)
{
	return result(syscall(SYS_tgkill, scene->victim, scene->victim, SIGUSR2));
}

static int signal_everybody(const struct scene *scene)
{
	(void)scene;
	return result(kill(-1, NOBODYS_SIGNAL));
}

static int queue_signal(const struct scene *scene)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	return result(syscall(SYS_rt_sigqueueinfo, scene->supervisor, NOBODYS_SIGNAL, &info));
}

static int trace(const struct scene *scene)
{
	long ret = ptrace(PTRACE_SEIZE, scene->victim, NULL, NULL);

	return result(ret);
}

static int read_process(pid_t pid)
{
	char bytes[8];
	struct iovec local = {bytes, sizeof(bytes)}, remote = {(void *)8, 8};
	long ret = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	/* EFAULT: it was allowed, and nothing is mapped there. */
	return ret < 0 && errno == EFAULT ? 0 : result(ret);
}

static int read_supervisor(const struct scene *scene)
{
	return read_process(scene->supervisor);
}

static int read_victim(const struct scene *scene)
{
	return read_process(scene->victim);
}

static int write_supervisor(const struct scene *scene)
{
	char bytes[8] = {0};
	struct iovec local = {bytes, sizeof(bytes)}, remote = {(void *)8, 8};
	long ret = process_vm_writev(scene->supervisor, &local, 1, &remote, 1, 0);

	return ret < 0 && errno == EFAULT ? 0 : result(ret);
}

static int open_process(const struct scene *scene)
{
	return result(syscall(SYS_pidfd_open, scene->supervisor, 0));
}

static int set_affinity_of_supervisor(const struct scene *scene)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	return result(sched_getaffinity(scene->supervisor, sizeof(cpus), &cpus));
}

static int set_limit_of_supervisor(const struct scene *scene)
{
	struct rlimit limit;

	return result(prlimit(scene->supervisor, RLIMIT_NOFILE, NULL, &limit));
}

static int fork_child(const struct scene *scene)
{
	long pid = syscall(SYS_fork);

	(void)scene;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int clone_child(const struct scene *scene)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)scene;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

/* A process with threads cannot move; its child can. */
static int enter_user_namespace(const struct scene *scene)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	(void)scene;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid((pid_t)pid, NULL, 0);
	return result(pid);
}

static int enter_mount_namespace(const struct scene *scene)
{
	(void)scene;
	return result(unshare(CLONE_NEWNS));
}

static int become_root(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_setresuid, 0, 0, 0));
}

static int open_socket(const struct scene *scene)
{
	return result(socket(scene->attack->socket.family, scene->attack->socket.type, 0));
}

static int socket_pair(const struct scene *scene)
{
	int ends[2];

	(void)scene;
	return result(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}

static int duplicate_descriptor(const struct scene *scene)
{
	return result(dup(scene->vcpu->fd));
}

const struct attack attacks_on_processes[] = {
	{.name = "signal-supervisor", .make = signal_supervisor},
	{.name = "kick-victim", .make = kick_victim, .for_root = true},
	{.name = "signal-all", .make = signal_everybody},
	{.name = "queue-signal", .make = queue_signal},
	{.name = "ptrace", .make = trace, .for_root = true},
	{.name = "read-supervisor", .make = read_supervisor},
	{.name = "read-victim", .make = read_victim, .for_root = true},
	{.name = "write-supervisor", .make = write_supervisor},
	{.name = "pidfd", .make = open_process},
	{.name = "affinity", .make = set_affinity_of_supervisor},
	{.name = "limits", .make = set_limit_of_supervisor},
	{.name = "fork", .make = fork_child},
	{.name = "clone", .make = clone_child},
	{.name = "user-namespace", .make = enter_user_namespace, .for_root = true},
	{.name = "mount-namespace", .make = enter_mount_namespace, .for_root = true},
	{.name = "setuid", .make = become_root, .for_root = true},
	{.name = "socket-unix", .make = open_socket, .socket = {AF_UNIX, SOCK_STREAM}},
	{.name = "socket-tcp", .make = open_socket, .socket = {AF_INET, SOCK_STREAM}},
	{.name = "socket-udp6", .make = open_socket, .socket = {AF_INET6, SOCK_DGRAM}},
	{.name = "socket-netlink", .make = open_socket, .socket = {AF_NETLINK, SOCK_RAW}},
	{.name = "socket-packet",
	 .make = open_socket,
	 .for_root = true,
	 .socket = {AF_PACKET, SOCK_RAW}},
	{.name = "socket-vsock", .make = open_socket, .socket = {AF_VSOCK, SOCK_STREAM}},
	{.name = "socket-alg", .make = open_socket, .socket = {AF_ALG, SOCK_SEQPACKET}},
	{.name = "socketpair", .make = socket_pair},
	{.name = "dup", .make = duplicate_descriptor},
	{0},
};
