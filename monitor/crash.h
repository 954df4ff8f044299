/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash.h - what a dead vCPU leaves behind: registers, the bytes at its instruction pointer, and how
 * its addresses translate. Collected by the cell, on the vCPU's thread; told in words by the
 * supervisor, which believes none of it: hence uint8_t where a stranger's bool might be neither true
 * nor false.
 */
#ifndef MAYFLY_MONITOR_CRASH_H
#define MAYFLY_MONITOR_CRASH_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "base/mem.h"

#define CRASH_BYTES      16
#define CRASH_LEVELS_MAX 5
#define CRASH_KVM_DATA   16

/* From a guest-virtual address through every page table to the host's memory. */
struct crash_walk {
	uint64_t gva;
	uint32_t depth;    /* levels of this paging mode; 0: paging is off */
	uint32_t n_levels; /* of these, looked at */
	uint8_t mapped;    /* `gpa` is valid */
	uint8_t has_hva;   /* `hva` is valid: there is RAM */
	uint64_t gpa;
	uint64_t hva;
	struct {
		uint64_t entry_gpa;
		uint64_t entry;
	} levels[CRASH_LEVELS_MAX];
};

struct crash {
	uint8_t has_registers; /* else nothing below could be read */
	uint8_t was_reset;     /* they are those of a reset, not the guest's */
	uint32_t n_bytes;      /* of code at rip */
	uint8_t bytes[CRASH_BYTES];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct crash_walk rip, cr2;
	uint32_t exit_reason;  /* the last KVM_EXIT_* */
	uint32_t kvm_suberror; /* of KVM_EXIT_INTERNAL_ERROR */
	uint64_t
		exit_detail; /* of FAIL_ENTRY and UNKNOWN the CPU's reason, of SYSTEM_EVENT its type */
	uint32_t n_kvm_data;
	uint64_t kvm_data[CRASH_KVM_DATA];
};

/* Translates an address as a vCPU with these registers would, reading only RAM. */
struct crash_walk crash_walk(const struct mem *mem, const struct kvm_sregs *sregs, uint64_t gva);

/* Fills in what a stopped vCPU tells. The vCPU's own thread. */
void crash_collect(int vcpu_fd, const struct kvm_run *run, const struct mem *mem,
		   struct crash *ret_crash);

#endif
