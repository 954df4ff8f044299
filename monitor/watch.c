/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/msg.h"
#include "monitor/options.h"
#include "monitor/outlet.h"

#define ASK_PATIENCE  (5 * CLOCK_SECOND)
#define STOP_PATIENCE (500 * CLOCK_MILLISECOND)

/* A MiB of input a second: more than a guest can read that leaves for each byte of it. */
#define MESSAGES_MAX  100
#define MESSAGES_TIME (100 * CLOCK_MILLISECOND)

/*
 * Standard error while there is a cell: neither it nor a signal waits for a reader. What that one does
 * not take at once is kept for the end.
 */
static struct outlet user; /* all of it zero at first: 64 KiB that are in no file */

/* A file never makes a writer wait, and not every file system knows RWF_NOWAIT. */
static enum outlet_kind kind_of_stderr(void)
{
	struct stat status;

	if (fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
		return OUTLET_FILE;
	return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ? OUTLET_NOWAIT : OUTLET_POLLED;
}

static void say(const char *text)
{
	user.fd = STDERR_FILENO;
	user.kind = kind_of_stderr();
	outlet_put(&user, (const uint8_t *)text, strlen(text));
}

void watch_say_the_rest(void)
{
	while (!outlet_drain(&user))
		outlet_wait(&user, -1, 1000);
}

void watch_init(struct watch *w, struct epilogue *after, uint64_t limit_ns)
{
	w->after = after;
	w->limit_at = limit_ns > 0 ? clock_ns() + (int64_t)limit_ns : CLOCK_NEVER;
	w->step_at = CLOCK_NEVER;
}

/*
 * Containers that are older than the call refuse it. The pid does as well: it is a child of ours that
 * nobody has waited for, so no other process can have it.
 */
void watch_signal(const struct watch *w, int signal)
{
	if (syscall(SYS_pidfd_send_signal, w->cell_fd, signal, NULL, 0) < 0 && errno != ESRCH)
		kill(w->cell, signal);
}

static void kill_cell(struct watch *w)
{
	watch_signal(w, SIGKILL);
	w->state = WATCH_GONE;
}

/* It neither reads nor says what a cell of ours would. */
static void kill_liar(struct watch *w)
{
	if (w->state < WATCH_STOPPING)
		w->after->outcome.kind = OUTCOME_CELL_LIED;
	kill_cell(w);
}

/*
 * The first that is seen of most deaths; there the reason follows, and it is told by that. One that
 * lives on is no cell of ours.
 */
static void await_death(struct watch *w)
{
	w->hung_up = true;
	if (w->state >= WATCH_STOPPING)
		return;
	w->state = WATCH_STOPPING;
	w->limit_at = CLOCK_NEVER;
	w->step_at = clock_ns() + STOP_PATIENCE;
}

/* Never waits. A cell that is gone has failed and has told why: its socket will say so. */
int watch_tell(struct watch *w, struct err *err)
{
	int ret = msg_send(w->socket, &w->to, to_cell_len(&w->to), MSG_DONTWAIT);

	return ret == 0 || ret == -EPIPE || ret == -ECONNRESET
		       ? 0
		       : err_host(err, -ret, "the cell's socket");
}

/* To a running cell, which is called away from its guest. One that reads nothing is ended. */
static void send_to_cell(struct watch *w, uint32_t type)
{
	struct err err;

	w->to.type = type;
	if (watch_tell(w, &err) < 0)
		kill_liar(w);
	else
		watch_signal(w, CONTROL_SIGNAL);
}

static void stop_cell(struct watch *w)
{
	if (w->state >= WATCH_STOPPING)
		return;
	w->state = WATCH_STOPPING;
	w->limit_at = CLOCK_NEVER;
	w->step_at = clock_ns() + STOP_PATIENCE;
	w->expected.stopped = true;
	send_to_cell(w, TO_CELL_STOP);
}

static void send_ctrl_alt_del(struct watch *w)
{
	w->expected.no_keyboard = true;
	send_to_cell(w, TO_CELL_CTRL_ALT_DEL);
}

static void ask_guest(struct watch *w)
{
	w->state = WATCH_ASKED;
	w->step_at = clock_ns() + ASK_PATIENCE;
	send_ctrl_alt_del(w);
}

/* The user wants it to end; gently: the guest is asked first. */
static void end_by_signal(struct watch *w, int signal, bool gently)
{
	if (w->state < WATCH_STOPPING) {
		w->after->outcome.kind = OUTCOME_SIGNAL;
		w->after->outcome.signal = signal;
	}
	if (gently && w->state == WATCH_RUNNING)
		ask_guest(w);
	else
		stop_cell(w);
}

static void take_terminal(struct watch *w)
{
	terminal_take(&w->terminal);
	terminal_guard(&w->terminal);
}

static void send_window_size(struct watch *w)
{
	if (w->after->config->console.kind != STREAM_STDIO || w->state != WATCH_RUNNING ||
	    w->expected.progress != PROGRESS_RUNS)
		return;
	w->to.window = terminal_size(&w->terminal);
	send_to_cell(w, TO_CELL_WINDOW);
}

/* The user has changed the files of disks: the guest is told how long they are. */
static void measure_disks(struct watch *w)
{
	if (w->state != WATCH_RUNNING || w->expected.progress != PROGRESS_RUNS)
		return;
	for (unsigned i = 0; i < w->files->n_disks; i++) {
		const struct vblk_config *disk = &w->files->disks[i];

		w->to.disk.index = i;
		if (disk->kind == VBLK_FILE && disk->file.fd >= 0 &&
		    disk_measure(disk->file.fd, &w->to.disk.len) == 0)
			send_to_cell(w, TO_CELL_DISK_SIZE);
	}
}

static void handle_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGCONT)
			take_terminal(w);
		else if (signal == SIGWINCH)
			send_window_size(w);
		else if (signal == SIGHUP && info.ssi_code == SI_USER && w->files->n_disks > 0)
			measure_disks(w);
		else
			end_by_signal(w, signal, signal == SIGTERM || signal == SIGINT);
	}
}

