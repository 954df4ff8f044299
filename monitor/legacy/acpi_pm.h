/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi_pm.h - the sleep and reset registers of reduced hardware. [ACPI 6.4 §4.8.3.6, §4.8.3.7]
 * Cell, vCPU threads.
 *
 * Three ports from PORT_ACPI_SLEEP on: a clean power-off, and a reset.
 */
#ifndef MAYFLY_LEGACY_ACPI_PM_H
#define MAYFLY_LEGACY_ACPI_PM_H

#include "monitor/bus.h"

#define ACPI_PM_LEN 3

/* The device is the struct ending_box itself. */
extern const struct bus_ops acpi_pm_ops;

#endif
