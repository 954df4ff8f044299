/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp.c - starts every CPU and passes one interrupt around the ring of them: 0, 1, ..., n-1, 0.
 */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define VECTOR 0x40

static unsigned n_cpus;
static volatile uint32_t ready = 1, arrived, back;

static void pass_on(struct frame *frame)
{
	uint32_t self = lapic_id();

	(void)frame;
	lapic_eoi();
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	if (self == 0)
		back = 1;
	else
		lapic_send((self + 1) % n_cpus, VECTOR);
}

static void wait_for_turn(uint32_t cpu)
{
	(void)cpu;
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;)
		wait_for_interrupt();
}

uint32_t guest_main(void)
{
	interrupts_init();
	interrupts_handle(VECTOR, pass_on);
	lapic_init();
	n_cpus = smp_count();
	for (unsigned cpu = 1; cpu < n_cpus; cpu++)
		if (!smp_start(cpu, wait_for_turn))
			guest_fail("cpu %u did not start\n", cpu);
	while (ready < n_cpus)
		pause_cpu();
	print("%u cpus up\n", n_cpus);
	lapic_send(1 % n_cpus, VECTOR);
	while (!back)
		wait_for_interrupt();
	print("round done: %u interrupts\n", arrived);
	return arrived == n_cpus ? 0 : 1;
}
