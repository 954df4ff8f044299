/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic.h - the port by which a guest's driver tells a panic. [QEMU specs/pvpanic.rst]
 * Cell, vCPU threads.
 */
#ifndef MAYFLY_LEGACY_PVPANIC_H
#define MAYFLY_LEGACY_PVPANIC_H

#include "monitor/bus.h"

#define PVPANIC_LEN 1

/* The device is the struct ending_box itself. */
extern const struct bus_ops pvpanic_ops;

#endif
