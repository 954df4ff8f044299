/* SPDX-License-Identifier: Apache-2.0 */
/* lapic.c - the local APIC in x2APIC mode, and the IOAPIC. [Intel SDM 3A chapter 11] */
#include "boot-proto/ports_abi.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define MSR_APIC_BASE    0x1b
#define APIC_BASE_X2APIC 0xc00 /* enabled, x2APIC */
#define MSR_TSC_DEADLINE 0x6e0
#define X2APIC_ID        0x802
#define X2APIC_EOI       0x80b
#define X2APIC_SPURIOUS  0x80f
#define X2APIC_ICR       0x830
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_INITIAL   0x838
#define X2APIC_DIVIDE    0x83e
#define SPURIOUS_ENABLE  0x1ff
#define TIMER_DEADLINE   (2U << 17)
#define DIVIDE_BY_1      0xb
#define BUS_NS           1 /* KVM's LAPIC counts nanoseconds */
#define ICR_INIT         0x4500
#define ICR_STARTUP      0x4600
#define ICR_FIXED        0x4000

#define IOAPIC_SELECT MMIO_IOAPIC
#define IOAPIC_WINDOW (MMIO_IOAPIC + 0x10)
#define IOAPIC_ENTRY  0x10
#define ENTRY_LEVEL   0x8000
#define ENTRY_MASKED  0x10000

#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1

void lapic_init(void)
{
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	write_msr(X2APIC_SPURIOUS, SPURIOUS_ENABLE);
}

uint32_t lapic_id(void)
{
	return (uint32_t)read_msr(X2APIC_ID);
}

void lapic_eoi(void)
{
	write_msr(X2APIC_EOI, 0);
}

void lapic_send(uint32_t apic_id, uint8_t vector)
{
	write_msr(X2APIC_ICR, (uint64_t)apic_id << 32 | ICR_FIXED | vector);
}

void lapic_init_cpu(uint32_t apic_id)
{
	write_msr(X2APIC_ICR, (uint64_t)apic_id << 32 | ICR_INIT);
}

void lapic_start_cpu(uint32_t apic_id, uint8_t page)
{
	write_msr(X2APIC_ICR, (uint64_t)apic_id << 32 | ICR_STARTUP | page);
}

void lapic_timer(uint8_t vector, uint64_t ns)
{
	bool deadline = (cpuid(1, 0).ecx >> 24 & 1) != 0;
	uint64_t frequency = tsc_frequency();

	if (deadline && frequency > 0) {
		write_msr(X2APIC_LVT_TIMER, TIMER_DEADLINE | vector);
		write_msr(MSR_TSC_DEADLINE, read_tsc() + ns * (frequency / 1000) / 1000000);
		return;
	}
	write_msr(X2APIC_DIVIDE, DIVIDE_BY_1);
	write_msr(X2APIC_LVT_TIMER, vector);
	write_msr(X2APIC_INITIAL, ns / BUS_NS);
}

static void ioapic_write(uint32_t index, uint32_t value)
{
	mmio_write32(IOAPIC_SELECT, index);
	mmio_write32(IOAPIC_WINDOW, value);
}

static uint32_t ioapic_read(uint32_t index)
{
	mmio_write32(IOAPIC_SELECT, index);
	return mmio_read32(IOAPIC_WINDOW);
}

/* A PIC, where there is one, would send the same lines to vectors of its own. */
static void mask_pic(void)
{
	static bool done;

	if (done)
		return;
	out8(PIC_MASTER_MASK, 0xff);
	out8(PIC_SLAVE_MASK, 0xff);
	done = true;
}

void ioapic_route(unsigned gsi, uint8_t vector, bool level)
{
	mask_pic();
	map_gib_of(MMIO_IOAPIC);
	ioapic_write(IOAPIC_ENTRY + 2 * gsi + 1, lapic_id() << 24);
	ioapic_write(IOAPIC_ENTRY + 2 * gsi, vector | (level ? ENTRY_LEVEL : 0));
}

void ioapic_mask(unsigned gsi, bool masked)
{
	uint32_t entry = ioapic_read(IOAPIC_ENTRY + 2 * gsi) & ~(uint32_t)ENTRY_MASKED;

	ioapic_write(IOAPIC_ENTRY + 2 * gsi, entry | (masked ? ENTRY_MASKED : 0));
}
