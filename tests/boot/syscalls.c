/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every system call of `mayfly run` with the built-in guest, in order: a growth is a decision, and
 * this is where it is made. Supervisor and cell stand apart, because how they interleave depends on
 * the moment. Calls that the vDSO answers do not show.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

#define CALLS_MAX 256
#define NAME_SIZE 64
#define LETTERS   21 /* of what the guest says, with its newline */

struct call {
	const char *name; /* and, of a call of many uses, which use */
	const char *why;
};

static const struct call supervisor_calls[] = {
	{"execve", "starts it"},
	{"brk", "libc: room for the first thread's own data"},
	{"brk", "the same"},
	{"arch_prctl", "libc: where that is"},
	{"set_tid_address", "libc: threads"},
	{"set_robust_list", "libc: threads"},
	{"rseq", "libc: threads"},
	{"prlimit64", "libc: how large stacks are"},
	{"readlink", "libc: the program's folder, for libraries that it never looks for"},
	{"getrandom", "libc: secret of malloc(), for its list of search paths"},
	{"brk", "libc: the heap for it"},
	{"brk", "the same"},
	{"brk", "the same"},
	{"mprotect", "libc: relocated data becomes read-only"},
	{"poll", "are descriptors 0 to 2 open? Else another file would take their place"},
	{"geteuid", "does root start it? Then the cell is nobody"},
	{"getegid", "the same"},
	{"newfstatat", "standard output: file, pipe, or terminal?"},
	{"newfstatat", "standard input: is there something to read?"},
	{"openat", "/dev/kvm"},
	{"rt_sigaction", "is SIGINT ignored from the start?"},
	{"rt_sigaction", "SIGHUP?"},
	{"rt_sigaction", "SIGQUIT?"},
	{"signalfd4", "the signals that end a run"},
	{"rt_sigaction", "SIGCHLD is not, whoever started us: the cell's end is waited for"},
	{"rt_sigprocmask", "and those that must not kill, blocked"},
	{"socketpair", "between supervisor and cell"},
	{"clone3", "the cell, in namespaces of its own"},
	{"close", "the cell's end of the socket: its other holder's death is to be seen"},
	{"openat", "jail: which number has the cell in this /proc?"},
	{"read", "jail: that"},
	{"close", "jail: its file"},
	{"openat", "jail: uid_map"},
	{"write", "jail: the one user id there is"},
	{"close", "jail: uid_map"},
	{"openat", "jail: gid_map"},
	{"write", "jail: the one group id"},
	{"close", "jail: gid_map"},
	{"sendto", "jail: the cell may go on"},
	{"ioctl KVM_GET_SUPPORTED_CPUID", "takes as long as the cell takes to make its VM"},
	{"ioctl KVM_CHECK_EXTENSION", "the TSC deadline timer, which CPUID does not tell of"},
	{"sendto", "both, to the cell"},
	{"poll", "waits for the cell, for signals, for input"},
	{"recvmsg", "what holds the cell"},
	{"poll", "waits again"},
	{"recvmsg", "the guest runs: from here on nothing can have failed to start"},
	{"poll", "waits again"},
	{"recvmsg", "the cell's last word"},
	{"pidfd_send_signal", "kills a cell that says its last word and stays"},
	{"wait4", "always reaps"},
	{"rt_sigprocmask", "signals end us at once again: what is said now may wait for a reader"},
	{"exit_group", "with the guest's status"},
};

