/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - the TSC's rate from KVM's clock. [linux virt/kvm/x86/msr.rst, struct pvclock] */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define LEAF_KVM            0x40000000
#define LEAF_KVM_FEATURES   0x40000001
#define FEATURE_CLOCKSOURCE 3
#define MSR_SYSTEM_TIME     0x4b564d01
#define NS_A_SECOND         UINT64_C(1000000000)

struct system_time {
	uint32_t version, pad;
	uint64_t tsc_timestamp, system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad2[2];
};

static bool has_clock(void)
{
	struct cpuid_regs signature = cpuid(LEAF_KVM, 0);

	return signature.ebx == 0x4b4d564b && /* "KVMK" */
	       (cpuid(LEAF_KVM_FEATURES, 0).eax >> FEATURE_CLOCKSOURCE & 1) != 0;
}

uint64_t tsc_frequency(void)
{
	static struct system_time time __attribute__((aligned(64)));
	static uint64_t frequency;
	volatile struct system_time *shared = &time;

	if (frequency > 0 || !has_clock())
		return frequency;
	write_msr(MSR_SYSTEM_TIME, (uintptr_t)&time | 1);
	if (shared->tsc_to_system_mul == 0)
		return 0;
	/* ns = (ticks << shift) * mul / 2^32, so a second is 2^32 * 10^9 / mul >> shift ticks. */
	frequency = (NS_A_SECOND << 32) / shared->tsc_to_system_mul;
	if (shared->tsc_shift >= 0)
		frequency >>= shared->tsc_shift;
	else
		frequency <<= -shared->tsc_shift;
	return frequency;
}
