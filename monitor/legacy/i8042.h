/* SPDX-License-Identifier: Apache-2.0 */
/*
 * i8042.h - the keyboard controller: reset, and a keyboard whose only keys are Ctrl, Alt and Del.
 * [IBM PS/2 Technical Reference, "Keyboard/Auxiliary Device Controller"], keyboard in scan set 2.
 * Cell.
 *
 * vCPU threads and the control thread meet here; one lock.
 */
#ifndef MAYFLY_LEGACY_I8042_H
#define MAYFLY_LEGACY_I8042_H

#include <pthread.h>

#include "base/irq.h"
#include "monitor/bus.h"
#include "monitor/ending.h"

#define I8042_BYTES 16

struct i8042 { /* all under `lock` */
	pthread_mutex_t lock;
	struct irq_line irq;
	struct ending_box *ending;
	uint8_t config; /* the command byte */
	uint8_t out_port;
	uint8_t pending;          /* command that waits for its byte on the data port, or 0 */
	uint8_t keyboard_pending; /* the same, of the keyboard */
	bool driven;              /* the guest has written the command byte: it has a driver */
	bool irq_level;
	uint8_t first, len;
	uint8_t bytes[I8042_BYTES]; /* for the guest to read */
};

extern const struct bus_ops i8042_data_ops;    /* one port */
extern const struct bus_ops i8042_command_ops; /* one port */

void i8042_init(struct i8042 *i8042, struct irq_line irq, struct ending_box *ending);

/* Types Ctrl-Alt-Del. False when no guest driver listens to the keyboard. */
bool i8042_ctrl_alt_del(struct i8042 *i8042);

#endif
