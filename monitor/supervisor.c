/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a run, seen from outside the cell:
 *
 *   RUNNING --signal TERM, INT--> ASKED      the guest was sent Ctrl-Alt-Del and has 5 s
 *   RUNNING, ASKED --HUP, QUIT, a second signal, no keyboard, a limit--> STOPPING
 *                                            the cell was told to stop and has 0.5 s
 *   STOPPING --its time is up--> KILLED      SIGKILL
 *   any --the cell says its last word, or its end of the socket closes--> GONE
 */
#include "monitor/supervisor.h"

#include <errno.h>
#include <linux/sched.h>
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
#include "monitor/config_json.h"
#include "monitor/crash_report.h"
#include "monitor/files.h"
#include "monitor/names.h"
#include "monitor/options.h"
#include "monitor/outcome.h"
#include "monitor/report.h"
#include "monitor/tables.h"
#include "monitor/terminal.h"

#define SECOND        INT64_C(1000000000)
#define MILLISECOND   INT64_C(1000000)
#define ASK_PATIENCE  (5 * SECOND)
#define STOP_PATIENCE (500 * MILLISECOND)
#define NEVER         INT64_MAX

enum state { RUNNING, ASKED, STOPPING, KILLED, GONE };

struct supervisor {
	const struct config *config;
	struct files files;
	struct terminal terminal;
	struct report report;
	struct counters *counters; /* NULL where nobody asked */
	int socket;
	int signal_fd;
	pid_t cell;
	enum state state;
	int64_t limit_at; /* CLOCK_MONOTONIC ns: the time limit, or NEVER */
	int64_t step_at;  /* when the present state has lasted too long */
	unsigned wish;    /* bytes of input that the guest waits for */
	size_t n_typed;   /* bytes that wait for the guest */
	uint8_t typed[UART_INPUT_MAX];
	struct outcome outcome;
	bool told;             /* the cell has said its last word: `last` */
	struct from_cell last; /* message of the cell's */
	struct to_cell to;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

void supervisor_print_error(const struct err *err)
{
	fprintf(stderr, "mayfly: %s\n", err->text);
}

static bool wants_counters(const struct config *config)
{
	return config->exits != TABLE_OFF || config->timeline != TABLE_OFF ||
	       config->report_path != NULL;
}

/*
 * Blocks the signals that end us, which are then read from signal_fd; those of the cell, until it
 * has handlers; and those that would kill either of us over a write.
 */
static int take_signals(struct supervisor *s, struct err *err)
{
	static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCONT};
	static const int others[] = {CONTROL_SIGNAL, SIGALRM, SIGPIPE, SIGXFSZ, SIGTTOU};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		sigaddset(&set, ours[i]);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		sigaddset(&set, others[i]);
	if (s->signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_host(err, errno, "signals");
	return 0;
}

static struct cell_spec make_spec(const struct supervisor *s, int cell_socket)
{
	const struct config *config = s->config;
	struct cell_spec spec = {
		.socket = cell_socket,
		.kvm_fd = s->files.kvm,
		.output_fd = s->files.output,
		.output_kind = s->files.output_kind,
		.supervisor = getpid(),
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
		       .counters = s->counters},
	};

	memcpy(spec.vm.pins, config->pins, sizeof(spec.vm.pins));
	return spec;
}

/* Returns in the supervisor only. */
static int start_cell(struct supervisor *s, struct err *err)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	struct cell_spec spec;
	int sockets[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_host(err, errno, "socket pair");
	spec = make_spec(s, sockets[1]);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		cell_main(&spec);
	close(sockets[1]);
	s->cell = pid;
	s->socket = sockets[0];
	if (pid < 0)
		return err_host(err, errno, "the cell's process");
	return 0;
}

/* The cell may be gone already; then its socket says so. */
static void send_to_cell(struct supervisor *s, uint32_t type)
{
	s->to.type = type;
	if (msg_send(s->socket, &s->to, to_cell_len(&s->to)) == 0)
		kill(s->cell, CONTROL_SIGNAL);
}

