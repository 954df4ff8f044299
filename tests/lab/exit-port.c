/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit-port.c - ends the guest by the exit port, with status 42. As the guest's init it does so at its
 * first instruction: what was counted until then is the kernel's own way to its init.
 */
#include <sys/syscall.h>

#include "boot-proto/ports_abi.h"

static long syscall1(long number, long argument)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(argument)
			 : "rcx", "r11", "memory");
	return ret;
}

void _start(void);

void _start(void)
{
	const int all_ports = 3;

	syscall1(SYS_iopl, all_ports);
	__asm__ volatile("outb %b0, %w1" : : "a"(42), "Nd"(PORT_EXIT));
	for (;;)
		;
}
