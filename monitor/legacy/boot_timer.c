/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/boot_timer.h"

#include <string.h>

#include "boot-proto/ports_abi.h"

static void timer_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	(void)device;
	(void)offset;
	memset(data, 0, len);
}

static void timer_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	(void)len;
	if (offset == 0 && data[0] == BOOT_TIMER_MAGIC)
		counters_stamp(device, PHASE_BOOTED);
}

const struct bus_ops boot_timer_ops = {.read = timer_read, .write = timer_write};
