/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mp_table.h - processors and interrupt lines for guests without ACPI.
 * [Intel MultiProcessor Specification 1.4 chapter 4]
 */
#ifndef MAYFLY_BOOT_MP_TABLE_H
#define MAYFLY_BOOT_MP_TABLE_H

#include "boot-proto/boot.h"

/* Writes it to LAYOUT_MP_TABLE. Errors: -EINVAL where it does not fit. */
MUST_CHECK int mp_table_write(const struct boot_machine *machine, const struct mem *mem,
			      struct err *err);

#endif