/* Its time is up. */
static void kill_late(struct watch *w)
{
	if (w->hung_up && w->after->outcome.kind == OUTCOME_CELL_DIED)
		w->after->outcome.kind = OUTCOME_CELL_HUNG_UP;
	kill_cell(w);
}

static void handle_timers(struct watch *w)
{
	int64_t now = clock_ns();

	if (now >= w->counts_at)
		w->n_heard = 0;
	if (now >= w->limit_at && w->state < WATCH_STOPPING) {
		w->after->outcome.kind = OUTCOME_TIME_LIMIT;
		w->limit_at = CLOCK_NEVER;
		stop_cell(w);
	} else if (now >= w->step_at) {
		if (w->state == WATCH_ASKED)
			stop_cell(w);
		else
			kill_late(w);
	}
}

static void obey_escape(struct watch *w, enum terminal_command command)
{
	switch (command) {
	case TERMINAL_STOP:
		end_by_signal(w, SIGINT, false);
		break;
	case TERMINAL_CTRL_ALT_DEL:
		send_ctrl_alt_del(w);
		break;
	case TERMINAL_HELP:
		say("\r\nmayfly: Ctrl-] then q: end the run, r: Ctrl-Alt-Del, Ctrl-]: type it\r\n");
		break;
	case TERMINAL_NONE:
	default:
		break;
	}
}

static void forget_typed(struct watch *w, size_t len)
{
	memmove(w->typed, w->typed + len, w->n_typed - len);
	w->n_typed -= len;
}

static void close_feed(struct watch *w)
{
	if (w->feed >= 0)
		close(w->feed);
	w->feed = -1;
}

