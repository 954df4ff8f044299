/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - the process that the user started: it opens, starts the cell, waits, and tells.
 *
 * One thread. It never touches guest memory or images, and takes everything the cell says for
 * hostile.
 */
#ifndef MAYFLY_MONITOR_SUPERVISOR_H
#define MAYFLY_MONITOR_SUPERVISOR_H

#include <stdint.h>

#include "monitor/config.h"

/*
 * Carries out one run, begun at this moment of clock_ns(). Returns the exit status of the program; all
 * has been said.
 */
int supervisor_run(const struct config *config, int64_t started_ns);

#endif
