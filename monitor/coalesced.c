/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/coalesced.h"

#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "boot-proto/layout_x86_64.h"

#define RING_MAX                                                                                   \
	((LAYOUT_PAGE - sizeof(struct kvm_coalesced_mmio_ring)) / sizeof(struct kvm_coalesced_mmio))

static void carry_out(const struct coalesced *coalesced, const struct kvm_coalesced_mmio *entry)
{
	uint8_t data[sizeof(entry->data)];
	struct bus_access access = {
		.address = entry->phys_addr, .data = data, .len = entry->len, .is_write = true};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = entry->data[i];
	bus_access(bus_find(coalesced->pio, access.address), &access);
}

/* KVM publishes an entry by `last`, and we give its place back by `first`. */
void coalesced_take(struct coalesced *coalesced)
{
	struct kvm_coalesced_mmio_ring *ring;
	uint32_t first;

	/* Acquires: begin() has found the ring before. */
	if (!atomic_load_explicit(&coalesced->on, memory_order_acquire))
		return;
	pthread_mutex_lock(&coalesced->lock);
	ring = coalesced->ring;
	first = ring->first;
	while (first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		carry_out(coalesced, &ring->coalesced_mmio[first]);
		first = (first + 1) % RING_MAX;
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
		atomic_fetch_add_explicit(&coalesced->n_taken, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&coalesced->lock);
}

static bool switch_port(const struct coalesced *coalesced, unsigned long request)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = PORT_COM1, .size = 1, .pio = 1};

	return ioctl(coalesced->vm_fd, request, &zone) == 0;
}

/* KVM says on which of a vCPU's pages the ring is. */
static bool find_ring(struct coalesced *coalesced)
{
	int page = ioctl(coalesced->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);

	if (page <= 0 || ioctl(coalesced->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO) <= 0)
		return false;
	coalesced->ring = (void *)((uintptr_t)coalesced->run + (uintptr_t)page * LAYOUT_PAGE);
	return true;
}

static bool begin(struct coalesced *coalesced)
{
	if (coalesced->given_up)
		return false;
	if ((coalesced->ring == NULL && !find_ring(coalesced)) ||
	    !switch_port(coalesced, KVM_REGISTER_COALESCED_MMIO)) {
		coalesced->given_up = true;
		return false;
	}
	atomic_store(&coalesced->n_taken, 1);
	atomic_store(&coalesced->on, true);
	return true;
}

/* What KVM has collected until it stops is carried out first, so that nothing overtakes it. */
static void end(struct coalesced *coalesced)
{
	switch_port(coalesced, KVM_UNREGISTER_COALESCED_MMIO);
	coalesced_take(coalesced);
	atomic_store(&coalesced->on, false);
}

bool coalesced_tick(struct coalesced *coalesced, bool burst, bool waits)
{
	unsigned n_taken;

	if (!atomic_load(&coalesced->on))
		return burst && begin(coalesced);
	coalesced_take(coalesced);
	n_taken = atomic_exchange(&coalesced->n_taken, 0);
	coalesced->given_up |= n_taken > 0 && n_taken <= COALESCED_STALL_MAX && waits;
	if (n_taken > 0 && !coalesced->given_up)
		return true;
	end(coalesced);
	return false;
}
