/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - words for the numbers that the cell reports. A number out of range is "?": it may come
 * from a cell that lies. Supervisor.
 */
#ifndef MAYFLY_MONITOR_NAMES_H
#define MAYFLY_MONITOR_NAMES_H

#include <stdint.h>

const char *phase_name(unsigned phase);
const char *exit_reason_name(unsigned reason);
const char *device_name(unsigned device);
const char *vcpu_state_name(unsigned state);
const char *end_reason_name(unsigned reason);

/* A register as struct exit_key has it, or NULL where it has no name of its own. */
const char *register_name(unsigned device, unsigned reg);

#endif
