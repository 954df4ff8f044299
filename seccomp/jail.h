/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail.h - what the cell gives up before it sees the first hostile byte.
 *
 * So far what needs no privilege: inherited descriptors closed, no core dump and no ptrace by other
 * processes of the user, no new privileges, no life after the supervisor's.
 */
#ifndef MAYFLY_SECCOMP_JAIL_H
#define MAYFLY_SECCOMP_JAIL_H

#include <sys/types.h>

#include "base/err.h"

/*
 * Gives up what is not needed. `keep` are the `n_keep` descriptors that stay open, besides standard
 * error; `supervisor` is the parent, whose end is ours. Errors: the host's.
 */
MUST_CHECK int jail_enter(const int *keep, unsigned n_keep, pid_t supervisor, struct err *err);

#endif
