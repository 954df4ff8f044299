/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/cpuid_x86_64.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/scope.h"

enum reg { EAX, EBX, ECX, EDX };

#define BIT(n)   (UINT32_C(1) << (n))
#define BITS_ALL UINT32_MAX

/* Every bit that differs from KVM's answer, and why. */
static const struct change {
	uint32_t leaf;
	enum reg reg;
	uint32_t clear;
	uint32_t set;
} changes[] = {
	/* It is a virtual machine, with an x2APIC. */
	{0x1, ECX, 0, BIT(31) | BIT(21)},
	/* No virtual machines inside: VMX, SMX; SVM. The nested code is KVM's largest surface. */
	{0x1, ECX, BIT(5) | BIT(6), 0},
	{0x80000001, ECX, BIT(2), 0},
	/* No debug store, MONITOR, SpeedStep, thermal control, performance capability MSR. */
	{0x1, ECX, BIT(2) | BIT(3) | BIT(4) | BIT(7) | BIT(8) | BIT(15), 0},
	/* Power management: only that the LAPIC timer never stops. */
	{0x6, EAX, ~BIT(2), 0},
	{0x6, EBX, BITS_ALL, 0},
	{0x6, ECX, BITS_ALL, 0},
	/* No performance counters: they tell about the neighbours, and cost state to switch. */
	{0xa, EAX, BITS_ALL, 0},
	{0xa, EBX, BITS_ALL, 0},
	{0xa, ECX, BITS_ALL, 0},
	{0xa, EDX, BITS_ALL, 0},
	{0x80000001, ECX, BIT(23) | BIT(24) | BIT(28), 0},
	{0x80000022, EAX, BITS_ALL, 0},
	{0x80000022, EBX, BITS_ALL, 0},
	/* No SGX, no processor trace. */
	{0x7, EBX, BIT(2) | BIT(25), 0},
};

int cpuid_ask_host(int kvm_fd, struct cpuid_host *ret_host)
{
	ret_host->supported.n_entries = CPUID_ENTRIES_MAX;
	ret_host->supported.padding = 0;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &ret_host->supported) < 0)
		return -errno;
	ret_host->tsc_deadline = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return 0;
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *entry, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &entry->eax;
	case EBX:
		return &entry->ebx;
	case ECX:
		return &entry->ecx;
	case EDX:
	default:
		return &entry->edx;
	}
}

static void apply_changes(struct kvm_cpuid_entry2 *entry)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint32_t *value = reg_of(entry, changes[i].reg);

		if (entry->function == changes[i].leaf &&
		    (entry->index == 0 || changes[i].leaf != 0x7))
			*value = (*value & ~changes[i].clear) | changes[i].set;
	}
}

static void set_field(uint32_t *value, unsigned shift, unsigned width, uint32_t field)
{
	uint32_t mask = (BIT(width) - 1) << shift;

	*value = (*value & ~mask) | (field << shift & mask);
}

/* How many bits of the APIC id number the cores. */
static unsigned core_bits(unsigned n_cpus)
{
	unsigned bits = 0;

	while ((1U << bits) < n_cpus)
		bits++;
	return bits;
}

static void set_topology(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned n_cpus)
{
	bool last_cache_level = (entry->eax >> 5 & 7) == 3;

	switch (entry->function) {
	case 0x1:
		set_field(&entry->ebx, 24, 8, index);
		set_field(&entry->ebx, 16, 8, n_cpus);
		set_field(&entry->edx, 28, 1, n_cpus > 1);
		break;
	case 0x4: /* caches, Intel */
		if ((entry->eax & 0x1f) == 0)
			break;
		set_field(&entry->eax, 14, 12, last_cache_level ? n_cpus - 1 : 0);
		set_field(&entry->eax, 26, 6, n_cpus - 1);
		break;
	case 0x80000001:
		set_field(&entry->ecx, 1, 1, n_cpus > 1);
		break;
	case 0x80000008: /* core count, AMD */
		set_field(&entry->ecx, 0, 8, n_cpus - 1);
		set_field(&entry->ecx, 12, 4, core_bits(n_cpus));
		break;
	case 0x8000001d: /* caches, AMD */
		if ((entry->eax & 0x1f) != 0)
			set_field(&entry->eax, 14, 12, last_cache_level ? n_cpus - 1 : 0);
		break;
	case 0x8000001e:
		entry->eax = index;
		entry->ebx = index; /* core id, one thread a core */
		entry->ecx = 0;     /* node 0 of one */
		break;
	default:
		break;
	}
}

static bool is_extended_topology(uint32_t leaf)
{
	return leaf == 0xb || leaf == 0x1f;
}

/* Leaves 0xb and 0x1f: a thread level, a core level, an end. */
static void add_extended_topology(struct cpuid *cpuid, uint32_t leaf, unsigned index,
				  unsigned n_cpus)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{.index = 0, .eax = 0, .ebx = 1, .ecx = 0x100},
		{.index = 1, .eax = core_bits(n_cpus), .ebx = n_cpus, .ecx = 0x201},
		{.index = 2, .eax = 0, .ebx = 0, .ecx = 0x002},
	};

	if (cpuid->n_entries + ARRAY_LEN(levels) > CPUID_ENTRIES_MAX)
		return;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->n_entries++];

		*entry = levels[i];
		entry->function = leaf;
		entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		entry->edx = index;
	}
}

const struct cpuid *cpuid_for_vcpu(struct cpuid_host *host, unsigned index, unsigned n_cpus)
{
	struct cpuid *cpuid = &host->supported;
	uint32_t n_before = cpuid->n_entries, max_leaf = 0;

	cpuid->n_entries = 0;
	for (uint32_t i = 0; i < n_before; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[cpuid->n_entries];

		if (is_extended_topology(cpuid->entries[i].function))
			continue;
		*entry = cpuid->entries[i];
		if (entry->function == 0)
			max_leaf = entry->eax;
		if (entry->function == 1 && host->tsc_deadline)
			entry->ecx |= BIT(24);
		apply_changes(entry);
		set_topology(entry, index, n_cpus);
		cpuid->n_entries++;
	}
	if (max_leaf >= 0xb)
		add_extended_topology(cpuid, 0xb, index, n_cpus);
	if (max_leaf >= 0x1f)
		add_extended_topology(cpuid, 0x1f, index, n_cpus);
	return cpuid;
}
