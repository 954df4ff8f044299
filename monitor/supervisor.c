/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a run, seen from outside the cell:
 *
 *   RUNNING --signal TERM, INT--> ASKED      the guest was sent Ctrl-Alt-Del and has 5 s
 *   RUNNING, ASKED --HUP, QUIT, a second signal, no keyboard, a limit--> STOPPING
 *                                            the cell was told to stop and has 0.5 s
 *   STOPPING --its time is up--> GONE        it was killed
 *   any --the cell says its last word, lies, or dies--> GONE
 */
#include "monitor/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/msg.h"
#include "monitor/cell.h"
#include "monitor/epilogue.h"
#include "monitor/files.h"
#include "monitor/options.h"
#include "monitor/terminal.h"

#define SECOND        INT64_C(1000000000)
#define MILLISECOND   INT64_C(1000000)
#define ASK_PATIENCE  (5 * SECOND)
#define STOP_PATIENCE (500 * MILLISECOND)
#define NEVER         INT64_MAX

enum state { RUNNING, ASKED, STOPPING, GONE };

struct supervisor {
	struct epilogue after;
	struct files files;
	struct terminal terminal;
	int socket;
	int signal_fd;
	pid_t cell;
	int cell_fd; /* the same, as a descriptor: readable once it is dead */
	enum state state;
	int64_t limit_at;         /* CLOCK_MONOTONIC ns: the time limit, or NEVER */
	int64_t step_at;          /* when the present state has lasted too long */
	struct expected expected; /* of the cell */
	size_t n_typed;           /* bytes that wait for the guest */
	uint8_t typed[UART_INPUT_MAX];
	struct to_cell to;
};

/*
 * Standard error while there is a cell: neither it nor a signal waits for a reader. What that one does
 * not take at once is kept for the end.
 */
static struct outlet user; /* all of it zero at first: 64 KiB that are in no file */

static void say(const char *text)
{
	user.fd = STDERR_FILENO;
	user.kind = OUTLET_NOWAIT;
	outlet_put(&user, (const uint8_t *)text, strlen(text));
}

static void say_the_rest(void)
{
	while (!outlet_drain(&user))
		outlet_wait(&user, -1, 1000);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static bool wants_counters(const struct config *config)
{
	return config->exits != TABLE_OFF || config->timeline != TABLE_OFF ||
	       config->report_path != NULL;
}

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/* As nohup(1) and shells without job control have it: what is ignored at the start stays so. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return signal != SIGTERM && sigaction(signal, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

/*
 * Blocks the signals that end us, which are then read from signal_fd; those of the cell, until it
 * has handlers; and those that would kill either of us over a write.
 */
static int take_signals(struct supervisor *s, struct err *err)
{
	static const int others[] = {CONTROL_SIGNAL, SIGALRM, SIGPIPE, SIGXFSZ, SIGTTOU};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending_signals); i++)
		if (!is_ignored(ending_signals[i]))
			sigaddset(&set, ending_signals[i]);
	sigaddset(&set, SIGCONT);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		sigaddset(&set, others[i]);
	/* Who starts us may ignore it; then the cell's end could not be waited for. */
	signal(SIGCHLD, SIG_DFL);
	if (s->signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_host(err, errno, "signals");
	return 0;
}

/*
 * The run is over: whoever still wants an end gets it at once, because what is said from here on may
 * have to wait for a reader.
 */
static void begin_to_wait(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	say_the_rest();
}

static struct cell_spec make_spec(struct supervisor *s, int cell_socket)
{
	const struct config *config = s->after.config;
	struct cell_spec spec = {
		.socket = cell_socket,
		.kvm_fd = s->files.kvm,
		.output_fd = s->files.output,
		.output_kind = s->files.output_kind,
		.replace_output = s->files.replace_output,
		.jail = &s->after.jail,
		.kernel = s->files.kernel,
		.initrd = s->files.initrd,
		.format = (enum boot_format)config->format,
		.irqchip = (enum irqchip_kind)config->irqchip,
		.acpi = config->acpi,
		.dry_run = config->dry_run,
		.cmdline = config->cmdline,
		.vm = {.memory = config->memory,
		       .backing = config->hugepages ? MEM_HUGETLB
				  : config->memfd   ? MEM_MEMFD
						    : MEM_ANONYMOUS,
		       .prefault = config->prefault,
		       .serial = config->serial != SERIAL_NONE,
		       .n_vcpus = config->n_cpus,
		       .n_pins = config->n_pins,
		       .counters = s->after.counters,
		       .count_exits = config->exits != TABLE_OFF || config->report_path != NULL},
	};

