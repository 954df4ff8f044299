/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - the byte that makes a table's bytes sum to zero: ACPI and MP tables alike. */
#ifndef MAYFLY_BOOT_CHECKSUM_H
#define MAYFLY_BOOT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

static inline uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

#endif
