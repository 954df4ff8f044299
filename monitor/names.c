/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/names.h"

#include <assert.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>

#include "base/counters.h"
#include "base/scope.h"
#include "boot-proto/ports_abi.h"
#include "monitor/ending.h"
#include "monitor/vcpu.h"

static const char *const phases[] = {
	[PHASE_START] = "start",
	[PHASE_CONFIG] = "options",
	[PHASE_FILES] = "files",
	[PHASE_CELL] = "cell",
	[PHASE_ROOT] = "root",
	[PHASE_ADMITTED] = "admitted",
	[PHASE_CONFINED] = "confined",
	[PHASE_VM] = "vm",
	[PHASE_MEMORY] = "memory",
	[PHASE_IRQCHIP] = "irqchip",
	[PHASE_VCPUS] = "vcpus",
	[PHASE_IMAGE] = "image",
	[PHASE_REGISTERS] = "registers",
	[PHASE_SEALED] = "sealed",
	[PHASE_FIRST_EXIT] = "first-exit",
	[PHASE_OUTPUT] = "output",
	[PHASE_BOOTED] = "booted",
	[PHASE_ENDED] = "ended",
	[PHASE_REAPED] = "reaped",
};

static const char *const exit_reasons[] = {
	[EXIT_NONE] = "none",
	[EXIT_PIO_READ] = "port-read",
	[EXIT_PIO_WRITE] = "port-write",
	[EXIT_MMIO_READ] = "mmio-read",
	[EXIT_MMIO_WRITE] = "mmio-write",
	[EXIT_IOAPIC_EOI] = "eoi",
	[EXIT_SIGNAL] = "signal",
	[EXIT_SHUTDOWN] = "shutdown",
	[EXIT_INTERNAL_ERROR] = "internal-error",
	[EXIT_SYSTEM_EVENT] = "system-event",
	[EXIT_OTHER] = "other",
};

static const char *const devices[] = {
	[DEVICE_NONE] = "-",          [DEVICE_SERIAL] = "serial",
	[DEVICE_I8042] = "i8042",     [DEVICE_IOAPIC] = "ioapic",
	[DEVICE_ACPI] = "acpi",       [DEVICE_EXIT_PORT] = "exit-port",
	[DEVICE_PVPANIC] = "pvpanic", [DEVICE_BOOT_TIMER] = "boot-timer",
	[DEVICE_CONSOLE] = "console", [DEVICE_ENTROPY] = "entropy",
	[DEVICE_BLOCK] = "block",
};

static const char *const vcpu_states[] = {
	[VCPU_UNKNOWN] = "unknown",
	[VCPU_RAN] = "ran",
	[VCPU_SLEPT] = "slept",
	[VCPU_SLEPT_MASKED] = "slept with interrupts off",
	[VCPU_NOT_STARTED] = "not started",
};

static const char *const end_reasons[] = {
	[END_NONE] = "none",           [END_EXIT] = "exit",
	[END_POWER_OFF] = "power-off", [END_RESET] = "reset",
	[END_PANIC] = "panic",         [END_TRIPLE_FAULT] = "triple-fault",
	[END_KVM_ERROR] = "kvm-error", [END_HOST_ERROR] = "host-error",
	[END_STOPPED] = "stopped",     [END_TRAPPED] = "trapped",
};

static const char *const serial_registers[] = {"data", "ier", "iir/fcr", "lcr",
					       "mcr",  "lsr", "msr",     "scratch"};

static_assert(ARRAY_LEN(phases) == PHASE_COUNT, "a name for each phase");
static_assert(ARRAY_LEN(exit_reasons) == EXIT_REASON_COUNT, "a name for each exit");
static_assert(ARRAY_LEN(devices) == DEVICE_COUNT, "a name for each device");
static_assert(ARRAY_LEN(vcpu_states) == VCPU_STATE_COUNT, "a name for each state");
static_assert(ARRAY_LEN(end_reasons) == END_REASON_COUNT, "a name for each ending");

static const char *look_up(const char *const *names, size_t n, unsigned index)
{
	return index < n ? names[index] : "?";
}

const char *phase_name(unsigned phase)
{
	return look_up(phases, ARRAY_LEN(phases), phase);
}

const char *exit_reason_name(unsigned reason)
{
	return look_up(exit_reasons, ARRAY_LEN(exit_reasons), reason);
}

const char *device_name(unsigned device)
{
	return look_up(devices, ARRAY_LEN(devices), device);
}

const char *vcpu_state_name(unsigned state)
{
	return look_up(vcpu_states, ARRAY_LEN(vcpu_states), state);
}

const char *end_reason_name(unsigned reason)
{
	return look_up(end_reasons, ARRAY_LEN(end_reasons), reason);
}

static const char *virtio_register_name(unsigned reg)
{
	switch (reg) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return "magic";
	case VIRTIO_MMIO_VERSION:
		return "version";
	case VIRTIO_MMIO_DEVICE_ID:
		return "device-id";
	case VIRTIO_MMIO_VENDOR_ID:
		return "vendor-id";
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return "device-features";
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		return "device-features-sel";
	case VIRTIO_MMIO_DRIVER_FEATURES:
		return "driver-features";
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		return "driver-features-sel";
	case VIRTIO_MMIO_QUEUE_SEL:
		return "queue-sel";
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return "queue-num-max";
	case VIRTIO_MMIO_QUEUE_NUM:
		return "queue-num";
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		return "queue-desc-low";
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		return "queue-desc-high";
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		return "queue-driver-low";
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		return "queue-driver-high";
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		return "queue-device-low";
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		return "queue-device-high";
	case VIRTIO_MMIO_QUEUE_READY:
		return "queue-ready";
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		return "queue-notify";
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return "interrupt-status";
	case VIRTIO_MMIO_INTERRUPT_ACK:
		return "interrupt-ack";
	case VIRTIO_MMIO_STATUS:
		return "status";
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return "config-generation";
	default:
		return NULL;
	}
}

const char *register_name(unsigned device, unsigned reg)
{
	if (device == DEVICE_SERIAL && reg - PORT_COM1 < ARRAY_LEN(serial_registers))
		return serial_registers[reg - PORT_COM1];
	if (device >= DEVICE_CONSOLE)
		return virtio_register_name(reg);
	if (device == DEVICE_IOAPIC)
		return reg == 0 ? "select" : reg == 0x10 ? "window" : NULL;
	switch (device == DEVICE_I8042 || device == DEVICE_ACPI ? reg : 0) {
	case PORT_I8042_DATA:
		return "data";
	case PORT_I8042_COMMAND:
		return "command";
	case PORT_ACPI_SLEEP:
		return "sleep";
	case PORT_ACPI_STATUS:
		return "status";
	case PORT_ACPI_RESET:
		return "reset";
	default:
		return NULL;
	}
}
