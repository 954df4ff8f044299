/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet.h - where a guest's output leaves, without ever making a vCPU wait: cell, any thread. The
 * supervisor's own words leave by one, too, while there is a cell (watch.c): its one thread.
 *
 * Bytes are written at once while the reader keeps up. When it does not they are kept, up to
 * OUTLET_ROOM; what is more is dropped and counted. The descriptor's flags are never changed,
 * because others share them: pipes and sockets are written with RWF_NOWAIT (OUTLET_NOWAIT), for the
 * rest the supervisor gives a description of our own where it can open one (OUTLET_NONBLOCKING), and
 * elsewhere the outlet asks poll() before small writes (OUTLET_POLLED).
 */
#ifndef MAYFLY_MONITOR_OUTLET_H
#define MAYFLY_MONITOR_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLET_ROOM 65536

enum outlet_kind {
	OUTLET_NONE,        /* there is no descriptor: bytes go nowhere, uncounted */
	OUTLET_FILE,        /* a regular file or /dev/null: a write does not wait for a reader */
	OUTLET_NOWAIT,      /* RWF_NOWAIT; POLLED where that is unknown: pipes before Linux 6.4 */
	OUTLET_NONBLOCKING, /* O_NONBLOCK is set */
	OUTLET_POLLED,      /* it may be shared: ask first */
};

/* Where the output of a port goes, as the supervisor opened it. */
struct sink_file {
	int fd; /* or -1 */
	enum outlet_kind kind;
	bool replace; /* it is a file with something in it */
};

struct outlet { /* under the lock of its device */
	int fd;
	enum outlet_kind kind;
	bool broken;      /* the reader is gone: drop until the end */
	int error;        /* by which that was noticed, an errno */
	uint64_t dropped; /* bytes */
	uint32_t first;   /* of the bytes kept */
	uint32_t len;     /* how many are kept */
	uint8_t kept[OUTLET_ROOM];
};

/* Takes bytes; keeps or drops what cannot be written now. Any thread; a device's, under its lock. */
void outlet_put(struct outlet *outlet, const uint8_t *bytes, size_t len);

/* Tries to write what is kept. True when nothing is left. */
bool outlet_drain(struct outlet *outlet);

/* Waits until it can be written to or `other_fd` be read, `timeout_ms` at most, or for a signal. */
void outlet_wait(const struct outlet *outlet, int other_fd, int timeout_ms);

/* Drops what is kept. Returns how many bytes were dropped in all. */
uint64_t outlet_give_up(struct outlet *outlet);

#endif
