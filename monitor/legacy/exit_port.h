/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit_port.h - a write of any width to PORT_EXIT ends the run with that status.
 * Cell, vCPU threads.
 */
#ifndef MAYFLY_LEGACY_EXIT_PORT_H
#define MAYFLY_LEGACY_EXIT_PORT_H

#include "monitor/bus.h"

#define EXIT_PORT_LEN 4

/* The device is the struct ending_box itself. */
extern const struct bus_ops exit_port_ops;

#endif
