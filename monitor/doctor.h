/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what this host has for microVMs, what it lacks, and how to mend that. Supervisor;
 * its cell only tries the jail.
 */
#ifndef MAYFLY_MONITOR_DOCTOR_H
#define MAYFLY_MONITOR_DOCTOR_H

#include <stdbool.h>

/* Is KVM's kind PVM, which runs without VT-x and AMD-V? */
bool doctor_sees_pvm(void);

/*
 * Prints what it finds. Returns 0: good, or with advice; 1: works, with something missing; 2: cannot
 * run.
 */
int doctor_run(bool json);

#endif
