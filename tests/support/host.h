/* SPDX-License-Identifier: Apache-2.0 */
/* host.h - what the machine under the tests has; a test that cannot run here says why. */
#ifndef MAYFLY_TESTS_HOST_H
#define MAYFLY_TESTS_HOST_H

#include <stdbool.h>

/* Skips the test where /dev/kvm cannot be opened: it then runs in the nested lab. */
void need_kvm(void);

/* Skips the test where a program is not installed, or where we are not root. */
void need_program(const char *name);
void need_root(const char *what_for);

/* Is the monitor under test built with a sanitizer, whose calls and memory are its own? */
bool is_sanitized(void);

/* KVM without hardware support: guest ring 0 is emulated, a triple fault leaves registers. */
bool kvm_is_pvm(void);

/* Counts are full in `make test-long`, and otherwise small enough for every run. */
unsigned count_for(unsigned quick, unsigned full);

/* The seed of this run's random choices, printed; $SEED sets it. */
unsigned test_seed(void);

#endif
