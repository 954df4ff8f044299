/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/bus.h"

#include <assert.h>
#include <string.h>

void bus_add(struct bus *bus, const struct bus_range *range)
{
	assert(bus->n_ranges < BUS_DEVICES_MAX);
	for (unsigned i = 0; i < bus->n_ranges; i++)
		assert(range->base + range->len <= bus->ranges[i].base ||
		       bus->ranges[i].base + bus->ranges[i].len <= range->base);
	bus->ranges[bus->n_ranges++] = *range;
}

const struct bus_range *bus_find(const struct bus *bus, uint64_t address)
{
	for (unsigned i = 0; i < bus->n_ranges; i++)
		if (address - bus->ranges[i].base < bus->ranges[i].len)
			return &bus->ranges[i];
	return NULL;
}

/* The bytes of an access that go past the end of the range belong to nobody. */
static unsigned len_inside(const struct bus_range *range, const struct bus_access *access)
{
	uint64_t inside = range->base + range->len - access->address;

	return access->len < inside ? access->len : (unsigned)inside;
}

void bus_access(const struct bus_range *range, const struct bus_access *access)
{
	if (!access->is_write)
		memset(access->data, 0xff, access->len);
	if (range == NULL)
		return;
	if (access->is_write)
		range->ops->write(range->device, access->address - range->base, access->data,
				  len_inside(range, access));
	else
		range->ops->read(range->device, access->address - range->base, access->data,
				 len_inside(range, access));
}
