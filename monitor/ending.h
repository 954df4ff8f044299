/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ending.h - how a guest's life ended. The first who says so is believed. Cell, any thread.
 *
 * A device that ends the run - the exit port, a reset - puts the reason into the box and returns;
 * the vCPU's loop looks into the box after every exit.
 */
#ifndef MAYFLY_MONITOR_ENDING_H
#define MAYFLY_MONITOR_ENDING_H

#include <stdbool.h>
#include <stdint.h>

enum end_reason {
	END_NONE,
	END_EXIT,         /* a status written to the exit port */
	END_POWER_OFF,    /* a clean power-off */
	END_RESET,        /* a reset ends the run too */
	END_PANIC,        /* told by pvpanic */
	END_TRIPLE_FAULT, /* or another shutdown of the vCPU */
	END_KVM_ERROR,    /* KVM cannot go on */
	END_HOST_ERROR,   /* a call of ours failed */
	END_STOPPED,      /* the supervisor asked for it */
	END_TRAPPED,      /* a system call that no filter lets pass (--jail=trace) */
	END_REASON_COUNT
};

struct ending_box {
	_Atomic uint64_t first; /* reason << 32 | detail; 0: still running */
};

/*
 * Says how it ended; `detail` is the status of END_EXIT, errno of END_HOST_ERROR, the call
 * of END_TRAPPED with its thread's role in the upper half, else 0.
 */
void ending_set(struct ending_box *box, enum end_reason reason, uint32_t detail);

/* END_NONE while the guest runs. `ret_detail` may be NULL. */
enum end_reason ending_get(struct ending_box *box, uint32_t *ret_detail);

#endif
