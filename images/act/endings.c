/* SPDX-License-Identifier: Apache-2.0 */
/* endings.c - every way a life can end. */
#include "images/act/act.h"

#include "boot-proto/ports_abi.h"
#include "images/lib/guest.h"

void act_exit(void)
{
	guest_exit((uint32_t)next_number());
}

void act_exit8(void)
{
	out8(PORT_EXIT, (uint8_t)next_number());
}

void act_spin(void)
{
	for (;;)
		__asm__ volatile("");
}

void act_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void act_sleep(void)
{
	for (;;)
		wait_for_interrupt();
}

void act_triple(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

void act_jump(void)
{
	void (*nowhere)(void) = (void (*)(void))next_number();

	nowhere();
}

/* The handler's frames go to the same stack, so the third fault is the last. */
void act_overflow(void)
{
	__asm__ volatile("mov $0x7fffffff000, %%rsp; push %%rax" : : : "memory");
}

/* CR4.OSFXSR, or hardware refuses [Intel SDM 3A §2.5]; KVM that emulates stops before it matters. */
void act_sse(void)
{
	__asm__ volatile("mov %%cr4, %%rax; or $0x200, %%rax; mov %%rax, %%cr4" : : : "rax");
	__asm__ volatile("xorps %%xmm0, %%xmm0; addps %%xmm0, %%xmm0; cvtsi2sd %%eax, %%xmm0"
			 :
			 :
			 :);
	print("sse works\n");
}

void act_panic(void)
{
	out8(PORT_PVPANIC, PVPANIC_PANICKED);
}

void act_power_off(void)
{
	out8(PORT_ACPI_SLEEP, ACPI_SLEEP_ENABLE | ACPI_S5_TYPE << 2);
}

void act_reset_acpi(void)
{
	out8(PORT_ACPI_RESET, ACPI_RESET_VALUE);
}

void act_reset_i8042(void)
{
	out8(PORT_I8042_COMMAND, I8042_RESET);
}