	memcpy(spec.vm.pins, config->pins, sizeof(spec.vm.pins));
	return spec;
}

static void signal_cell(const struct supervisor *s, int signal)
{
	syscall(SYS_pidfd_send_signal, s->cell_fd, signal, NULL, 0);
}

static void kill_cell(struct supervisor *s)
{
	signal_cell(s, SIGKILL);
	s->state = GONE;
}

/* It neither reads nor says what a cell of ours would. */
static void kill_liar(struct supervisor *s)
{
	if (s->state < STOPPING)
		s->after.outcome.kind = OUTCOME_CELL_LIED;
	kill_cell(s);
}

/* Never waits. A cell that is gone has failed and has told why: its socket will say so. */
static int tell_cell(struct supervisor *s, struct err *err)
{
	int ret = msg_send(s->socket, &s->to, to_cell_len(&s->to), MSG_DONTWAIT);

	return ret == 0 || ret == -EPIPE || ret == -ECONNRESET
		       ? 0
		       : err_host(err, -ret, "the cell's socket");
}

/* To a running cell, which is called away from its guest. One that reads nothing is ended. */
static void send_to_cell(struct supervisor *s, uint32_t type)
{
	struct err err;

	s->to.type = type;
	if (tell_cell(s, &err) < 0)
		kill_liar(s);
	else
		signal_cell(s, CONTROL_SIGNAL);
}

/* Gives the cell its ids, and lets it go on. */
static int admit_cell(struct supervisor *s, struct err *err)
{
	int ret;

	s->expected = (struct expected){.dry_run = s->after.config->dry_run, .jailed = true};
	if (!jail_awaits_admission(&s->after.jail))
		return 0;
	ret = jail_admit(&s->after.jail, s->cell, err);
	if (ret < 0)
		return ret;
	s->to.type = TO_CELL_GO;
	return tell_cell(s, err);
}

/* Returns in the supervisor only. */
static int start_cell(struct supervisor *s, struct err *err)
{
	const struct config *config = s->after.config;
	struct cell_spec spec;
	int sockets[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_host(err, errno, "socket pair");
	spec = make_spec(s, sockets[1]);
	ret = jail_spawn(&s->after.jail, &s->cell, &s->cell_fd, err);
	if (ret < 0)
		return ret;
	if (s->cell == 0) {
		if (config->jail != JAIL_OFF)
			config_forget(config);
		cell_main(&spec);
	}
	close(sockets[1]);
	s->socket = sockets[0];
	return admit_cell(s, err);
}

/* While the cell makes its VM: asking takes KVM as long as that. */
static int send_cpuid(struct supervisor *s, struct err *err)
{
	int ret = cpuid_ask_host(s->files.kvm, &s->to.host);

	if (ret < 0)
		return err_host(err, -ret, "/dev/kvm: CPUID of the host");
	s->to.type = TO_CELL_CPUID;
	return tell_cell(s, err);
}

static void stop_cell(struct supervisor *s)
{
	if (s->state >= STOPPING)
		return;
	s->state = STOPPING;
	s->step_at = now_ns() + STOP_PATIENCE;
	send_to_cell(s, TO_CELL_STOP);
}

static void send_ctrl_alt_del(struct supervisor *s)
{
	s->expected.no_keyboard = true;
	send_to_cell(s, TO_CELL_CTRL_ALT_DEL);
}

static void ask_guest(struct supervisor *s)
{
	s->state = ASKED;
	s->step_at = now_ns() + ASK_PATIENCE;
	send_ctrl_alt_del(s);
}

/* The user wants it to end; gently: the guest is asked first. */
static void end_by_signal(struct supervisor *s, int signal, bool gently)
{
	if (s->state < STOPPING) {
		s->after.outcome.kind = OUTCOME_SIGNAL;
		s->after.outcome.signal = signal;
	}
	if (gently && s->state == RUNNING)
		ask_guest(s);
	else
		stop_cell(s);
}

static void take_terminal(struct supervisor *s)
{
	terminal_take(&s->terminal);
	terminal_guard(&s->terminal);
}

static void handle_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGCONT)
			take_terminal(s);
		else
			end_by_signal(s, signal, signal == SIGTERM || signal == SIGINT);
	}
}

