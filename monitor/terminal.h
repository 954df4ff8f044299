/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - the user's terminal while a guest has it: raw, with an escape key. Supervisor.
 *
 * Raw means that keys go to the guest as they are, Ctrl-C included; output stays as the terminal has
 * it. A process in the background leaves the terminal alone until it is brought to the front.
 */
#ifndef MAYFLY_MONITOR_TERMINAL_H
#define MAYFLY_MONITOR_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "monitor/protocol.h"

#define TERMINAL_ESCAPE 0x1d /* Ctrl-] */

struct terminal {
	int fd;      /* -1: standard input is no terminal */
	bool raw;    /* ours now */
	bool escape; /* the last key was the escape key */
	struct termios before;
};

/* What the user asked for with the escape key. */
enum terminal_command { TERMINAL_NONE, TERMINAL_STOP, TERMINAL_CTRL_ALT_DEL, TERMINAL_HELP };

/* Takes the terminal, if `fd` is one and we are in the foreground. */
void terminal_init(struct terminal *terminal, int fd);

/* How large its window is; 0 where there is none, or it does not know. */
struct window_size terminal_size(const struct terminal *terminal);

/* Takes it (again) if we are in the foreground by now: after SIGCONT, and before it is read. */
void terminal_take(struct terminal *terminal);

/*
 * From here on, a signal that kills this process gives the terminal back first. Only where it was
 * taken; after the cell has been started, whose own signals these are not.
 */
void terminal_guard(struct terminal *terminal);

/* Gives it back as it was; safe twice, and in a signal handler. */
void terminal_restore(struct terminal *terminal);

/*
 * Takes the escape sequences out of `bytes`, in place. Returns how many bytes are left for the guest;
 * `ret_command` is the last command among them.
 */
size_t terminal_filter(struct terminal *terminal, uint8_t *bytes, size_t len,
		       enum terminal_command *ret_command);

#endif
