/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio.h - the virtio devices of a VM: their register pages in one memory slot, their doorbells, and
 * the loops that work for them. Cell, control thread; nothing of it is made for a VM without devices.
 *
 * The order is that of the VM: virtio_init() among the memory slots, virtio_add() for each device when
 * there are vCPUs, virtio_seal() before the guest is entered, virtio_start() with the vCPU threads.
 */
#ifndef MAYFLY_MONITOR_VIRTIO_H
#define MAYFLY_MONITOR_VIRTIO_H

#include "base/clock.h"
#include "boot-proto/ports_abi.h"
#include "monitor/bus.h"
#include "monitor/gate.h"
#include "monitor/loop.h"

#define VIRTIO_LOOPS_MAX 8

/* A VM of this age, in ns, ends as fast with ioeventfds as without. */
#define VIRTIO_ARMING_AGE (50 * CLOCK_MILLISECOND)

struct virtio_config { /* [ro] */
	unsigned n_devices;
	unsigned n_loops;
	bool trap;        /* --mmio=trap: no page is in the guest's memory */
	uint32_t slot;    /* of KVM's memory slots, for the pages */
	int64_t vm_since; /* ns of CLOCK_MONOTONIC */
	const struct jail *jail;
	void (*on_wait)(void *context); /* a vCPU waits for a loop; on its thread, many times */
	void *context;
};

struct virtio {
	struct virtio_config config; /* [ro] */
	int vm_fd;                   /* [ro] */
	int sink;                    /* [ro] an eventfd that nobody reads: acknowledgements */
	struct gate *gate;           /* [any] */
	struct ending_box *ending;   /* [any] */
	uint8_t *pages;              /* [ro] */
	unsigned n_events;           /* [ro] once the guest runs: descriptors made so far */
	unsigned n_transports;       /* [ro] once the guest runs */
	int doorbells[VIRTIO_DEVICES_MAX][VDEV_QUEUES_MAX]; /* [ro] */
	struct loop loops[VIRTIO_LOOPS_MAX];                /* [any] as it says */
	struct vmmio transports[VIRTIO_DEVICES_MAX];        /* [any] as it says */
};

/* Where a device is put. */
struct virtio_place {
	struct bus *mmio;
	struct irq_line irq;
	enum device_id id;
	bool sticky; /* isr=sticky */
};

/* Makes the rings of `n_loops`, for `n_ops` operations each; before the set-up filter. Errors: the host's. */
MUST_CHECK int virtio_open(struct virtio *virtio, unsigned n_loops, unsigned n_ops,
			   struct err *err);

/* Makes loops and the slot of pages. The caller has set vm_fd, gate and ending. Errors: the host's. */
MUST_CHECK int virtio_init(struct virtio *virtio, const struct virtio_config *config,
			   struct err *err);

/* The ring of the loop that the next device goes to. */
struct ring *virtio_ring(const struct virtio *virtio);

/* Adds a device at the next address. Errors: the host's. */
MUST_CHECK int virtio_add(struct virtio *virtio, struct vdev *vdev,
			  const struct virtio_place *place, struct err *err);

/* After the last device. Errors: the host's. */
MUST_CHECK int virtio_seal(struct virtio *virtio, struct err *err);

/* Starts the loops, and waits until each is under its final filter. Errors: the host's. */
MUST_CHECK int virtio_start(struct virtio *virtio, struct err *err);

/* After the vCPUs have stopped: has the loops finish what is in flight. */
void virtio_stop(struct virtio *virtio);

/* Have they? */
bool virtio_has_stopped(const struct virtio *virtio);

/* The device looks at something of its own, on its loop. Any thread. */
void virtio_call(struct virtio *virtio, const struct vdev *vdev);

#endif
