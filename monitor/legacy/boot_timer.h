/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_timer.h - one byte at MMIO_BOOT_TIMER: the guest says that it has booted. (Firecracker's)
 * Cell, vCPU threads.
 */
#ifndef MAYFLY_LEGACY_BOOT_TIMER_H
#define MAYFLY_LEGACY_BOOT_TIMER_H

#include "monitor/bus.h"

#define BOOT_TIMER_LEN 0x1000

/* The device is the struct counters, or NULL. */
extern const struct bus_ops boot_timer_ops;

#endif