/* While the cell makes its VM: asking takes KVM as long as that. */
static int send_cpuid(struct supervisor *s, struct err *err)
{
	int ret = cpuid_ask_host(s->files.kvm, &s->to.host);

	if (ret < 0)
		return err_host(err, -ret, "/dev/kvm: CPUID of the host");
	s->to.type = TO_CELL_CPUID;
	ret = msg_send(s->socket, &s->to, to_cell_len(&s->to));
	/* A cell that is gone has failed, and has told why. */
	return ret == -EPIPE || ret == -ECONNRESET ? 0 : ret;
}

static void kill_cell(struct supervisor *s)
{
	kill(s->cell, SIGKILL);
	s->state = KILLED;
	s->step_at = NEVER;
}

static void stop_cell(struct supervisor *s)
{
	if (s->state >= STOPPING)
		return;
	s->state = STOPPING;
	s->step_at = now_ns() + STOP_PATIENCE;
	send_to_cell(s, TO_CELL_STOP);
}

static void ask_guest(struct supervisor *s)
{
	s->state = ASKED;
	s->step_at = now_ns() + ASK_PATIENCE;
	send_to_cell(s, TO_CELL_CTRL_ALT_DEL);
}

/* The user wants it to end; gently: the guest is asked first. */
static void end_by_signal(struct supervisor *s, int signal, bool gently)
{
	if (s->state < STOPPING) {
		s->outcome.kind = OUTCOME_SIGNAL;
		s->outcome.signal = signal;
	}
	if (gently && s->state == RUNNING)
		ask_guest(s);
	else
		stop_cell(s);
}

static void handle_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGCONT)
			terminal_take(&s->terminal);
		else
			end_by_signal(s, signal, signal == SIGTERM || signal == SIGINT);
	}
}

static void handle_timers(struct supervisor *s)
{
	int64_t now = now_ns();

	if (now >= s->limit_at && s->state < STOPPING) {
		s->outcome.kind = OUTCOME_TIME_LIMIT;
		s->limit_at = NEVER;
		stop_cell(s);
	} else if (now >= s->step_at) {
		if (s->state == ASKED)
			stop_cell(s);
		else
			kill_cell(s);
	}
}

static void print_escape_help(void)
{
	fputs("\r\nmayfly: Ctrl-] then q: end the run, r: Ctrl-Alt-Del, Ctrl-]: type it\r\n",
	      stderr);
}

static void obey_escape(struct supervisor *s, enum terminal_command command)
{
	switch (command) {
	case TERMINAL_STOP:
		end_by_signal(s, SIGINT, false);
		break;
	case TERMINAL_CTRL_ALT_DEL:
		send_to_cell(s, TO_CELL_CTRL_ALT_DEL);
		break;
	case TERMINAL_HELP:
		print_escape_help();
		break;
	case TERMINAL_NONE:
	default:
		break;
	}
}

