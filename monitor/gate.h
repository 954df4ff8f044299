/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - keeps every vCPU out of the guest while something changes that a guest must not see half
 * done. Cell; closed by any thread that is no vCPU's.
 *
 * A vCPU that handles an exit counts as out; it waits at the gate before it goes in again.
 */
#ifndef MAYFLY_MONITOR_GATE_H
#define MAYFLY_MONITOR_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct vcpu;

struct gate {
	pthread_mutex_t lock; /* held while it is closed */
	struct vcpu *vcpus;   /* [ro] */
	unsigned n_vcpus;     /* [ro] */
	_Atomic bool closed;  /* [any] */
};

/* Returns once every vCPU is out. */
void gate_close(struct gate *gate);

void gate_open(struct gate *gate);

/* A vCPU is about to go in; waits while the gate is closed. Its own thread. */
void gate_enter(const struct gate *gate, _Atomic bool *in_guest);

#endif