static void handle_timers(struct supervisor *s)
{
	int64_t now = now_ns();

	if (now >= s->limit_at && s->state < STOPPING) {
		s->after.outcome.kind = OUTCOME_TIME_LIMIT;
		s->limit_at = NEVER;
		stop_cell(s);
	} else if (now >= s->step_at) {
		if (s->state == ASKED)
			stop_cell(s);
		else
			kill_cell(s);
	}
}

static void obey_escape(struct supervisor *s, enum terminal_command command)
{
	switch (command) {
	case TERMINAL_STOP:
		end_by_signal(s, SIGINT, false);
		break;
	case TERMINAL_CTRL_ALT_DEL:
		send_ctrl_alt_del(s);
		break;
	case TERMINAL_HELP:
		say("\r\nmayfly: Ctrl-] then q: end the run, r: Ctrl-Alt-Del, Ctrl-]: type it\r\n");
		break;
	case TERMINAL_NONE:
	default:
		break;
	}
}

/* Gives the guest what it waits for, if it is there. */
static void feed_guest(struct supervisor *s)
{
	size_t len = s->expected.wish < s->n_typed ? s->expected.wish : s->n_typed;

	if (len == 0)
		return;
	memcpy(s->to.input, s->typed, len);
	memmove(s->typed, s->typed + len, s->n_typed - len);
	s->n_typed -= len;
	s->to.len = (uint32_t)len;
	s->expected.wish = 0;
	send_to_cell(s, TO_CELL_INPUT);
}

/*
 * What the user typed or piped in. A terminal is read also while the guest does not listen, for the
 * escape key; what there is no room for is lost.
 */
static void handle_input(struct supervisor *s)
{
	enum terminal_command command = TERMINAL_NONE;
	uint8_t bytes[UART_INPUT_MAX];
	size_t room = sizeof(s->typed) - s->n_typed, len;
	ssize_t n;

	/* A shell that brings a job to the front does not always say so. */
	if (!s->terminal.raw)
		take_terminal(s);
	n = read(s->files.input, bytes, sizeof(bytes));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		s->files.input = -1;
		return;
	}
	len = (size_t)n;
	if (s->terminal.raw)
		len = terminal_filter(&s->terminal, bytes, len, &command);
	memcpy(s->typed + s->n_typed, bytes, len < room ? len : room);
	s->n_typed += len < room ? len : room;
	feed_guest(s);
	obey_escape(s, command);
}

/* Said before it read anything hostile, and so to be believed. */
static void take_jail(struct supervisor *s)
{
	const char *missing;
	char text[512];

	s->expected.jailed = false;
	s->after.jail.holds = s->after.last.number & JAIL_HAS_ALL;
	missing = jail_missing(&s->after.jail);
	if (missing == NULL || s->after.config->quiet)
		return;
	snprintf(text, sizeof(text), "mayfly: --jail=%s: %s\n", jail_names[s->after.jail.mode],
		 missing);
	say(text);
}

static void take_message(struct supervisor *s)
{
	if (s->after.last.type == FROM_CELL_JAILED) {
		take_jail(s);
	} else if (s->after.last.type == FROM_CELL_WISH) {
		s->expected.wish = s->after.last.number;
		s->expected.has_run = true;
		feed_guest(s);
	} else if (s->after.last.type == FROM_CELL_NO_KEYBOARD) {
		s->expected.no_keyboard = false;
		if (s->state == ASKED)
			stop_cell(s);
	} else {
		/* Its last word: whether it goes by itself or is killed is all the same. */
		s->after.told = true;
		s->state = GONE;
	}
}

/* One message. False where there was none, or after the last word: then nothing is read any more. */
static bool read_cell(struct supervisor *s)
{
	int n = msg_recv(s->socket, &s->after.last, sizeof(s->after.last), MSG_DONTWAIT);

	if (n == -EAGAIN)
		return false;
	/* A peer that died with mail unread is an error first; what it said comes after that. */
	if (n == -ECONNRESET)
		return true;
	if (n == 0)
		kill_cell(s); /* it is about to die, or had better be */
	else if (n > 0 && from_cell_judge(&s->after.last, (size_t)n, &s->expected))
		take_message(s);
	else
		kill_liar(s);
	return s->state != GONE;
}

/* The dead have said all that will ever be read. */
static void bury_cell(struct supervisor *s)
{
	while (read_cell(s))
		;
	s->state = GONE;
}

