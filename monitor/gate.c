/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "monitor/vcpu.h"

void gate_close(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	atomic_store(&gate->closed, true);
	for (unsigned i = 0; i < gate->n_vcpus; i++)
		while (atomic_load(&gate->vcpus[i].in_guest)) {
			vcpu_kick(&gate->vcpus[i]);
			clock_pause(CLOCK_MOMENT);
		}
}

void gate_open(struct gate *gate)
{
	atomic_store(&gate->closed, false);
	pthread_mutex_unlock(&gate->lock);
}

/*
 * A vCPU says that it goes in before it looks whether the gate is closed, and who closes it says so
 * before looking who is in: one of the two sees the other.
 */
void gate_enter(const struct gate *gate, _Atomic bool *in_guest)
{
	atomic_store(in_guest, true);
	while (atomic_load(&gate->closed)) {
		atomic_store(in_guest, false);
		clock_pause(CLOCK_MOMENT);
		atomic_store(in_guest, true);
	}
}
