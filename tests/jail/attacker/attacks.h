/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attacks.h - what code that owns a closed cell tries. Every attack is made of raw system calls, for
 * that is what such code has. It returns 0 where it came through, else the errno that stopped it.
 */
#ifndef MAYFLY_TESTS_ATTACKS_H
#define MAYFLY_TESTS_ATTACKS_H

#include <errno.h>
#include <poll.h>
#include <sys/types.h>

#include "monitor/vcpu.h"

struct attack;

struct scene {
	const struct attack *attack;
	struct vcpu *vcpu; /* whose thread makes the attack */
	unsigned n_vcpus;
	pid_t supervisor; /* of this run, as the host counts */
	pid_t victim;     /* a cell of another run */
	int socket;       /* to the supervisor */
	int output;       /* of the serial port */
};

typedef int attack_fn(const struct scene *scene);

struct attack {
	const char *name;
	attack_fn *make;
	bool for_root; /* an ordinary user has no right to it, jail or not */
	struct {
		int family, type;
	} socket;
};

/* The attacks by what they are on; each list ends with an empty element. */
extern const struct attack attacks_on_files[];
extern const struct attack attacks_on_processes[];
extern const struct attack attacks_on_the_kernel[];
extern const struct attack attacks_on_kvm[];
extern const struct attack attacks_on_memory[]; /* none comes back */
extern const struct attack lies[];
extern const struct attack lies_in_set_up[]; /* before the final filter */

static inline _Noreturn void wait_for_the_end(void)
{
	for (;;)
		ppoll(NULL, 0, NULL, NULL);
}

static inline int result(long ret)
{
	return ret < 0 ? errno : 0;
}

#endif