static bool listens_to_input(const struct supervisor *s)
{
	return s->files.input >= 0 && (s->expected.wish > 0 || s->terminal.raw);
}

static int poll_timeout_ms(const struct supervisor *s)
{
	int64_t at = s->limit_at < s->step_at ? s->limit_at : s->step_at, left;

	if (at == NEVER)
		return -1;
	left = (at - now_ns() + MILLISECOND - 1) / MILLISECOND;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Until there is nothing more to be heard of the cell. */
static void watch(struct supervisor *s)
{
	while (s->state != GONE) {
		struct pollfd fds[] = {
			{.fd = s->socket, .events = POLLIN},
			{.fd = s->cell_fd, .events = POLLIN},
			{.fd = s->signal_fd, .events = POLLIN},
			{.fd = listens_to_input(s) ? s->files.input : -1, .events = POLLIN},
		};

		if (poll(fds, ARRAY_LEN(fds), poll_timeout_ms(s)) < 0 && errno != EINTR)
			break;
		if (fds[2].revents != 0)
			handle_signals(s);
		if (fds[1].revents != 0)
			bury_cell(s);
		else if (fds[0].revents != 0)
			read_cell(s);
		else if (fds[3].revents != 0)
			handle_input(s);
		handle_timers(s);
	}
}

static void reap(struct supervisor *s)
{
	/* It is on its way, or it lies: a cell that said its last word has no say any more. */
	signal_cell(s, SIGKILL);
	while (waitpid(s->cell, &s->after.outcome.wait_status, 0) < 0 && errno == EINTR)
		;
	counters_stamp(s->after.counters, PHASE_REAPED);
	cgroup_remove(&s->after.jail.cgroup);
}

/* Beside the guest's memory: the monitor's, page tables, KVM's own. */
#define MEMORY_FITTING(guest) ((guest) + (guest) / 64 + MIB(64))
#define THREADS_FITTING(n)    ((n) + 8)

/* A cgroup for the cell where one is asked for. */
static int limit_cell(struct supervisor *s, struct err *err)
{
	const struct config *config = s->after.config;
	const uint64_t fitting[CGROUP_CONTROLLER_COUNT] = {
		[CGROUP_MEMORY] = MEMORY_FITTING(config->memory),
		[CGROUP_PIDS] = THREADS_FITTING(config->n_cpus),
	};

	if (config->cgroup.path[0] == '\0' || config->dry_run)
		return 0;
	return cgroup_make(&s->after.jail.cgroup, &config->cgroup, fitting, err);
}

static int set_up(struct supervisor *s, struct timespec started, struct err *err)
{
	const struct config *config = s->after.config;
	int ret;

	s->limit_at = config->timeout_ns > 0 ? now_ns() + (int64_t)config->timeout_ns : NEVER;
	s->step_at = NEVER;
	if (wants_counters(config)) {
		s->after.counters = counters_new(config->n_cpus);
		if (s->after.counters == NULL)
			return err_host(err, ENOMEM, "counters");
		counters_start(s->after.counters, started);
		counters_stamp(s->after.counters, PHASE_CONFIG);
	}
	if ((ret = files_open(config, &s->files, err)) < 0 ||
	    (ret = report_open(&s->after.report, config->report_path, err)) < 0 ||
	    (ret = take_signals(s, err)) < 0 || (ret = limit_cell(s, err)) < 0)
		return ret;
	counters_stamp(s->after.counters, PHASE_FILES);
	terminal_init(&s->terminal, s->files.input);
	return start_cell(s, err);
}

int supervisor_run(const struct config *config, struct timespec started)
{
	static struct supervisor supervisor; /* some 14 KiB of messages: not for a stack */
	struct supervisor *s = &supervisor;
	struct err err = {0};
	int ret;

	s->after.config = config;
	s->after.outcome.kind = OUTCOME_CELL_DIED;
	s->after.jail = jail_plan((enum jail_mode)config->jail, (enum jail_core)config->core_sched,
				  config->uid, config->gid);
	ret = set_up(s, started, &err);
	if (ret == 0 && !config->dry_run)
		ret = send_cpuid(s, &err);
	if (ret < 0) {
		if (s->cell > 0)
			reap(s);
		terminal_restore(&s->terminal);
		begin_to_wait();
		epilogue_print_error(&err);
		return err.status;
	}
	terminal_guard(&s->terminal);
	watch(s);
	reap(s);
	terminal_restore(&s->terminal);
	begin_to_wait();
	return epilogue_tell(&s->after);
}
