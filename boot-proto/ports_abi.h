/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ports_abi.h - every address at which a guest finds a device of the monitor's own.
 *
 * Shared by host and guest code: numbers only, also for assembler. A number here is an interface;
 * it never changes, and a freed one is not used again.
 */
#ifndef MAYFLY_PORTS_ABI_H
#define MAYFLY_PORTS_ABI_H

/* I/O ports */
#define PORT_I8042_DATA    0x60  /* keyboard controller, data */
#define PORT_I8042_COMMAND 0x64  /* keyboard controller, status and command */
#define PORT_EXIT          0xf4  /* a write of any width ends the run with that status */
#define PORT_COM1          0x3f8 /* 16550, eight registers */
#define PORT_PVPANIC       0x505 /* read: events known; write: event told */
#define PORT_ACPI_SLEEP    0x600 /* ACPI sleep control register */
#define PORT_ACPI_STATUS   0x601 /* ACPI sleep status register */
#define PORT_ACPI_RESET    0x602 /* ACPI reset register */

/* Interrupts (global system interrupt numbers) */
#define GSI_I8042  1
#define GSI_COM1   4
#define GSI_VIRTIO 5 /* of the first virtio device; the others follow */

/* Memory-mapped */
#define MMIO_BOOT_TIMER 0xc0000000 /* one byte: the guest says that it has booted */
#define MMIO_VIRTIO     0xc0001000 /* registers of the first virtio device; the others follow */
#define MMIO_VIRTIO_LEN 0x1000     /* of each */
#define MMIO_IOAPIC     0xfec00000
#define MMIO_LAPIC      0xfee00000

#define VIRTIO_DEVICES_MAX 19 /* as many as there are interrupts, up to GSI 23 */

/* Values */
#define BOOT_TIMER_MAGIC   123  /* written to MMIO_BOOT_TIMER */
#define ACPI_RESET_VALUE   1    /* written to PORT_ACPI_RESET */
#define ACPI_S5_TYPE       5    /* sleep type of "soft off", in \_S5 */
#define ACPI_SLEEP_TYPE    0x1c /* bits 2-4 of the sleep control register [ACPI 6.4 table 4.20] */
#define ACPI_SLEEP_ENABLE  0x20 /* bit 5 of it */
#define I8042_RESET        0xfe /* written to PORT_I8042_COMMAND */
#define PVPANIC_PANICKED   0x01
#define PVPANIC_CRASH_LOAD 0x02

#endif
