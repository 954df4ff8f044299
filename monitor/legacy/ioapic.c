/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/legacy/ioapic.h"

#include <stdatomic.h>
#include <string.h>

#include "base/le.h"

/* Registers [82093AA §3.1] */
#define REG_SELECT 0x00
#define REG_WINDOW 0x10

/* Registers behind the window [82093AA §3.2] */
#define INDEX_ID          0
#define INDEX_VERSION     1
#define INDEX_ARBITRATION 2
#define INDEX_ENTRIES     0x10
#define VERSION           (0x11 | (IOAPIC_PINS - 1) << 16)
#define ID_MASK           0x0f000000

/* A redirection entry [82093AA §3.2.4] */
#define ENTRY_VECTOR       UINT64_C(0xff)
#define ENTRY_DELIVERY     UINT64_C(0x700)
#define ENTRY_LOGICAL      (UINT64_C(1) << 11)
#define ENTRY_REMOTE_IRR   (UINT64_C(1) << 14)
#define ENTRY_LEVEL        (UINT64_C(1) << 15)
#define ENTRY_MASKED       (UINT64_C(1) << 16)
#define ENTRY_WRITABLE_LOW UINT64_C(0x1afff) /* the rest is status, or reserved */
#define ENTRY_DESTINATION  (UINT64_C(0xff) << 56)
#define ENTRY_VISIBLE      (ENTRY_WRITABLE_LOW | ENTRY_REMOTE_IRR | ENTRY_DESTINATION)

/* Ours, in reserved bits */
#define ENTRY_LINE    (UINT64_C(1) << 32) /* the line is asserted */
#define ENTRY_PENDING (UINT64_C(1) << 33) /* an edge came while masked */

/* Message address and data [Intel SDM 3A §11.11.1, §11.11.2] */
#define MSI_ADDRESS UINT64_C(0xfee00000)
#define MSI_LOGICAL (1U << 2)
#define MSI_ASSERT  (1U << 14)
#define MSI_LEVEL   (1U << 15)

static struct ioapic_msi msi_of(uint64_t entry)
{
	struct ioapic_msi msi = {.address = MSI_ADDRESS | entry >> 56 << 12,
				 .data = (uint32_t)(entry & (ENTRY_VECTOR | ENTRY_DELIVERY))};

	if ((entry & ENTRY_LOGICAL) != 0)
		msi.address |= MSI_LOGICAL;
	if ((entry & ENTRY_LEVEL) != 0)
		msi.data |= MSI_LEVEL | MSI_ASSERT;
	return msi;
}

/* What can happen to an entry. */
enum event { EVENT_RAISE, EVENT_LOWER, EVENT_WRITE_LOW, EVENT_WRITE_HIGH, EVENT_EOI };

struct step {
	enum event event;
	uint32_t value; /* written, or the vector of an EOI */
};

static uint64_t apply(uint64_t entry, struct step step)
{
	switch (step.event) {
	case EVENT_RAISE:
		if ((entry & (ENTRY_LINE | ENTRY_LEVEL)) == 0)
			entry |= ENTRY_PENDING;
		return entry | ENTRY_LINE;
	case EVENT_LOWER:
		return entry & ~ENTRY_LINE;
	case EVENT_WRITE_LOW:
		entry = (entry & ~ENTRY_WRITABLE_LOW) | (step.value & ENTRY_WRITABLE_LOW);
		/* An edge entry has no remote IRR, a level entry no latched edge. */
		return (entry & ENTRY_LEVEL) != 0 ? entry & ~ENTRY_PENDING
						  : entry & ~ENTRY_REMOTE_IRR;
	case EVENT_WRITE_HIGH:
		return (entry & ~ENTRY_DESTINATION) |
		       ((uint64_t)step.value << 32 & ENTRY_DESTINATION);
	case EVENT_EOI:
		if ((entry & ENTRY_LEVEL) != 0 && (entry & ENTRY_VECTOR) == step.value)
			entry &= ~ENTRY_REMOTE_IRR;
		return entry;
	default:
		return entry;
	}
}

/* Fires the entry if it is due: says so, and notes that it has. */
static bool fire(uint64_t *entry)
{
	bool level = (*entry & ENTRY_LEVEL) != 0;

	if ((*entry & ENTRY_MASKED) != 0)
		return false;
	if (level ? (*entry & (ENTRY_LINE | ENTRY_REMOTE_IRR)) != ENTRY_LINE
		  : (*entry & ENTRY_PENDING) == 0)
		return false;
	*entry = level ? *entry | ENTRY_REMOTE_IRR : *entry & ~ENTRY_PENDING;
	return true;
}

