/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/pvpanic.h"

#include "boot-proto/ports_abi.h"
#include "monitor/ending.h"

static void pvpanic_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	(void)device;
	(void)offset;
	(void)len;
	data[0] = PVPANIC_PANICKED | PVPANIC_CRASH_LOAD;
}

/* A panic whose crash kernel was loaded goes on in that kernel, so only the other one ends it. */
static void pvpanic_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	(void)offset;
	(void)len;
	if ((data[0] & PVPANIC_PANICKED) != 0)
		ending_set(device, END_PANIC, 0);
}

const struct bus_ops pvpanic_ops = {.read = pvpanic_read, .write = pvpanic_write};
