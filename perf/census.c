/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/census.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define TASKS_MAX 64
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

struct run {
	pid_t tasks[TASKS_MAX]; /* that live */
	unsigned n_tasks;
	bool has_begun; /* the program has been executed */
	struct census census;
};

static void add_task(struct run *run, pid_t task)
{
	if (run->n_tasks < TASKS_MAX)
		run->tasks[run->n_tasks++] = task;
	run->census.n_tasks++;
}

static void remove_task(struct run *run, pid_t task)
{
	for (unsigned i = 0; i < run->n_tasks; i++)
		if (run->tasks[i] == task)
			run->tasks[i--] = run->tasks[--run->n_tasks];
}

static FILE *open_proc(pid_t task, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)task, name);
	return fopen(path, "re");
}

/* Is the line about `key`? Then its number is `ret_number`. */
static bool read_line(const char *line, const char *key, long *ret_number)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0 || line[len] != ':')
		return false;
	*ret_number = strtol(line + len + 1, NULL, 10);
	return true;
}

/* A number of /proc/TASK/status, or 0. */
static long read_status(pid_t task, const char *key)
{
	FILE *file = open_proc(task, "status");
	long number = 0;
	char line[256];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL && !read_line(line, key, &number))
		;
	fclose(file);
	return number;
}

static long pss_of(pid_t process)
{
	FILE *file = open_proc(process, "smaps");
	long size = 0, pss, sum = 0;
	char line[512];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (!read_line(line, "Size", &size) && read_line(line, "Pss", &pss) &&
		    size < CENSUS_GUEST_MEMORY_KIB)
			sum += pss;
	fclose(file);
	return sum;
}

/* The memory of all processes now; the most of it is kept. */
static void weigh(struct run *run)
{
	long rss = 0, pss = 0;

	for (unsigned i = 0; i < run->n_tasks; i++) {
		pid_t task = run->tasks[i];

		if (read_status(task, "Tgid") != task)
			continue;
		rss += read_status(task, "VmHWM");
		pss += pss_of(task);
	}
	if (rss > run->census.rss_kib)
		run->census.rss_kib = rss;
	if (pss > run->census.pss_kib)
		run->census.pss_kib = pss;
}

static bool is_call_entry(pid_t task)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* A task has stopped. Returns the signal that it goes on with. */
static int handle_stop(struct run *run, pid_t task, int status)
{
	int signal = WSTOPSIG(status);
	unsigned long child;

	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, task, 0, &child) == 0)
			add_task(run, (pid_t)child);
		return 0;
	case PTRACE_EVENT_EXEC:
		run->has_begun = true;
		return 0;
	case PTRACE_EVENT_EXIT:
		weigh(run);
		return 0;
	case PTRACE_EVENT_STOP:
		return 0;
	default:
		break;
	}
	if (signal != (SIGTRAP | 0x80))
		return signal;
	if (run->has_begun && is_call_entry(task))
		run->census.n_calls++;
	return 0;
}

static void follow(struct run *run)
{
	int status;
	pid_t task;

	while (run->n_tasks > 0 && (task = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status))
			ptrace(PTRACE_SYSCALL, task, 0, handle_stop(run, task, status));
		else
			remove_task(run, task);
	}
}

static _Noreturn void become(const char *const argv[])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out[2];

	/* A pipe, as in the timed runs; what little there is stays in it. */
	if (null < 0 || pipe2(out, O_CLOEXEC) < 0)
		_exit(1);
	dup2(null, STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	fcntl(out[0], F_SETFD, 0);
	raise(SIGSTOP);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(1);
}

/* It may have stopped, to wait for us. */
static void end_child(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}

bool census_take(const char *const argv[], struct census *ret_census)
{
	struct run run = {0};
	pid_t pid = fork();
	int status;

	if (pid == 0)
		become(argv);
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid ||
	    ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) < 0 || kill(pid, SIGCONT) < 0) {
		fprintf(stderr, "bench: %s cannot be traced: %s\n", argv[0], strerror(errno));
		end_child(pid);
		return false;
	}
	add_task(&run, pid);
	follow(&run);
	*ret_census = run.census;
	return run.has_begun;
}
