/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpuid_x86_64.h - what CPUID tells a guest: KVM's answer, through one table of changes, with the
 * topology of this microVM. [Intel SDM 2A CPUID], [AMD APM 3 appendix E], [linux virt/kvm/x86/cpuid]
 *
 * The supervisor asks the host; the cell's control thread makes the guest's.
 */
#ifndef MAYFLY_MONITOR_CPUID_X86_64_H
#define MAYFLY_MONITOR_CPUID_X86_64_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#define CPUID_ENTRIES_MAX 256

/* Laid out as KVM wants it: the count, then the entries. */
struct cpuid {
	uint32_t n_entries;
	uint32_t padding;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

/* What the host offers. */
struct cpuid_host {
	bool tsc_deadline; /* KVM emulates the timer, whatever CPUID says of it */
	struct cpuid supported;
};

/* Asks /dev/kvm. Errors: -errno. Any process that may open it. */
int cpuid_ask_host(int kvm_fd, struct cpuid_host *ret_host);

/*
 * What vCPU `index` of `n_cpus` is shown: cores of one package, one thread each. It is made out of the
 * host's answer in place, and that of the next vCPU out of this one's.
 */
const struct cpuid *cpuid_for_vcpu(struct cpuid_host *host, unsigned index, unsigned n_cpus);

#endif