/* As much as the console takes; the rest when it has read that. */
static void feed_console(struct watch *w)
{
	ssize_t n = 0;

	if (w->feed >= 0 && w->n_typed > 0)
		n = send(w->feed, w->typed, w->n_typed, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		forget_typed(w, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		close_feed(w);
	/* The guest sees the end of its input. */
	if (w->input < 0 && w->n_typed == 0)
		close_feed(w);
}

/* Gives the guest what it waits for, if it is there. */
static void feed_serial(struct watch *w)
{
	size_t len = w->expected.wish < w->n_typed ? w->expected.wish : w->n_typed;

	if (len == 0)
		return;
	memcpy(w->to.input, w->typed, len);
	forget_typed(w, len);
	w->to.len = (uint32_t)len;
	w->expected.wish = 0;
	send_to_cell(w, TO_CELL_INPUT);
}

static void feed_guest(struct watch *w)
{
	if (w->console)
		feed_console(w);
	else
		feed_serial(w);
}

/*
 * What the user typed or piped in. A terminal is read also while the guest does not listen, for the
 * escape key; what there is no room for is lost.
 */
static void handle_input(struct watch *w)
{
	enum terminal_command command = TERMINAL_NONE;
	uint8_t bytes[UART_INPUT_MAX];
	size_t room = sizeof(w->typed) - w->n_typed, len;
	ssize_t n;

	/* A shell that brings a job to the front does not always say so. */
	if (!w->terminal.raw)
		take_terminal(w);
	n = read(w->input, bytes, w->terminal.raw ? sizeof(bytes) : room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		w->input = -1;
		feed_guest(w);
		return;
	}
	len = (size_t)n;
	if (w->terminal.raw)
		len = terminal_filter(&w->terminal, bytes, len, &command);
	memcpy(w->typed + w->n_typed, bytes, len < room ? len : room);
	w->n_typed += len < room ? len : room;
	feed_guest(w);
	obey_escape(w, command);
}

/* Said before it read anything hostile, and so to be believed. */
static void take_jail(struct watch *w)
{
	char missing[384], text[512];

	w->expected.progress = PROGRESS_JAILED;
	w->after->has_parsed = true;
	jail_hear(&w->after->jail, w->after->last.number);
	if (!jail_missing(&w->after->jail, missing, sizeof(missing)) || w->after->config->quiet)
		return;
	snprintf(text, sizeof(text), "mayfly: --jail=%s: %s\n", jail_names[w->after->jail.mode],
		 missing);
	say(text);
}

static void take_message(struct watch *w)
{
	switch (w->after->last.type) {
	case FROM_CELL_JAILED:
		take_jail(w);
		break;
	case FROM_CELL_RUNS:
		w->expected.progress = PROGRESS_RUNS;
		break;
	case FROM_CELL_WISH:
		w->expected.wish = w->after->last.number;
		feed_guest(w);
		break;
	case FROM_CELL_CONSOLE:
		w->expected.console = false;
		w->console = true;
		feed_guest(w);
		break;
	case FROM_CELL_NO_KEYBOARD:
		w->expected.no_keyboard = false;
		if (w->state == WATCH_ASKED)
			stop_cell(w);
		break;
	default:
		/* Its last word: whether it goes by itself or is killed is all the same. */
		w->after->told = true;
		w->state = WATCH_GONE;
		break;
	}
}

/* Is nobody at the other end, or was that a message without a byte? */
static bool is_hung_up(int socket)
{
	struct pollfd end = {.fd = socket};

	return poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0;
}

/* One message. False where there was none, or after the last word: then nothing is read any more. */
static bool read_cell(struct watch *w)
{
	int n = msg_recv(w->socket, &w->after->last, sizeof(w->after->last), MSG_DONTWAIT);

	if (n == -EAGAIN)
		return false;
	/* A peer that died with mail unread is an error first; what it said comes after that. */
	if (n == -ECONNRESET)
		return true;
	if (n == 0 && is_hung_up(w->socket)) {
		await_death(w);
		return false;
	}
	if (n > 0 && from_cell_judge(&w->after->last, (size_t)n, &w->expected))
		take_message(w);
	else
		kill_liar(w);
	return w->state != WATCH_GONE;
}

static void hear_cell(struct watch *w)
{
	if (w->n_heard++ == 0)
		w->counts_at = clock_ns() + MESSAGES_TIME;
	read_cell(w);
}

/* The dead have said all that will ever be read. */
static void bury_cell(struct watch *w)
{
	while (read_cell(w))
		;
	w->state = WATCH_GONE;
}

static bool listens_to_input(const struct watch *w)
{
	if (w->input < 0 || w->terminal.raw)
		return w->input >= 0;
	return w->console ? w->feed >= 0 && w->n_typed < sizeof(w->typed) : w->expected.wish > 0;
}

static bool listens_to_cell(const struct watch *w)
{
	return !w->hung_up && w->n_heard < MESSAGES_MAX;
}

static int poll_timeout_ms(const struct watch *w)
{
	int64_t at = w->limit_at < w->step_at ? w->limit_at : w->step_at;

	if (w->n_heard >= MESSAGES_MAX && w->counts_at < at)
		at = w->counts_at;
	return clock_poll_ms(at);
}

/* Until there is nothing more to be heard of the cell. */
void watch_run(struct watch *w)
{
	while (w->state != WATCH_GONE) {
		struct pollfd fds[] = {
			{.fd = listens_to_cell(w) ? w->socket : -1, .events = POLLIN},
			{.fd = w->cell_fd, .events = POLLIN},
			{.fd = w->signal_fd, .events = POLLIN},
			{.fd = listens_to_input(w) ? w->input : -1, .events = POLLIN},
			{.fd = w->console && w->n_typed > 0 ? w->feed : -1, .events = POLLOUT},
		};

		if (poll(fds, ARRAY_LEN(fds), poll_timeout_ms(w)) < 0 && errno != EINTR)
			break;
		if (fds[2].revents != 0)
			handle_signals(w);
		if (fds[1].revents != 0)
			bury_cell(w);
		else if (fds[0].revents != 0)
			hear_cell(w);
		else if (fds[3].revents != 0)
			handle_input(w);
		else if (fds[4].revents != 0)
			feed_console(w);
		handle_timers(w);
	}
}
