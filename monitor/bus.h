/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bus.h - which device answers at which port or guest-physical address. Cell, every vCPU thread.
 *
 * One bus for ports, one for memory. Devices are added before the first vCPU runs; after that the
 * bus is only read, by every vCPU thread. An access that nobody claims reads as all ones, as on
 * real hardware, and is counted, never fatal.
 */
#ifndef MAYFLY_MONITOR_BUS_H
#define MAYFLY_MONITOR_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"

#define BUS_DEVICES_MAX 48

/*
 * A device's registers. `offset` and `len` (1, 2, 4 or 8 bytes) lie inside its range; `data` of a
 * read holds ones. Called on the thread of the vCPU that made the access, many at once.
 */
struct bus_ops {
	void (*read)(void *device, uint64_t offset, uint8_t *data, unsigned len);
	void (*write)(void *device, uint64_t offset, const uint8_t *data, unsigned len);
};

struct bus_range {
	uint64_t base;
	uint64_t len;
	const struct bus_ops *ops;
	void *device;
	enum device_id id;
};

struct bus { /* [ro] once the guest runs */
	unsigned n_ranges;
	struct bus_range ranges[BUS_DEVICES_MAX];
};

struct bus_access {
	uint64_t address;
	uint8_t *data;
	unsigned len; /* bytes of one element */
	bool is_write;
};

/* Adds a device's range. The caller sees to it that no two overlap and that there is room. */
void bus_add(struct bus *bus, const struct bus_range *range);

/* The range that holds `address`, or NULL. */
const struct bus_range *bus_find(const struct bus *bus, uint64_t address);

/* Carries out one access; `range` is what bus_find() gave for it. */
void bus_access(const struct bus_range *range, const struct bus_access *access);

#endif
