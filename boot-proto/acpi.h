/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi.h - RSDP, XSDT, FADT, MADT and DSDT of a machine with reduced hardware. [ACPI 6.4]
 *
 * The tables say what the machine lacks as much as what it has: no CMOS clock, no VGA, a keyboard
 * controller only where it is asked for. A guest that believes them does not look for it by exits.
 */
#ifndef MAYFLY_BOOT_ACPI_H
#define MAYFLY_BOOT_ACPI_H

#include "boot-proto/boot.h"

/* Writes the tables from LAYOUT_RSDP on. Errors: -EINVAL where they do not fit. */
MUST_CHECK int acpi_write(const struct boot_machine *machine, const struct mem *mem,
			  struct err *err);

#endif
