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

static int open_socket(int family, int type)
{
	return result(socket(family, type, 0));
}

static int unix_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_UNIX, SOCK_STREAM);
}

static int tcp_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_INET, SOCK_STREAM);
}

static int udp6_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_INET6, SOCK_DGRAM);
}

static int netlink_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_NETLINK, SOCK_RAW);
}

static int packet_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_PACKET, SOCK_RAW);
}

static int vsock_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_VSOCK, SOCK_STREAM);
}

static int alg_socket(const struct scene *scene)
{
	(void)scene;
	return open_socket(AF_ALG, SOCK_SEQPACKET);
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
	{"signal-supervisor", signal_supervisor, false},
	{"kick-victim", kick_victim, true},
	{"signal-all", signal_everybody, false},
	{"queue-signal", queue_signal, false},
	{"ptrace", trace, true},
	{"read-supervisor", read_supervisor, false},
	{"read-victim", read_victim, true},
	{"write-supervisor", write_supervisor, false},
	{"pidfd", open_process, false},
	{"affinity", set_affinity_of_supervisor, false},
	{"limits", set_limit_of_supervisor, false},
	{"fork", fork_child, false},
	{"clone", clone_child, false},
	{"user-namespace", enter_user_namespace, true},
	{"mount-namespace", enter_mount_namespace, true},
	{"setuid", become_root, true},
	{"socket-unix", unix_socket, false},
	{"socket-tcp", tcp_socket, false},
	{"socket-udp6", udp6_socket, false},
	{"socket-netlink", netlink_socket, false},
	{"socket-packet", packet_socket, true},
	{"socket-vsock", vsock_socket, false},
	{"socket-alg", alg_socket, false},
	{"socketpair", socket_pair, false},
	{"dup", duplicate_descriptor, false},
	{0},
};