static const struct call cell_calls[] = {
	{"close_range", "jail: standard input"},
	{"close_range", "jail: standard error"},
	{"close_range", "jail: the supervisor's descriptors"},
	{"close_range", "jail: all that was inherited"},
	{"mount", "jail: an empty root"},
	{"chdir", "jail: at its place"},
	{"pivot_root", "jail: with the old one under it"},
	{"umount2", "jail: which goes"},
	{"chdir", "jail: the new one"},
	{"recvmsg", "jail: waits for its ids"},
	{"prctl PR_CAPBSET_DROP", "jail: no capability ever again, one call for each there is"},
	{"setgroups", "jail: no groups"},
	{"setresgid", "jail: nobody's group"},
	{"setresuid", "jail: nobody"},
	{"capset", "jail: no capability now"},
	{"prctl PR_SET_DUMPABLE", "jail: no ptrace by the user's other processes"},
	{"prctl PR_SET_NO_NEW_PRIVS", "jail: no more rights"},
	{"prctl PR_SET_PDEATHSIG", "jail: no life after the supervisor's"},
	{"prctl PR_SCHED_CORE", "jail: no stranger on the same core"},
	{"prctl 0x43", "jail: no page shared with strangers (PR_SET_MEMORY_MERGE)"},
	{"prlimit64", "jail: no core dump"},
	{"prlimit64", "jail: few descriptors"},
	{"prlimit64", "jail: no message queues"},
	{"prlimit64", "jail: no deep stack"},
	{"prlimit64", "jail: no more memory than it can need"},
	{"prlimit64", "jail: no more threads than it can need"},
	{"landlock_create_ruleset", "jail: which version is it?"},
	{"landlock_create_ruleset", "jail: nothing is allowed"},
	{"landlock_restrict_self", "jail: from now on"},
	{"close", "jail: the rules"},
	{"getpid", "jail: whom the kicks may reach"},
	{"seccomp", "jail: the set-up filter"},
	{"sendto", "jail: what holds from now on"},
	{"ioctl KVM_CREATE_VM", "the VM"},
	{"mmap", "its memory"},
	{"madvise", "which is in no core dump"},
	{"ioctl KVM_SET_USER_MEMORY_REGION", "shown to KVM, before anything that makes this slow"},
	{"ioctl KVM_ENABLE_CAP", "split irqchip"},
	{"ioctl KVM_GET_VCPU_MMAP_SIZE", "how large the page shared with KVM is"},
	{"ioctl KVM_CREATE_VCPU", "the vCPU"},
	{"mmap", "that page"},
	{"recvmsg", "the host's CPUID"},
	{"ioctl KVM_SET_CPUID2", "the guest's"},
	{"ioctl KVM_SET_MSRS", "what firmware would have set"},
	{"gettid", "whom a kick would reach"},
	{"rt_sigaction", "the kick"},
	{"rt_sigaction", "the supervisor's signal"},
	{"rt_sigaction", "the timer that drains output"},
	{"rt_sigprocmask", "all three, let in"},
	{"close", "/dev/kvm: there will be no other VM"},
	{"seccomp", "jail: the final filter"},
	{"sendto", "set-up is over"},
	{"ioctl KVM_RUN", "once for each letter"},
	{"pwritev2", "the letter"},
	{"ioctl KVM_RUN", "to the exit port"},
	{"sendto", "the last word, after which it may be killed at any moment"},
};

/* The calls of one of the two, as strace saw them. */
struct trace {
	long pid;
	unsigned n;
	unsigned n_runs, n_letters;
	char names[CALLS_MAX][NAME_SIZE];
};

static struct trace supervisor, cell;

/*
 * The letters are many pairs of the same two calls: one pair stands for all. And how many
 * capabilities there are to be dropped depends on the kernel.
 */
static void fold(struct trace *trace)
{
	unsigned n = trace->n;

	if (n >= 2 && strcmp(trace->names[n - 1], "prctl PR_CAPBSET_DROP") == 0 &&
	    strcmp(trace->names[n - 2], trace->names[n - 1]) == 0)
		trace->n--;

	if (n >= 4 && strcmp(trace->names[n - 1], "pwritev2") == 0 &&
	    strcmp(trace->names[n - 3], "pwritev2") == 0 &&
	    strcmp(trace->names[n - 2], trace->names[n - 4]) == 0)
		trace->n -= 2;
}

