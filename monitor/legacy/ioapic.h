/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioapic.h - the interrupt lines' way to the LAPICs, for the split irqchip. [82093AA datasheet]
 * Cell, any thread.
 *
 * Theory of operation. Each of the 24 lines has one 64-bit redirection entry in one atomic word;
 * two of its reserved bits hold what the guest does not see: the level of the line, and an edge that
 * came while the entry was masked (a lost edge is a hung queue). Everything that can happen to an
 * entry - a line moved, a register written, an EOI - is one pure step from word to word that says
 * whether to send the interrupt; a compare-and-swap loop makes it atomic, so raising a line takes no
 * lock.
 *
 * Sending is KVM_SIGNAL_MSI. KVM tells us of the EOI of a level-triggered vector only if a route of
 * it stands in its table, so level entries, and no others, are kept there.
 */
#ifndef MAYFLY_LEGACY_IOAPIC_H
#define MAYFLY_LEGACY_IOAPIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "monitor/bus.h"

#define IOAPIC_PINS 24
#define IOAPIC_LEN  0x1000 /* of its registers' page */

/* What an entry asks for when it fires. [Intel SDM 3A §11.11] */
struct ioapic_msi {
	uint64_t address;
	uint32_t data;
};

struct ioapic_route {
	bool used;
	struct ioapic_msi msi;
};

/* The kernel's side, or a test's. */
struct ioapic_ops {
	void (*send)(void *kernel, struct ioapic_msi msi);
	/* The routes whose EOIs are wanted, one per pin. */
	void (*set_routes)(void *kernel, const struct ioapic_route routes[IOAPIC_PINS]);
};

struct ioapic {
	_Atomic uint64_t entries[IOAPIC_PINS];   /* [any] by steps only */
	_Atomic uint32_t select;                 /* [vcpu] register the window shows */
	_Atomic uint32_t id;                     /* [vcpu] */
	pthread_mutex_t config;                  /* held while a vCPU writes an entry */
	struct ioapic_route routes[IOAPIC_PINS]; /* [vcpu] under `config`: what the kernel has */
	const struct ioapic_ops *ops;
	void *kernel;
};

extern const struct bus_ops ioapic_bus_ops;

/* All lines masked, as after a reset. */
void ioapic_init(struct ioapic *ioapic, const struct ioapic_ops *ops, void *kernel);

/* Moves line `pin` (below IOAPIC_PINS). Any thread. */
void ioapic_set(struct ioapic *ioapic, unsigned pin, bool level);

/* A LAPIC was told the end of level-triggered `vector`. The vCPU's thread. */
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);

#endif
