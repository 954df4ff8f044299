/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vcpu.h - one virtual CPU: KVM_RUN, and the exits that come out of it. Cell.
 *
 * Each vCPU has one thread, which does this and nothing else of weight. Another thread reaches it by
 * vcpu_kick(): a signal, whose handler makes the current or next KVM_RUN return at once.
 */
#ifndef MAYFLY_MONITOR_VCPU_H
#define MAYFLY_MONITOR_VCPU_H

#include <linux/kvm.h>
#include <signal.h>
#include <sys/types.h>

#include "base/counters.h"
#include "base/err.h"
#include "boot-proto/boot.h"
#include "monitor/bus.h"
#include "monitor/cpuid_x86_64.h"
#include "monitor/crash.h"
#include "monitor/ending.h"
#include "monitor/irqchip.h"

/* Reaches a vCPU's thread; SIGUSR1 and SIGALRM are the control thread's. */
#define VCPU_KICK_SIGNAL SIGUSR2

/* What a vCPU was doing when it was stopped. */
enum vcpu_state {
	VCPU_UNKNOWN, /* it did not answer */
	VCPU_RAN,
	VCPU_SLEPT,        /* HLT, to be woken by an interrupt */
	VCPU_SLEPT_MASKED, /* HLT with interrupts off: nothing can wake it */
	VCPU_NOT_STARTED,  /* still waits for its INIT and SIPI */
	VCPU_STATE_COUNT
};

struct coalesced;
struct gate;

/* What all vCPUs share. */
struct vcpu_env { /* [ro] once the guest runs */
	int vm_fd;
	pid_t process;
	const struct mem *mem;
	const struct bus *pio;
	const struct bus *mmio;
	struct irqchip *irqchip;
	struct ending_box *ending;
	const struct gate *gate;
	struct coalesced *coalesced;
	struct counters *counters; /* may be NULL */
	bool count_exits;
};

struct vcpu {
	int fd;                       /* [ro] */
	unsigned index;               /* [ro] also its APIC id */
	const struct vcpu_env *env;   /* [ro] */
	struct kvm_run *run;          /* [vcpu] */
	struct vcpu_counters *counts; /* [vcpu] may be NULL */
	int stats_fd;                 /* [vcpu] -1: KVM's own counts are not wanted */
	bool refused;                 /* [vcpu] its last KVM_RUN was, although it could run */
	_Atomic pid_t tid;            /* of its thread; 0: none yet */
	_Atomic bool signalled;       /* [any] */
	_Atomic bool in_guest;        /* [vcpu] writes: between gate_enter() and the exit */
	_Atomic int state;            /* [vcpu] writes: enum vcpu_state, at the end */
	_Atomic bool parked;          /* [vcpu] writes: `state` and `crash` are final */
	struct crash crash;           /* [vcpu] valid where its ending asks for it */
};

enum vcpu_stop {
	VCPU_ENDED,     /* the ending box says how */
	VCPU_SIGNALLED, /* somebody kicked it */
};

/* Makes the vCPU; `run_len` is KVM_GET_VCPU_MMAP_SIZE. Errors: the host's. */
MUST_CHECK int vcpu_init(struct vcpu *vcpu, unsigned index, const struct vcpu_env *env,
			 size_t run_len, struct err *err);

/* Gives it CPUID and MSRs. Errors: the host's. */
MUST_CHECK int vcpu_set_cpuid(struct vcpu *vcpu, const struct cpuid *cpuid, struct err *err);

/*
 * Gives the first vCPU its entry registers, by way of the shared page: KVM takes them over at the
 * first KVM_RUN, which saves three system calls. [linux virt/kvm/api.rst 6.74 KVM_CAP_SYNC_REGS]
 */
void vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry);

/* Makes the calling thread this vCPU's: kicks reach it from now on. */
void vcpu_adopt_thread(struct vcpu *vcpu);

/* Is the calling thread this vCPU's? */
bool vcpu_is_own(const struct vcpu *vcpu);

/* Runs the guest on the calling thread until it is kicked or the run has ended. */
enum vcpu_stop vcpu_run(struct vcpu *vcpu);

/* Notes state and KVM's counts after the end, for the supervisor. Its own thread. */
void vcpu_park(struct vcpu *vcpu);

/* Makes vcpu_run() return soon. Any thread. */
void vcpu_kick(struct vcpu *vcpu);

/* Makes a signal call the thread that takes it away from its guest. Errors: the host's. */
MUST_CHECK int vcpu_install_handler(int signal, struct err *err);

/* Makes the calling thread's own vcpu_run() return soon. Signal-safe. */
void vcpu_interrupt_self(void);

#endif
