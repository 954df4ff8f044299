/* SPDX-License-Identifier: Apache-2.0 */
/* interrupts.c - descriptors, a task state for each CPU, and who handles which vector. */
#include "images/lib/interrupts.h"

#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define VECTORS       256
#define GATE_PRESENT  0x8e00 /* interrupt gate, ring 0 */
#define TSS_AVAILABLE 0x89

struct gate {
	uint16_t offset_low, selector, flags, offset_mid;
	uint32_t offset_high, reserved;
};

struct tss {
	uint32_t reserved;
	uint64_t rsp[3];
	uint64_t unused[11];
	uint16_t unused2, io_map;
} __attribute__((packed));

struct pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct gdt {
	uint64_t fixed[8];
	uint64_t tss[2];
};

static struct gate gates[VECTORS];
static struct tss tasks[GUEST_CPUS_MAX];
static struct gdt gdts[GUEST_CPUS_MAX];
static uint8_t stacks[GUEST_CPUS_MAX][4096] __attribute__((aligned(16)));
static interrupt_handler *handlers[VECTORS];

void interrupt_dispatch(struct frame *frame)
{
	if (frame->rip == (uintptr_t)wait_for_interrupt_hlt)
		frame->rip++;
	if (handlers[frame->vector] != NULL) {
		handlers[frame->vector](frame);
		return;
	}
	guest_fail("exception %lu: error %lx rip %lx cs %lx rsp %lx cr2 %lx\n", frame->vector,
		   frame->error, frame->rip, frame->cs, frame->rsp, read_cr2());
}

void interrupts_handle(uint8_t vector, interrupt_handler *handler)
{
	handlers[vector] = handler;
}

static void fill_gates(void)
{
	for (unsigned i = 0; i < VECTORS; i++) {
		uint64_t at = (uintptr_t)interrupt_stubs + i * (uint64_t)INTERRUPT_STUB_LEN;

		gates[i] = (struct gate){.offset_low = (uint16_t)at,
					 .selector = SELECTOR_CODE,
					 .flags = GATE_PRESENT,
					 .offset_mid = (uint16_t)(at >> 16),
					 .offset_high = (uint32_t)(at >> 32)};
	}
}

static void fill_gdt(unsigned cpu)
{
	uint64_t task = (uintptr_t)&tasks[cpu];

	gdts[cpu] = (struct gdt){
		.fixed = {[SELECTOR_CODE / 8] = 0x00af9b000000ffff,
			  [SELECTOR_DATA / 8] = 0x00cf93000000ffff,
			  [SELECTOR_USER_DATA / 8] = 0x00cff3000000ffff,
			  [SELECTOR_USER_CODE / 8] = 0x00affb000000ffff},
		.tss = {(sizeof(struct tss) - 1) | (task & 0xffffff) << 16 |
				(uint64_t)TSS_AVAILABLE << 40 | (task >> 24 & 0xff) << 56,
			task >> 32},
	};
	tasks[cpu].rsp[0] = (uintptr_t)stacks[cpu] + sizeof(stacks[cpu]);
	tasks[cpu].io_map = sizeof(struct tss);
}

void interrupts_load(unsigned cpu)
{
	struct pointer gdt = {sizeof(struct gdt) - 1, (uintptr_t)&gdts[cpu]};
	struct pointer idt = {sizeof(gates) - 1, (uintptr_t)gates};

	fill_gdt(cpu);
	__asm__ volatile("lgdt %0" : : "m"(gdt));
	__asm__ volatile("lidt %0" : : "m"(idt));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

void interrupts_init(void)
{
	fill_gates();
	interrupts_load(0);
}
