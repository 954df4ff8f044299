/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/exit_port.h"

#include <string.h>

#include "base/le.h"
#include "monitor/ending.h"

static void exit_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	(void)device;
	(void)offset;
	memset(data, 0, len);
}

static void exit_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	uint8_t status[4] = {0};

	if (offset != 0)
		return;
	memcpy(status, data, len < sizeof(status) ? len : sizeof(status));
	ending_set(device, END_EXIT, le32_get(status));
}

const struct bus_ops exit_port_ops = {.read = exit_read, .write = exit_write};
