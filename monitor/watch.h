/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - the life of a run, seen from outside the cell. Supervisor; its one thread.
 *
 *   RUNNING --signal TERM, INT--> ASKED      the guest was sent Ctrl-Alt-Del and has 5 s
 *   RUNNING, ASKED --HUP, QUIT, a second signal, no keyboard, a limit--> STOPPING
 *                                            the cell was told to stop and has 0.5 s
 *   STOPPING --its time is up--> GONE        it was killed
 *   any --the cell hangs up--> STOPPING      but for its death nothing more is heard of it
 *   any --the cell says its last word, lies, or dies--> GONE
 *
 * It waits for the cell, for signals, for input and for time, and for nothing else: neither for a
 * cell that does not read nor for a reader of its own messages. It hears no more than a thousand
 * messages a second: the time that answers take is its own, outside of every limit on the cell.
 */
#ifndef MAYFLY_MONITOR_WATCH_H
#define MAYFLY_MONITOR_WATCH_H

#include "monitor/epilogue.h"
#include "monitor/files.h"
#include "monitor/terminal.h"

enum watch_state { WATCH_RUNNING, WATCH_ASKED, WATCH_STOPPING, WATCH_GONE };

struct watch {
	const struct files *files; /* of the disks */
	struct epilogue *after;    /* where it is noted how the run came out */
	struct terminal terminal;
	int input;    /* to read for the guest, or -1 */
	int feed;     /* what the console gets goes there; -1: there is none, or it is closed */
	bool console; /* its driver is up */
	int socket;
	int signal_fd;
	int cell_fd; /* the cell as a descriptor: readable once it is dead */
	pid_t cell;
	enum watch_state state;
	bool hung_up;      /* the cell has: the socket says nothing else any more */
	int64_t limit_at;  /* clock_ns(): the time limit */
	int64_t step_at;   /* when the present state has lasted too long */
	int64_t counts_at; /* when messages are counted from 0 again */
	unsigned n_heard;  /* since they were */
	struct expected expected;
	size_t n_typed; /* bytes that wait for the guest */
	uint8_t typed[UART_INPUT_MAX];
	struct to_cell to;
};

/* Starts the clock: `limit_ns` from now on, 0 for ever. */
void watch_init(struct watch *watch, struct epilogue *after, uint64_t limit_ns);

/* Sends `watch->to`. A cell that is gone is no error: its socket will say so. Errors: the host's. */
MUST_CHECK int watch_tell(struct watch *watch, struct err *err);

/* Sends the cell a signal. */
void watch_signal(const struct watch *watch, int signal);

/* Watches until there is nothing more to be heard of the cell, which may still have to be killed. */
void watch_run(struct watch *watch);

/* Waits until what was said while there was a cell has been read. */
void watch_say_the_rest(void);

#endif
