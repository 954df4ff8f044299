/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h - what supervisor and cell say to each other, over one SOCK_SEQPACKET pair.
 *
 * A message is its head and exactly the body of its type. A run, seen from the supervisor:
 *
 *     -> GO                                 the cell's ids are there
 *     <- JAILED                             what holds it, before it reads a hostile byte
 *     -> CPUID                              set-up
 *     <- RESOLVED                           --dry-run: the end
 *     <- FAILED                             set-up went wrong: the end
 *     <- RUNS                               set-up is over: the guest is next
 *     <- WISH   -> INPUT *                  the guest listens: one answer for each wish
 *     <- CONSOLE                            once: what is typed goes to the console from now on
 *     -> WINDOW *                           its size has changed
 *     -> DISK_SIZE *                        the file of a disk has this length now
 *     -> CTRL_ALT_DEL *  <- NO_KEYBOARD
 *     -> STOP *
 *     <- ENDED                              the end
 *
 * CONTROL_SIGNAL follows each message with a star, because a cell with one thread may sit in KVM_RUN;
 * for the others it waits. The supervisor takes every message for hostile: from_cell_judge() sees
 * each first, numbers are looked up in its own tables, what comes out of order ends the cell, and
 * what follows JAILED may be a hostile image's word. What is true or false is a uint8_t here, because
 * a stranger's bool may be neither.
 */
#ifndef MAYFLY_MONITOR_PROTOCOL_H
#define MAYFLY_MONITOR_PROTOCOL_H

#include <signal.h>
#include <stddef.h>

#include "base/err.h"
#include "boot-proto/boot.h"
#include "monitor/vm.h"

#define CONTROL_SIGNAL SIGUSR1

enum to_cell_type {
	TO_CELL_GO = 1,
	TO_CELL_CPUID,
	TO_CELL_INPUT,
	TO_CELL_CTRL_ALT_DEL,
	TO_CELL_WINDOW,
	TO_CELL_DISK_SIZE,
	TO_CELL_STOP,
};

/* Of the user's terminal; 0: not known. */
struct window_size {
	uint16_t cols, rows;
};

struct disk_size {
	uint32_t index;
	uint64_t len; /* bytes */
};

struct to_cell {
	uint32_t type; /* enum to_cell_type */
	uint32_t len;  /* INPUT: bytes */
	union {
		struct cpuid_host host;
		struct window_size window;
		struct disk_size disk;
		uint8_t input[UART_INPUT_MAX];
	};
};

enum from_cell_type {
	FROM_CELL_JAILED = 1,
	FROM_CELL_RESOLVED,
	FROM_CELL_FAILED,
	FROM_CELL_RUNS,
	FROM_CELL_WISH,
	FROM_CELL_NO_KEYBOARD,
	FROM_CELL_CONSOLE,
	FROM_CELL_ENDED,
};

/* What --dry-run wants to know of the image. */
struct resolved {
	uint32_t format;  /* enum boot_format */
	uint32_t irqchip; /* enum irqchip_kind */
	uint8_t linux_kernel;
	char cmdline[LAYOUT_CMDLINE_MAX];
};

/* Output that went nowhere. */
struct dropped {
	uint64_t bytes;
	uint32_t error; /* errno of why; 0: nobody read them */
};

/* How the guest's life ended. */
struct ended {
	uint32_t reason; /* enum end_reason */
	uint32_t detail;
	struct dropped serial; /* output */
	struct dropped console;
	uint8_t linux_kernel;         /* it was Linux */
	uint8_t states[VM_VCPUS_MAX]; /* END_STOPPED: enum vcpu_state of each vCPU */
	struct crash crash;           /* END_TRIPLE_FAULT and END_KVM_ERROR */
};

struct from_cell {
	uint32_t type;   /* enum from_cell_type */
	uint32_t number; /* WISH: bytes; JAILED: JAIL_HAS_* */
	union {
		struct resolved resolved;
		struct err failed;
		struct ended ended;
	};
};

/* The length of a message of this type, or 0 where there is no such type. */
size_t to_cell_len(const struct to_cell *message);
size_t from_cell_len(uint32_t type);

/* How far a cell has come, as it said. */
enum progress {
	PROGRESS_NONE, /* nothing has come yet: first it says what holds it, or why nothing does */
	PROGRESS_JAILED, /* it reads the image and makes the VM; that can fail */
	PROGRESS_RUNS,   /* its guest does */
};

/* What a cell may say now, by what was said before. */
struct expected {
	bool dry_run;
	enum progress progress;
	bool no_keyboard; /* it was sent a Ctrl-Alt-Del and has not answered */
	bool console;     /* its console is to get what is typed, and has not come up yet */
	bool stopped;     /* it was sent a STOP */
	unsigned wish;    /* bytes of input that it waits for already */
};

/*
 * Are the `len` bytes at `message` a whole message that may come now? Every message but the last is
 * an answer to one of ours, or comes once: that bounds how many there are. Where it may, the texts in
 * it are printable ASCII and end within their field, and numbers that have no name are left in
 * `ended` alone.
 */
bool from_cell_judge(struct from_cell *message, size_t len, const struct expected *expected);

#endif
