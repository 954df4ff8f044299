/* SPDX-License-Identifier: Apache-2.0 */
/*
 * irqchip.h - the interrupt controllers of a VM, of one of two kinds. Cell: made by the control
 * thread, used by any.
 *
 * Split: the LAPICs live in the kernel, the IOAPIC is ours, there is no PIC and no PIT. Kernel: all
 * of them live in the kernel. The second costs a slow end of a short life, so it is for guests that
 * need a PIC or a PIT.
 */
#ifndef MAYFLY_MONITOR_IRQCHIP_H
#define MAYFLY_MONITOR_IRQCHIP_H

#include "base/err.h"
#include "base/irq.h"
#include "monitor/legacy/ioapic.h"

enum irqchip_kind { IRQCHIP_AUTO, IRQCHIP_SPLIT, IRQCHIP_KERNEL, IRQCHIP_KIND_COUNT };

struct irqchip {
	enum irqchip_kind kind; /* [ro] never IRQCHIP_AUTO */
	int vm_fd;              /* [ro] */
	_Atomic int error;      /* [vcpu] errno of what KVM refused while the guest ran: the end */
	struct ioapic ioapic;   /* split only */
};

/* Makes the controllers; before the vCPUs, after all memory slots. Errors: the host's. */
MUST_CHECK int irqchip_init(struct irqchip *chip, enum irqchip_kind kind, int vm_fd,
			    struct err *err);

/* The line of a device, for irq_set(). */
struct irq_line irqchip_line(struct irqchip *chip, unsigned gsi);

#endif
