/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a thread that does the work of devices: one io_uring, and the devices that were given to
 * it. Cell; made by the control thread.
 *
 * Other threads reach it by one eventfd and a word of bits: loop_call() says that a transport wants
 * attention, and the loop looks what became of it (vmmio_attend()). There is no queue of commands to
 * overflow: what is wanted is the transport's state.
 */
#ifndef MAYFLY_MONITOR_LOOP_H
#define MAYFLY_MONITOR_LOOP_H

#include "monitor/ending.h"
#include "monitor/vcpu.h"
#include "seccomp/jail.h"
#include "virtio-mmio/vmmio.h"

#define LOOP_DEVICES_MAX 32

struct loop {
	struct ring *ring;         /* [io] once the thread runs */
	const struct jail *jail;   /* [ro] */
	struct ending_box *ending; /* [any] */
	struct vcpu *control;      /* [any] whose thread looks into the box */
	int64_t arm_at;     /* [ro] ns of CLOCK_MONOTONIC: when a VM is old enough for ioeventfds */
	int wake_fd;        /* [ro] */
	unsigned wake_file; /* [ro] */
	uint16_t owner;     /* [ro] in the ring */
	uint64_t rung;      /* [io] */
	bool arming;        /* [io] a timer runs for `arm_at` */
	bool draining;      /* [io] it was told to stop */
	unsigned n_devices; /* [ro] */
	struct vmmio *devices[LOOP_DEVICES_MAX]; /* [ro] */
	_Atomic uint32_t called;                 /* [any] bits: devices that want attention */
	_Atomic bool stopping;                   /* [any] */
	_Atomic bool sealed;                     /* [io] writes: under its final filter */
	_Atomic bool stopped;                    /* [io] writes: nothing is in flight any more */
};

#define LOOP_OPS 3 /* of its own, in flight at most */

/* Makes the loop's ring, for its devices' `n_ops` operations; before the set-up filter. Errors: the host's. */
MUST_CHECK int loop_open(struct loop *loop, unsigned n_ops, struct err *err);

/* After that, makes a loop without a thread. `wake_fd` is an eventfd. Errors: the host's. */
MUST_CHECK int loop_init(struct loop *loop, int wake_fd, struct err *err);

/* Gives it a device, whose doorbells are the eventfds in `doorbells`. Errors: the host's. */
MUST_CHECK int loop_add(struct loop *loop, struct vmmio *vmmio, const int *doorbells,
			struct err *err);

/* After the last device: nothing of the ring changes any more. Errors: the host's. */
MUST_CHECK int loop_seal(struct loop *loop, struct err *err);

/* Starts its thread. Errors: the host's. */
MUST_CHECK int loop_start(struct loop *loop, struct err *err);

/* Makes the loop attend to this device of its own. Any thread. */
void loop_call(struct loop *loop, const struct vmmio *vmmio);

/* Makes it finish what is in flight and stop; `stopped` tells. Any thread. */
void loop_stop(struct loop *loop);

#endif
