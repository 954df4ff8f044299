/* SPDX-License-Identifier: Apache-2.0 */
/* interrupts.c - timer, edges and levels, the keyboard, ring 3 and other CPUs. */
#include "images/act/act.h"

#include <linux/serial_reg.h>

#include "boot-proto/ports_abi.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define VECTOR     0x60
#define TIMER_NS   100000
#define KEYS_MAX   4
#define CTR_WRITE  0x60
#define CTR_ENABLE 0x05 /* interrupt, system flag */

static volatile uint32_t n_interrupts;
static volatile uint32_t n_keys;
static volatile uint8_t keys[KEYS_MAX];

static void count(struct frame *frame)
{
	(void)frame;
	n_interrupts++;
	lapic_eoi();
}

void act_timer(void)
{
	uint64_t wanted = next_number();

	lapic_init();
	interrupts_handle(VECTOR, count);
	n_interrupts = 0;
	for (uint64_t i = 0; i < wanted; i++) {
		lapic_timer(VECTOR, TIMER_NS);
		while (n_interrupts == i)
			wait_for_interrupt();
	}
	print("%u ticks\n", n_interrupts);
}

/* An edge while the entry is masked must come when it is unmasked. */
void act_masked_edge(void)
{
	lapic_init();
	interrupts_handle(VECTOR, count);
	n_interrupts = 0;
	ioapic_route(GSI_COM1, VECTOR, false);
	ioapic_mask(GSI_COM1, true);
	out8(PORT_COM1 + UART_IER, UART_IER_THRI);
	out8(PORT_COM1 + UART_IER, 0);
	ioapic_mask(GSI_COM1, false);
	while (n_interrupts == 0)
		wait_for_interrupt();
	print("masked edge came\n");
}

static void on_key(struct frame *frame)
{
	(void)frame;
	if (n_keys < KEYS_MAX)
		keys[n_keys++] = in8(PORT_I8042_DATA);
	lapic_eoi();
}

static void drive_keyboard(void)
{
	lapic_init();
	interrupts_handle(VECTOR, on_key);
	ioapic_route(GSI_I8042, VECTOR, false);
	out8(PORT_I8042_COMMAND, CTR_WRITE);
	out8(PORT_I8042_DATA, CTR_ENABLE);
	print("keyboard ready\n");
}

void act_deaf(void)
{
	drive_keyboard();
	for (;;)
		wait_for_interrupt();
}

void act_keyboard(void)
{
	drive_keyboard();
	while (n_keys < KEYS_MAX)
		wait_for_interrupt();
	print("keys %02x %02x %02x %02x\n", keys[0], keys[1], keys[2], keys[3]);
	out8(PORT_I8042_COMMAND, I8042_RESET);
}

static void in_ring_3(uint64_t argument)
{
	print("hello from ring %u\n", read_cs() & (uint32_t)argument);
}

void act_user(void)
{
	lapic_init();
	user_run(in_ring_3, 3);
}

static void sleep_for_good(uint32_t cpu)
{
	(void)cpu;
	for (;;)
		__asm__ volatile("cli; hlt");
}

void act_all_sleep(void)
{
	lapic_init();
	for (unsigned cpu = 1; cpu < smp_count(); cpu++)
		if (!smp_start(cpu, sleep_for_good))
			guest_fail("cpu %u did not start\n", cpu);
	print("asleep\n");
	sleep_for_good(0);
}
