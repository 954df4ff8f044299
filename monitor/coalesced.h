/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coalesced.h - serial output that KVM collects, so that a byte is no exit. [linux
 * Documentation/virt/kvm/coalesced-mmio.rst, api.rst 4.116] Cell.
 *
 * Theory of operation. A guest that sends much by its serial port leaves the guest for each byte. Once
 * it does, KVM puts its writes to the data port into a ring instead, and every exit begins with
 * carrying out what is in there; so the bytes and all other registers are written in the guest's own
 * order. Whether there was one or not, a timer looks every COALESCED_TICK_MS; one that finds nothing
 * ends it, so that an idle guest is left alone. Registering is not free in a young VM
 * (docs/architecture.md), and is left until it is older.
 *
 * A driver that sends a little and then sleeps until the port says that it is empty would only go on
 * with the timer's next tick: where that is seen, it is over for good.
 */
#ifndef MAYFLY_MONITOR_COALESCED_H
#define MAYFLY_MONITOR_COALESCED_H

#include <linux/kvm.h>
#include <pthread.h>

#include "monitor/bus.h"

#define COALESCED_TICK_MS   10
#define COALESCED_STALL_MAX 64 /* bytes in a tick, by a driver that waits for each few of them */

struct coalesced {
	int vm_fd;             /* [ro] */
	const void *run;       /* [ro] vCPU 0's pages, which the ring is one of */
	const struct bus *pio; /* [ro] */
	struct kvm_coalesced_mmio_ring
		*ring;            /* [control] writes, before `on`; [any] under `lock` */
	_Atomic bool on;          /* [control] writes */
	bool given_up;            /* [control] it cannot be, or does harm */
	_Atomic unsigned n_taken; /* [any] writes carried out since the last tick */
	pthread_mutex_t lock;     /* of whoever empties the ring */
};

/* Carries out what KVM has collected. Any thread; before anything else of an exit. */
void coalesced_take(struct coalesced *coalesced);

/*
 * Looks whether to begin, to go on or to end: the guest sends much now (`burst`), or waits for the port
 * to be empty (`waits`). Returns whether to come again in a tick. Control thread.
 */
bool coalesced_tick(struct coalesced *coalesced, bool burst, bool waits);

#endif
