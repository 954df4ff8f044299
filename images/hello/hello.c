/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello.c - the built-in guest: says one line on the serial port and ends with status 0.
 *
 * It runs on every substrate in as few instructions as it takes, so it is also what the boot
 * benchmark measures: nothing in it is the guest's fault.
 */
#include "boot-proto/ports_abi.h"
#include "images/lib/io.h"
#include "images/lib/start.h"

void guest_start(const void *zero_page, const void *start_info)
{
	(void)zero_page;
	(void)start_info;
	for (const char *c = "Hello from a mayfly.\n"; *c != '\0'; c++)
		out8(PORT_COM1, (uint8_t)*c);
	out8(PORT_EXIT, 0);
	/* Not reached where there is an exit port: other monitors end at a reset or a power-off. */
	out8(PORT_I8042_COMMAND, I8042_RESET);
	out8(PORT_ACPI_SLEEP, ACPI_S5_TYPE << 2 | ACPI_SLEEP_ENABLE);
}
