/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/acpi_pm.h"

#include <string.h>

#include "boot-proto/ports_abi.h"
#include "monitor/ending.h"

static void pm_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	(void)device;
	(void)offset;
	memset(data, 0, len);
}

static void pm_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	const uint8_t off = ACPI_SLEEP_ENABLE | ACPI_S5_TYPE << 2;

	(void)len;
	if (offset == 0 && (data[0] & (ACPI_SLEEP_ENABLE | ACPI_SLEEP_TYPE)) == off)
		ending_set(device, END_POWER_OFF, 0);
	if (offset == PORT_ACPI_RESET - PORT_ACPI_SLEEP && data[0] == ACPI_RESET_VALUE)
		ending_set(device, END_RESET, 0);
}

const struct bus_ops acpi_pm_ops = {.read = pm_read, .write = pm_write};