/* "ioctl(5, KVM_RUN, 0) = 0" is "ioctl KVM_RUN", "prctl(PR_X, ...)" is "prctl PR_X". */
static void name_call(const char *line, char *ret_name)
{
	size_t len = strcspn(line, "(");
	const char *use = line + len + 1;
	bool is_ioctl = strncmp(line, "ioctl(", 6) == 0;

	if (is_ioctl)
		use += strcspn(use, " ") + 1;
	if (is_ioctl || strncmp(line, "prctl(", 6) == 0)
		snprintf(ret_name, NAME_SIZE, "%.*s %.*s", (int)len, line, (int)strcspn(use, ",) "),
			 use);
	else
		snprintf(ret_name, NAME_SIZE, "%.*s", (int)len, line);
}

static bool has_said_last_word(void)
{
	return cell.n_letters > 0 && strcmp(cell.names[cell.n - 1], "sendto") == 0;
}

/* A line is "PID CALL(...", or tells of a signal, an end, or how an earlier call came out. */
static void take_line(char *line)
{
	struct trace *trace;
	char *call;
	long pid = strtol(line, &call, 10);

	call += strspn(call, " ");
	if (strchr("<+-", *call) != NULL)
		return;
	if (supervisor.pid == 0)
		supervisor.pid = pid;
	else if (cell.pid == 0 && pid != supervisor.pid)
		cell.pid = pid;
	trace = pid == supervisor.pid ? &supervisor : &cell;
	cr_assert_eq(pid, trace->pid, "a third process: %s", line);
	if (trace == &cell && has_said_last_word())
		return;
	cr_assert_lt(trace->n, (unsigned)CALLS_MAX);
	name_call(call, trace->names[trace->n]);
	trace->n_runs += strcmp(trace->names[trace->n], "ioctl KVM_RUN") == 0;
	trace->n_letters += strcmp(trace->names[trace->n], "pwritev2") == 0;
	trace->n++;
	fold(trace);
}

static void trace_run(void)
{
	const char *path = scratch("strace");
	struct run run = run_program((const char *const[]){"/usr/bin/strace", "-f", "-o", path,
							   mayfly_path(), "run", NULL},
				     NULL);
	char *at = read_file(path, NULL);

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, "Hello from a mayfly.\n");
	supervisor = (struct trace){0};
	cell = (struct trace){0};
	for (char *line; (line = strsep(&at, "\n")) != NULL && *line != '\0';)
		take_line(line);
}

static void compare(const struct trace *trace, const struct call *calls, unsigned n_calls)
{
	for (unsigned i = 0; i < trace->n && i < n_calls; i++)
		cr_assert_str_eq(trace->names[i], calls[i].name, "call %u is %s, not %s (%s)", i,
				 trace->names[i], calls[i].name, calls[i].why);
	cr_assert_eq(trace->n, n_calls, "%u calls instead of %u; the last is %s", trace->n, n_calls,
		     trace->names[trace->n - 1]);
}

/* Where standard output is a pipe that does not know it, each letter costs another call. */
static void need_nowait_pipes(void)
{
	char byte = 'x';
	const struct iovec letter = {.iov_base = &byte, .iov_len = 1};
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	if (pwritev2(ends[1], &letter, 1, -1, RWF_NOWAIT) < 0)
		cr_skip_test("pipes of this kernel do not know RWF_NOWAIT: %s", strerror(errno));
	close(ends[0]);
	close(ends[1]);
}

Test(syscalls, of_the_smallest_run_are_these)
{
	if (is_sanitized())
		cr_skip_test("the sanitizers make calls of their own");
	need_kvm();
	need_program("strace");
	need_nowait_pipes();
	for (unsigned i = 0; i < count_for(5, 50); i++) {
		trace_run();
		compare(&supervisor, supervisor_calls,
			sizeof(supervisor_calls) / sizeof(supervisor_calls[0]));
		compare(&cell, cell_calls, sizeof(cell_calls) / sizeof(cell_calls[0]));
		cr_assert_eq(cell.n_letters, (unsigned)LETTERS);
		cr_assert_eq(cell.n_runs, LETTERS + 1u);
	}
}
