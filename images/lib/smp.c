/* SPDX-License-Identifier: Apache-2.0 */
/* smp.c - starts other CPUs: INIT, SIPI, and a trampoline from real mode. [Intel SDM 3A §9.4] */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define TRAMPOLINE_PAGE 2 /* at 0x2000, which no boot table uses */
#define TRAMPOLINE      (TRAMPOLINE_PAGE * 4096UL)
#define START_POLLS     2000000

extern char smp_trampoline[], smp_trampoline_end[];

/* The last words of the trampoline, which it loads; smp_trampoline.S has the other side. */
struct parameters {
	uint64_t cr3, stack, entry, cpu;
};

static uint8_t stacks[GUEST_CPUS_MAX][4096] __attribute__((aligned(16)));
static volatile uint32_t started[GUEST_CPUS_MAX];
static void (*entries[GUEST_CPUS_MAX])(uint32_t cpu);

static void begin(uint64_t cpu)
{
	interrupts_load((unsigned)cpu);
	lapic_init();
	started[cpu] = 1;
	entries[cpu]((uint32_t)cpu);
	for (;;)
		__asm__ volatile("cli; hlt");
}

bool smp_start(uint32_t cpu, void (*entry)(uint32_t cpu))
{
	size_t len = (size_t)(smp_trampoline_end - smp_trampoline);
	struct parameters *parameters = (struct parameters *)(TRAMPOLINE + len) - 1;

	memcpy((void *)TRAMPOLINE, smp_trampoline, len);
	*parameters = (struct parameters){read_cr3(), (uintptr_t)stacks[cpu] + sizeof(stacks[cpu]),
					  (uintptr_t)begin, cpu};
	entries[cpu] = entry;
	lapic_init_cpu(cpu);
	lapic_start_cpu(cpu, TRAMPOLINE_PAGE);
	for (unsigned i = 0; i < START_POLLS; i++) {
		if (started[cpu])
			return true;
		pause_cpu();
	}
	return false;
}
