/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - tells what machine it finds, a fact a line, and ends with the number of faults in it.
 *
 * A fault is something that the machine claims and does not keep: a table with a bad checksum, a
 * clock that goes backwards, a CPU that does not start, a number that two tables give differently.
 */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define CLOCK_ROUNDS 100

static uint32_t faults;

static void fault(const char *what)
{
	print("fault: %s\n", what);
	faults++;
}

static void tell_boot(void)
{
	print("entry: %s\n", guest_boot.by_pvh ? "pvh" : "linux64");
	print("cmdline: %s\n", guest_boot.cmdline);
	print("initrd: %lu bytes at 0x%lx\n", guest_boot.initrd_len, guest_boot.initrd);
	if (guest_boot.initrd_len >= 4)
		print("initrd-head: %08x\n", *(const uint32_t *)guest_boot.initrd);
}

static void tell_memory(void)
{
	uint64_t ram = 0, end = 0;

	for (unsigned i = 0; i < guest_boot.n_ranges; i++) {
		const struct guest_range *range = &guest_boot.ranges[i];

		print("range: 0x%lx 0x%lx %s\n", range->gpa, range->len,
		      range->type == 1 ? "ram" : "reserved");
		if (range->gpa < end)
			fault("memory ranges overlap or are out of order");
		end = range->gpa + range->len;
		ram += range->type == 1 ? range->len : 0;
	}
	print("ram: %lu KiB\n", ram >> 10);
}

/* The last byte of each range of RAM can be written and read, where it is mapped. */
static void check_memory(void)
{
	for (unsigned i = 0; i < guest_boot.n_ranges; i++) {
		const struct guest_range *range = &guest_boot.ranges[i];
		volatile uint8_t *last = (volatile uint8_t *)(range->gpa + range->len - 1);

		if (range->type != 1 || range->gpa == 0)
			continue;
		map_gib_of((uintptr_t)last);
		*last = 0x5a;
		if (*last != 0x5a)
			fault("RAM that does not hold what is written");
	}
}

static void tell_tables(void)
{
	static const char *const signatures[] = {"FACP", "APIC", "DSDT"};
	const uint8_t *fadt = acpi_find("FACP");

	print("rsdp: 0x%lx\n", guest_boot.rsdp);
	for (unsigned i = 0; i < 3 && guest_boot.rsdp != 0; i++)
		print("acpi: %s %s\n", signatures[i],
		      acpi_find(signatures[i]) != NULL ? "ok" : "missing");
	if (fadt != NULL)
		print("boot-arch: 0x%x\n", fadt[109] | fadt[110] << 8);
	print("mp-table: %s\n", mp_find() != NULL ? "ok" : "missing");
	print("cpus-named: %u\n", smp_count());
}

static void print_signature(const char *name, uint32_t a, uint32_t b, uint32_t c)
{
	char text[13];

	memcpy(text, &a, 4);
	memcpy(text + 4, &b, 4);
	memcpy(text + 8, &c, 4);
	text[12] = '\0';
	print("%s: %s\n", name, text);
}

static void tell_cpuid(void)
{
	struct cpuid_regs base = cpuid(0, 0), features = cpuid(1, 0), kvm = cpuid(0x40000000, 0);
	struct cpuid_regs pv = cpuid(0x40000001, 0);

	print_signature("vendor", base.ebx, base.edx, base.ecx);
	print_signature("hypervisor", kvm.ebx, kvm.ecx, kvm.edx);
	print("apic-id: %u\n", features.ebx >> 24);
	print("logical-cpus: %u\n", features.ebx >> 16 & 0xff);
	print("x2apic: %u\n", features.ecx >> 21 & 1);
	print("tsc-deadline: %u\n", features.ecx >> 24 & 1);
	print("nested: %u\n", (features.ecx >> 5 & 1) | (cpuid(0x80000001, 0).ecx >> 2 & 1));
	print("kvmclock: %u\n", pv.eax >> 3 & 1);
	print("pv-eoi: %u\n", pv.eax >> 6 & 1);
	print("pv-unhalt: %u\n", pv.eax >> 7 & 1);
	print("pv-ipi: %u\n", pv.eax >> 11 & 1);
	if (base.eax >= 0xb)
		print("topology: %u threads, %u cores, id %u\n", cpuid(0xb, 0).ebx & 0xffff,
		      cpuid(0xb, 1).ebx & 0xffff, cpuid(0xb, 0).edx);
	if (!(features.ecx >> 31 & 1))
		fault("CPUID does not say that this is a virtual machine");
}

static void tell_clock(void)
{
	uint64_t before = read_tsc(), now;

	print("tsc: %lu kHz\n", tsc_frequency() / 1000);
	for (unsigned i = 0; i < CLOCK_ROUNDS; i++, before = now) {
		now = read_tsc();
		if (now < before)
			fault("the TSC goes backwards");
	}
}

static volatile uint32_t cpus_up = 1;

static void come_up(uint32_t cpu)
{
	if (lapic_id() != cpu || cpuid(1, 0).ebx >> 24 != cpu)
		print("fault: cpu %u sees itself as %u and %u\n", cpu, lapic_id(),
		      cpuid(1, 0).ebx >> 24);
	else
		__atomic_add_fetch(&cpus_up, 1, __ATOMIC_SEQ_CST);
}

static void tell_cpus(void)
{
	unsigned named = smp_count();

	for (unsigned cpu = 1; cpu < named; cpu++)
		if (!smp_start(cpu, come_up))
			print("cpu %u did not start\n", cpu);
	for (unsigned i = 0; i < 1000000 && cpus_up < named; i++)
		pause_cpu();
	print("cpus-up: %u\n", cpus_up);
	if (cpus_up != named)
		fault("not every CPU came up as itself");
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	tell_boot();
	tell_memory();
	check_memory();
	tell_tables();
	tell_cpuid();
	tell_clock();
	tell_cpus();
	print("faults: %u\n", faults);
	return faults;
}