/* One atomic step of one entry. */
static void take(struct ioapic *ioapic, unsigned pin, struct step step)
{
	uint64_t old = atomic_load(&ioapic->entries[pin]), new;
	bool fired;

	do {
		new = apply(old, step);
		fired = fire(&new);
	} while (!atomic_compare_exchange_weak(&ioapic->entries[pin], &old, new));
	if (fired)
		ioapic->ops->send(ioapic->kernel, msi_of(new));
}

void ioapic_set(struct ioapic *ioapic, unsigned pin, bool level)
{
	take(ioapic, pin, (struct step){.event = level ? EVENT_RAISE : EVENT_LOWER});
}

void ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		take(ioapic, pin, (struct step){EVENT_EOI, vector});
}

/* Masked ones keep theirs: an interrupt in service must still see its EOI. */
static struct ioapic_route route_of(uint64_t entry)
{
	if ((entry & ENTRY_LEVEL) == 0)
		return (struct ioapic_route){0};
	return (struct ioapic_route){.used = true, .msi = msi_of(entry)};
}

static bool same_route(struct ioapic_route a, struct ioapic_route b)
{
	return a.used == b.used && a.msi.address == b.msi.address && a.msi.data == b.msi.data;
}

/*
 * Writes half an entry. The kernel learns the route of a level entry before the entry can fire, or
 * the EOI would go unseen; edge entries, and level entries that are only masked, cost no call.
 */
static void write_entry(struct ioapic *ioapic, unsigned pin, struct step step)
{
	struct ioapic_route route;

	pthread_mutex_lock(&ioapic->config);
	route = route_of(apply(atomic_load(&ioapic->entries[pin]), step));
	if (!same_route(route, ioapic->routes[pin])) {
		ioapic->routes[pin] = route;
		ioapic->ops->set_routes(ioapic->kernel, ioapic->routes);
	}
	take(ioapic, pin, step);
	pthread_mutex_unlock(&ioapic->config);
}

static uint32_t read_indexed(struct ioapic *ioapic)
{
	uint32_t index = atomic_load(&ioapic->select);
	uint64_t entry;

	if (index == INDEX_ID || index == INDEX_ARBITRATION)
		return atomic_load(&ioapic->id);
	if (index == INDEX_VERSION)
		return VERSION;
	if (index - INDEX_ENTRIES >= 2 * IOAPIC_PINS)
		return 0;
	entry = atomic_load(&ioapic->entries[(index - INDEX_ENTRIES) / 2]) & ENTRY_VISIBLE;
	return index % 2 == 0 ? (uint32_t)entry : (uint32_t)(entry >> 32);
}

static void write_indexed(struct ioapic *ioapic, uint32_t value)
{
	uint32_t index = atomic_load(&ioapic->select);
	unsigned pin = (index - INDEX_ENTRIES) / 2;

	if (index == INDEX_ID)
		atomic_store(&ioapic->id, value & ID_MASK);
	if (index - INDEX_ENTRIES >= 2 * IOAPIC_PINS)
		return;
	write_entry(ioapic, pin,
		    (struct step){index % 2 == 0 ? EVENT_WRITE_LOW : EVENT_WRITE_HIGH, value});
}

static void ioapic_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	struct ioapic *ioapic = device;
	uint8_t bytes[4];

	if (len > sizeof(bytes))
		len = sizeof(bytes);
	le32_put(bytes, 0);
	if (offset == REG_SELECT)
		le32_put(bytes, atomic_load(&ioapic->select));
	else if (offset == REG_WINDOW)
		le32_put(bytes, read_indexed(ioapic));
	memcpy(data, bytes, len);
}

static void ioapic_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	struct ioapic *ioapic = device;
	uint8_t bytes[4] = {0};

	memcpy(bytes, data, len < sizeof(bytes) ? len : sizeof(bytes));
	if (offset == REG_SELECT)
		atomic_store(&ioapic->select, bytes[0]);
	else if (offset == REG_WINDOW)
		write_indexed(ioapic, le32_get(bytes));
}

const struct bus_ops ioapic_bus_ops = {.read = ioapic_read, .write = ioapic_write};

void ioapic_init(struct ioapic *ioapic, const struct ioapic_ops *ops, void *kernel)
{
	*ioapic = (struct ioapic){
		.ops = ops, .kernel = kernel, .config = PTHREAD_MUTEX_INITIALIZER};
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		atomic_store(&ioapic->entries[pin], ENTRY_MASKED);
}
