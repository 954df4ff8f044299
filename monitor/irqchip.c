/* SPDX-License-Identifier: Apache-2.0 */
/* [linux virt/kvm/api.rst 4.24, 4.25, 4.71, 7.5] */
#include "monitor/irqchip.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

static void send_msi(void *kernel, struct ioapic_msi msi)
{
	const struct irqchip *chip = kernel;
	struct kvm_msi request = {.address_lo = (uint32_t)msi.address,
				  .address_hi = (uint32_t)(msi.address >> 32),
				  .data = msi.data};

	/* 0: masked by the guest; an error can only be a message that no LAPIC takes. */
	ioctl(chip->vm_fd, KVM_SIGNAL_MSI, &request);
}

static void set_routes(void *kernel, const struct ioapic_route routes[IOAPIC_PINS])
{
	struct irqchip *chip = kernel;
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[IOAPIC_PINS];
	} table = {0};

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct kvm_irq_routing_entry *entry = &table.entries[table.head.nr];

		if (!routes[pin].used)
			continue;
		entry->gsi = pin;
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi.address_lo = (uint32_t)routes[pin].msi.address;
		entry->u.msi.address_hi = (uint32_t)(routes[pin].msi.address >> 32);
		entry->u.msi.data = routes[pin].msi.data;
		table.head.nr++;
	}
	/* Else an EOI would go unseen, and the line be dead from then on. */
	if (ioctl(chip->vm_fd, KVM_SET_GSI_ROUTING, &table) < 0)
		atomic_store(&chip->error, errno);
}

static const struct ioapic_ops kernel_ops = {.send = send_msi, .set_routes = set_routes};

static int init_split(struct irqchip *chip, struct err *err)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IOAPIC_PINS}};

	if (ioctl(chip->vm_fd, KVM_ENABLE_CAP, &split) < 0)
		return err_host(err, errno, "--irqchip=split");
	ioapic_init(&chip->ioapic, &kernel_ops, chip);
	return 0;
}

static int init_kernel(struct irqchip *chip, struct err *err)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (ioctl(chip->vm_fd, KVM_CREATE_IRQCHIP) < 0)
		return err_host(err, errno, "--irqchip=kernel");
	if (ioctl(chip->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return err_host(err, errno, "--irqchip=kernel: timer");
	return 0;
}

int irqchip_init(struct irqchip *chip, enum irqchip_kind kind, int vm_fd, struct err *err)
{
	*chip = (struct irqchip){.kind = kind, .vm_fd = vm_fd};
	return kind == IRQCHIP_KERNEL ? init_kernel(chip, err) : init_split(chip, err);
}

static void set_line(void *opaque, unsigned gsi, bool level)
{
	struct irqchip *chip = opaque;
	struct kvm_irq_level line = {.irq = gsi, .level = level};

	if (chip->kind == IRQCHIP_SPLIT)
		ioapic_set(&chip->ioapic, gsi, level);
	else
		ioctl(chip->vm_fd, KVM_IRQ_LINE, &line);
}

struct irq_line irqchip_line(struct irqchip *chip, unsigned gsi)
{
	return (struct irq_line){.set = set_line, .chip = chip, .gsi = gsi};
}
