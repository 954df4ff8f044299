/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest's CPUID says, from a host's answer made up here. */
#include "monitor/cpuid_x86_64.h"

#include <criterion/criterion.h>
#include <fcntl.h>

#include "tests/support/host.h"

static struct cpuid_host host;
static const struct cpuid *cpuid;

static void add(uint32_t leaf, uint32_t index, uint32_t value)
{
	host.supported.entries[host.supported.n_entries++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = index,
		.eax = value,
		.ebx = value,
		.ecx = value,
		.edx = value};
}

static void set_up(void)
{
	host.tsc_deadline = true;
	add(0x0, 0, 0x1f);
	add(0x1, 0, 0xffffffff);
	add(0x4, 0, 0x00000121); /* data cache, level 1 */
	add(0x4, 3, 0x00000163); /* unified, level 3 */
	add(0x6, 0, 0xffffffff);
	add(0x7, 0, 0xffffffff);
	add(0x7, 1, 0xffffffff);
	add(0xa, 0, 0xffffffff);
	add(0xb, 0, 0x77);
	add(0x40000000, 0, 0x40000001);
	add(0x80000001, 0, 0xffffffff);
	add(0x80000008, 0, 0xffffffff);
	add(0x8000001e, 0, 0xffffffff);
}

TestSuite(cpuid, .init = set_up);

static const struct kvm_cpuid_entry2 *find(uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->n_entries; i++)
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	cr_assert_fail("no leaf %x, index %u", leaf, index);
	return NULL;
}

Test(cpuid, says_hypervisor_x2apic_and_tsc_deadline)
{
	host.supported.entries[1].ecx = 0;
	cpuid = cpuid_for_vcpu(&host, 0, 1);
	cr_assert_eq(find(0x1, 0)->ecx, 1u << 31 | 1u << 24 | 1u << 21);
	host.supported.entries[1].ecx = 0;
	host.tsc_deadline = false;
	cpuid = cpuid_for_vcpu(&host, 0, 1);
	cr_assert_eq(find(0x1, 0)->ecx, 1u << 31 | 1u << 21);
}

Test(cpuid, hides_what_a_guest_is_not_to_have)
{
	cpuid = cpuid_for_vcpu(&host, 0, 1);
	cr_assert_eq(find(0x1, 0)->ecx & (1u << 5 | 1u << 6), 0u, "VMX, SMX");
	cr_assert_eq(find(0x80000001, 0)->ecx & 1u << 2, 0u, "SVM");
	cr_assert_eq(find(0x1, 0)->ecx & 1u << 3, 0u, "MONITOR");
	cr_assert_eq(find(0x6, 0)->eax, 1u << 2, "ARAT only");
	cr_assert_eq(find(0xa, 0)->eax, 0u, "performance counters");
	cr_assert_eq(find(0x7, 0)->ebx & 1u << 2, 0u, "SGX");
	cr_assert_eq(find(0x7, 1)->ebx, 0xffffffffu, "another index is another leaf");
}

Test(cpuid, numbers_cores_of_one_package)
{
	cpuid = cpuid_for_vcpu(&host, 5, 6);
	cr_assert_eq(find(0x1, 0)->ebx >> 24, 5u);
	cr_assert_eq(find(0x1, 0)->ebx >> 16 & 0xff, 6u);
	cr_assert_eq(find(0x1, 0)->edx >> 28 & 1, 1u);
	cr_assert_eq(find(0x4, 0)->eax >> 14 & 0xfff, 0u, "level 1 is a core's own");
	cr_assert_eq(find(0x4, 3)->eax >> 14 & 0xfff, 5u, "level 3 is shared");
	cr_assert_eq(find(0x4, 3)->eax >> 26, 5u);
	cr_assert_eq(find(0x80000008, 0)->ecx & 0xff, 5u);
	cr_assert_eq(find(0x80000008, 0)->ecx >> 12 & 0xf, 3u);
	cr_assert_eq(find(0x8000001e, 0)->eax, 5u);
	cr_assert_eq(find(0x8000001e, 0)->ebx, 5u);
}

Test(cpuid, of_one_vcpu_is_made_out_of_that_of_another)
{
	static struct cpuid_host fresh;
	const struct cpuid *anew;

	fresh = host;
	anew = cpuid_for_vcpu(&fresh, 5, 6);
	for (unsigned i = 0; i < 6; i++)
		cpuid = cpuid_for_vcpu(&host, i, 6);
	cr_assert_eq(cpuid->n_entries, anew->n_entries);
	cr_assert_arr_eq(cpuid->entries, anew->entries, anew->n_entries * sizeof(anew->entries[0]));
}

Test(cpuid, builds_the_topology_leaves_anew)
{
	cpuid = cpuid_for_vcpu(&host, 5, 6);
	for (uint32_t leaf = 0xb; leaf <= 0x1f; leaf += 0x1f - 0xb) {
		cr_assert_eq(find(leaf, 0)->ebx, 1u);
		cr_assert_eq(find(leaf, 0)->ecx, 0x100u);
		cr_assert_eq(find(leaf, 1)->eax, 3u);
		cr_assert_eq(find(leaf, 1)->ebx, 6u);
		cr_assert_eq(find(leaf, 1)->ecx, 0x201u);
		cr_assert_eq(find(leaf, 1)->edx, 5u);
		cr_assert_eq(find(leaf, 2)->ebx, 0u);
	}
}

Test(cpuid, has_no_topology_leaf_where_the_host_ends_before)
{
	host.supported.entries[0].eax = 0xa;
	cpuid = cpuid_for_vcpu(&host, 0, 2);
	for (uint32_t i = 0; i < cpuid->n_entries; i++)
		cr_assert_neq(cpuid->entries[i].function, 0xbu);
}

Test(cpuid, one_cpu_is_no_multiprocessor)
{
	cpuid = cpuid_for_vcpu(&host, 0, 1);
	cr_assert_eq(find(0x1, 0)->edx >> 28 & 1, 0u);
	cr_assert_eq(find(0x80000001, 0)->ecx >> 1 & 1, 0u);
	cr_assert_eq(find(0xb, 1)->eax, 0u);
}

Test(cpuid, a_full_table_does_not_overflow)
{
	while (host.supported.n_entries < CPUID_ENTRIES_MAX)
		add(0x20000000, host.supported.n_entries, 0);
	cpuid = cpuid_for_vcpu(&host, 0, 4);
	cr_assert_leq(cpuid->n_entries, (uint32_t)CPUID_ENTRIES_MAX);
}

Test(cpuid, asks_the_host)
{
	need_kvm();
	cr_assert_eq(cpuid_ask_host(open("/dev/kvm", O_RDWR), &host), 0);
	cr_assert_gt(host.supported.n_entries, 10u);
	cr_assert_eq(cpuid_ask_host(-1, &host), -9);
}