/* Gives the guest what it waits for, if it is there. */
static void feed_guest(struct supervisor *s)
{
	size_t len = s->wish < s->n_typed ? s->wish : s->n_typed;

	if (len == 0)
		return;
	memcpy(s->to.input, s->typed, len);
	memmove(s->typed, s->typed + len, s->n_typed - len);
	s->n_typed -= len;
	s->to.len = (uint32_t)len;
	s->wish = 0;
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
	ssize_t n = read(s->files.input, bytes, sizeof(bytes));

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

static void take_message(struct supervisor *s)
{
	if (s->last.type == FROM_CELL_WISH) {
		s->wish = s->last.wish;
		feed_guest(s);
	} else if (s->last.type == FROM_CELL_NO_KEYBOARD) {
		if (s->state == ASKED)
			stop_cell(s);
	} else {
		/* Its last word: whether it goes by itself or is killed is all the same. */
		s->told = true;
		s->state = GONE;
	}
}

/* After its last word nothing is read any more. */
static void handle_cell(struct supervisor *s)
{
	int n = msg_recv(s->socket, &s->last, sizeof(s->last), MSG_DONTWAIT);

	/* A peer that died with mail unread is an error first; what it said comes after that. */
	if (n == -EAGAIN || n == -ECONNRESET)
		return;
	if (n == 0) {
		s->state = GONE;
		return;
	}
	if (n > 0 && from_cell_judge(&s->last, (size_t)n, s->config->dry_run, s->wish))
		take_message(s);
	else
		kill_cell(s);
}

static bool listens_to_input(const struct supervisor *s)
{
	return s->files.input >= 0 && (s->wish > 0 || s->terminal.raw);
}

static int poll_timeout_ms(const struct supervisor *s)
{
	int64_t at = s->limit_at < s->step_at ? s->limit_at : s->step_at, left;

	if (at == NEVER)
		return -1;
	left = (at - now_ns() + MILLISECOND - 1) / MILLISECOND;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Until the cell's end of the socket is closed, which its death does too. */
static void watch(struct supervisor *s)
{
	while (s->state != GONE) {
		struct pollfd fds[] = {
			{.fd = s->socket, .events = POLLIN},
			{.fd = s->signal_fd, .events = POLLIN},
			{.fd = listens_to_input(s) ? s->files.input : -1, .events = POLLIN},
		};

		if (poll(fds, ARRAY_LEN(fds), poll_timeout_ms(s)) < 0 && errno != EINTR)
			break;
		if (fds[1].revents != 0)
			handle_signals(s);
		if (fds[0].revents != 0)
			handle_cell(s);
		else if (fds[2].revents != 0)
			handle_input(s);
		handle_timers(s);
	}
}

static void reap(struct supervisor *s)
{
	/* It is on its way, or it lies: a cell that said its last word has no say any more. */
	kill(s->cell, SIGKILL);
	while (waitpid(s->cell, &s->outcome.wait_status, 0) < 0 && errno == EINTR)
		;
	counters_stamp(s->counters, PHASE_REAPED);
}

/* Makes one outcome of what the cell said and what we did to it. */
static void settle(struct supervisor *s)
{
	struct outcome *outcome = &s->outcome;

	outcome->n_vcpus = s->config->n_cpus;
	outcome->has_ended = s->told && s->last.type == FROM_CELL_ENDED;
	if (!outcome->has_ended)
		return;
	outcome->ended = s->last.ended;
	if (outcome->ended.reason != END_STOPPED)
		outcome->kind = OUTCOME_ENDED;
}

static json_t *ending_to_json(const struct supervisor *s)
{
	const struct outcome *outcome = &s->outcome;
	const struct ended *ended = &outcome->ended;
	json_t *json = json_object(), *states;
	char text[512];

	outcome_describe(outcome, text, sizeof(text));
	json_object_set_new(json, "exit_status", json_integer(outcome_status(outcome)));
	json_object_set_new(json, "ending", json_string(text));
	if (!outcome->has_ended)
		return json;
	json_object_set_new(json, "reason", json_string(end_reason_name(ended->reason)));
	json_object_set_new(json, "dropped_output_bytes", json_integer((json_int_t)ended->dropped));
	if (ended->reason == END_EXIT)
		json_object_set_new(json, "guest_status", json_integer(ended->detail));
	if (ended->reason != END_STOPPED)
		return json;
	states = json_array();
	for (unsigned i = 0; i < outcome->n_vcpus; i++)
		json_array_append_new(states, json_string(vcpu_state_name(ended->states[i])));
	json_object_set_new(json, "vcpus", states);
	return json;
}

static void write_report(struct supervisor *s)
{
	struct err err = {0};
	json_t *json;

	if (s->report.path == NULL)
		return;
	json = ending_to_json(s);
	json_object_set_new(json, "exits", tables_exits_to_json(s->counters, s->config->n_cpus));
	json_object_set_new(json, "timeline", tables_timeline_to_json(s->counters));
	if (report_write(&s->report, json, &err) < 0)
		supervisor_print_error(&err);
	json_decref(json);
}

static void print_json(json_t *json)
{
	json_dumpf(json, stderr, JSON_INDENT(2));
	fputc('\n', stderr);
	json_decref(json);
}

static void print_tables(const struct supervisor *s)
{
	const struct config *config = s->config;

	if (config->timeline == TABLE_TEXT)
		tables_print_timeline(stderr, s->counters);
	if (config->timeline == TABLE_JSON)
		print_json(tables_timeline_to_json(s->counters));
	if (config->exits == TABLE_TEXT)
		tables_print_exits(stderr, s->counters, config->n_cpus);
	if (config->exits == TABLE_JSON)
		print_json(tables_exits_to_json(s->counters, config->n_cpus));
}

static void print_outcome(const struct supervisor *s)
{
	const struct outcome *outcome = &s->outcome;
	char text[512];

	if (s->config->quiet)
		return;
	if (s->config->verbose || outcome_is_bad(outcome)) {
		outcome_describe(outcome, text, sizeof(text));
		fprintf(stderr, "mayfly: %s\n", text);
	}
	if (outcome->ended.dropped > 0)
		fprintf(stderr,
			"mayfly: %llu bytes of serial output were dropped: nobody read them\n",
			(unsigned long long)outcome->ended.dropped);
	if (outcome->kind == OUTCOME_ENDED &&
	    (outcome->ended.reason == END_TRIPLE_FAULT || outcome->ended.reason == END_KVM_ERROR))
		crash_print(stderr, &outcome->ended.crash, (enum end_reason)outcome->ended.reason);
}

/* The cell knows no path and may lie: the name of the file is ours. */
static int print_failure(const struct supervisor *s)
{
	const struct config *config = s->config;
	const struct err *failed = &s->last.failed;

	if (failed->subject == ERR_SUBJECT_IMAGE)
		fprintf(stderr, "mayfly: image \"%s\": %s\n",
			config->image != NULL ? config->image : "(built-in)", failed->text);
	else if (failed->subject == ERR_SUBJECT_INITRD && config->initrd != NULL)
		fprintf(stderr, "mayfly: initrd \"%s\": %s\n", config->initrd, failed->text);
	else
		fprintf(stderr, "mayfly: %s\n", failed->text);
	return failed->status == EXIT_STATUS_HOST ? EXIT_STATUS_HOST : EXIT_STATUS_USAGE;
}

/* --dry-run: the configuration with what the image made of it, on standard output. */
static int print_resolved(const struct supervisor *s)
{
	const struct resolved *resolved = &s->last.resolved;
	json_t *root = config_json_write(s->config);

	json_object_set_new(
		root, "resolved",
		json_pack("{s:s, s:b, s:s, s:s}", "format", format_names[resolved->format], "linux",
			  resolved->linux_kernel, "irqchip", irqchip_names[resolved->irqchip],
			  "cmdline", resolved->cmdline));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return fflush(stdout) == 0 ? 0 : EXIT_STATUS_USAGE;
}

static int finish(struct supervisor *s)
{
	terminal_restore(&s->terminal);
	if (s->told && s->last.type == FROM_CELL_FAILED)
		return print_failure(s);
	if (s->told && s->last.type == FROM_CELL_RESOLVED)
		return print_resolved(s);
	settle(s);
	print_outcome(s);
	print_tables(s);
	write_report(s);
	return outcome_status(&s->outcome);
}

static int set_up(struct supervisor *s, struct timespec started, struct err *err)
{
	const struct config *config = s->config;
	int ret;

	if (wants_counters(config)) {
		s->counters = counters_new(config->n_cpus);
		if (s->counters == NULL)
			return err_host(err, ENOMEM, "counters");
		counters_start(s->counters, started);
		counters_stamp(s->counters, PHASE_CONFIG);
	}
	if ((ret = files_open(config, &s->files, err)) < 0 ||
	    (ret = report_open(&s->report, config->report_path, err)) < 0 ||
	    (ret = take_signals(s, err)) < 0)
		return ret;
	counters_stamp(s->counters, PHASE_FILES);
	s->limit_at = config->timeout_ns > 0 ? now_ns() + (int64_t)config->timeout_ns : NEVER;
	s->step_at = NEVER;
	terminal_init(&s->terminal, s->files.input);
	return start_cell(s, err);
}

int supervisor_run(const struct config *config, struct timespec started)
{
	static struct supervisor supervisor; /* some 14 KiB of messages: not for a stack */
	struct supervisor *s = &supervisor;
	struct err err = {0};
	int ret;

	s->config = config;
	s->outcome.kind = OUTCOME_CELL_DIED;
	ret = set_up(s, started, &err);
	if (ret == 0 && !config->dry_run)
		ret = send_cpuid(s, &err);
	if (ret < 0) {
		if (s->cell > 0)
			reap(s);
		terminal_restore(&s->terminal);
		supervisor_print_error(&err);
		return err.status;
	}
	watch(s);
	reap(s);
	return finish(s);
}
