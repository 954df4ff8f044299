/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - what one access to a device's register costs, by the way the register is made.
 *
 * A guest of a few instructions repeats the access in a VM of bare KVM calls. Its memory is one slot;
 * one read-only page is a second; an address that no slot has is the third way.
 */
#ifndef MAYFLY_PERF_ACCESS_H
#define MAYFLY_PERF_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

enum doorbell {
	DOORBELL_NONE,
	DOORBELL_32, /* an ioeventfd for stores of four bytes */
	DOORBELL_ANY, /* one for stores of any length: KVM may spare itself a look at the instruction */
};

struct access_way {
	const char *name;
	bool is_store;
	bool in_slot; /* to the read-only page */
	enum doorbell doorbell;
	bool leaves; /* for user space */
};

#define ACCESS_WAYS 8
extern const struct access_way access_ways[ACCESS_WAYS];

/* Of all the accesses of one round. */
struct access_cost {
	uint64_t user_exits; /* returns of KVM_RUN */
	uint64_t exits;      /* that KVM counted, without those for interrupts of the host's */
	uint64_t rung;       /* what the eventfd has counted */
	uint64_t ns;
};

/*
 * Does the access `times` times, in a VM of its own, after as many that are not counted. Fails with
 * -1 and errno where KVM cannot, or the guest ends in another way than it should.
 */
int access_measure(const struct access_way *way, uint32_t times, struct access_cost *ret_cost);

#endif
