/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - a device on its transport and a real ring, whose driver is a fuzzer: an input is a list of
 * moves. Most are what a driver does; some write any register, or anything into the rings.
 */
#ifndef MAYFLY_TESTS_FUZZ_DEVICE_H
#define MAYFLY_TESTS_FUZZ_DEVICE_H

#include "tests/support/rig.h"

#define DEVICE_QUEUE_SIZE 64

enum device_move_kind {
	MOVE_START, /* all steps to DRIVER_OK; `value`: features not to take */
	MOVE_CHAIN, /* a chain, published and kicked; `a`: which queue, `b`: of how many, `c`: how */
	MOVE_TURN,  /* the loop has a turn */
	MOVE_EVENT,    /* something happens at the device's other side */
	MOVE_REGISTER, /* `a`: which word; `value` */
	MOVE_NOTIFY,   /* `value`: a queue, or none */
	MOVE_RESET,
	MOVE_STOP,    /* queue `a` */
	MOVE_CORRUPT, /* `value`, at `b` and `c` in the rings of queue `a` */
	MOVE_ODD,     /* an access of any width, anywhere in the page */
	MOVE_PUT,     /* `value` on the available ring of queue `a` */
	MOVE_ATTEND,
	MOVE_ARM,
	MOVE_SAVE, /* and load into another, with a byte of it changed: `value`, at `b` and `c` */
	N_MOVES,
};

/* How the buffers of MOVE_CHAIN are. */
enum { CHAIN_IN = 1, CHAIN_INDIRECT = 2, CHAIN_MIXED = 4, CHAIN_LONG = 8 };

struct device_move {
	uint8_t kind, a, b, c;
	uint32_t value;
};

struct device_play {
	struct rig *rig;
	struct vdev *vdev;
	/* `vdev` as it was made, for one that is loaded. */
	struct vdev pristine;
	/* MOVE_EVENT; and the end, after which nothing may stay in flight. */
	void (*event)(const struct device_move *move);
	void (*let_go)(void);
};

/*
 * Runs `run` on a thread of its own, and returns when it has ended: a ring that only one thread may use
 * stays registered for as long as that thread lives, and there is room for a few.
 */
void device_on_thread(void (*run)(const uint8_t *data, size_t size), const uint8_t *data,
		      size_t size);

/* The rig is plugged in. What has to hold after each move is checked. */
void device_play(struct device_play *play, const uint8_t *data, size_t size);

#endif
