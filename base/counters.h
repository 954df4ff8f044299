/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h - what the cell counts, in memory that the supervisor reads when the cell is gone.
 *
 * One mapping, shared by both, made only where --exits, --timeline or --report ask for it. Each
 * vCPU thread writes its own table and nobody else's; a phase is stamped by one thread once. The
 * supervisor trusts none of it: it takes numbers and maps them to names of its own.
 */
#ifndef MAYFLY_BASE_COUNTERS_H
#define MAYFLY_BASE_COUNTERS_H

#include <stdint.h>

#define COUNTERS_VCPUS_MAX 32
#define COUNTERS_ROWS      1024 /* a power of two */

/* Phases of a run, in the order in which they end. */
enum phase {
	PHASE_START,      /* main() was entered */
	PHASE_CONFIG,     /* options and configuration are read */
	PHASE_FILES,      /* everything is open */
	PHASE_CELL,       /* the cell's first instruction */
	PHASE_ROOT,       /* inheritance dropped, empty root */
	PHASE_ADMITTED,   /* the supervisor has given it its ids */
	PHASE_CONFINED,   /* the other stages of the jail, with the set-up filter */
	PHASE_VM,         /* KVM has a VM */
	PHASE_MEMORY,     /* it has its memory */
	PHASE_IRQCHIP,    /* and interrupt controllers */
	PHASE_VCPUS,      /* and vCPUs */
	PHASE_IMAGE,      /* image and tables are in place */
	PHASE_REGISTERS,  /* CPUID and registers are set */
	PHASE_SEALED,     /* the final filter of the control thread */
	PHASE_FIRST_EXIT, /* the guest left for the first time */
	PHASE_OUTPUT,     /* its first byte was written */
	PHASE_BOOTED,     /* it wrote to the boot timer */
	PHASE_ENDED,      /* it is done */
	PHASE_REAPED,     /* the cell is gone */
	PHASE_COUNT
};

/* Why a vCPU came out to user space. */
enum exit_reason {
	EXIT_NONE,
	EXIT_PIO_READ,
	EXIT_PIO_WRITE,
	EXIT_MMIO_READ,
	EXIT_MMIO_WRITE,
	EXIT_IOAPIC_EOI,
	EXIT_SIGNAL, /* a signal of ours, or the kernel's wish to try again */
	EXIT_SHUTDOWN,
	EXIT_INTERNAL_ERROR,
	EXIT_SYSTEM_EVENT,
	EXIT_OTHER,
	EXIT_REASON_COUNT
};

/* The devices that an exit can be for. */
enum device_id {
	DEVICE_NONE, /* nobody claimed the address */
	DEVICE_SERIAL,
	DEVICE_I8042,
	DEVICE_IOAPIC,
	DEVICE_ACPI,
	DEVICE_EXIT_PORT,
	DEVICE_PVPANIC,
	DEVICE_BOOT_TIMER,
	DEVICE_CONSOLE,
	DEVICE_ENTROPY,
	DEVICE_BLOCK,
	DEVICE_COUNT
};

struct exit_key {
	uint16_t reason;  /* enum exit_reason */
	uint16_t device;  /* enum device_id */
	uint32_t reg;     /* port, offset into a memory-mapped device, vector or error */
	uint64_t address; /* gpa of an access that nobody claimed, else 0 */
	uint64_t rip;     /* of the guest's instruction */
};

struct exit_row {
	struct exit_key key;
	uint64_t count; /* 0: the row is free */
};

/* What KVM itself counted of one vCPU (KVM_GET_STATS_FD). */
struct kvm_counts {
	uint64_t exits;
	uint64_t io_exits;
	uint64_t mmio_exits;
	uint64_t halt_exits;
	uint64_t irq_exits;
};

struct vcpu_counters { /* [vcpu]: its own thread */
	uint64_t n_exits;
	uint64_t n_lost; /* exits that found the table full */
	struct kvm_counts kvm;
	struct exit_row rows[COUNTERS_ROWS];
};

struct counters {
	_Atomic uint64_t phases[PHASE_COUNT]; /* clock_ns(); 0: not reached */
	struct vcpu_counters vcpus[];         /* one for each vCPU */
};

/* Maps counters for `n_vcpus`, shared with children. NULL where the host has no memory. */
struct counters *counters_new(unsigned n_vcpus);

/* Sets PHASE_START to a moment of clock_ns(). */
void counters_start(struct counters *counters, int64_t started_ns);

/* Stamps the end of a phase, the first time it is called. `counters` may be NULL. Any thread. */
void counters_stamp(struct counters *counters, enum phase phase);

/* Counts one exit. The vCPU's own thread. */
void counters_count(struct vcpu_counters *vcpu, const struct exit_key *key);

#endif
