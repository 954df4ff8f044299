/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail_stages.h - the stages one by one, for jail.c and for tests of each. Each notes in `holds` what
 * it has achieved.
 */
#ifndef MAYFLY_SECCOMP_JAIL_STAGES_H
#define MAYFLY_SECCOMP_JAIL_STAGES_H

#include <linux/filter.h>

#include "seccomp/jail.h"

/*
 * A part that the host does not have: goes on without it, or with `strict` refuses. `error` is the
 * host's. Returns 0 or an error.
 */
MUST_CHECK static inline int jail_without(const struct jail *jail, struct err *err, int error,
					  const char *what)
{
	if (jail->mode != JAIL_STRICT)
		return 0;
	return err_host(err, error, "--jail=strict: %s", what);
}

MUST_CHECK int jail_drop_ids(struct jail *jail, struct err *err);
MUST_CHECK int jail_set_core(struct jail *jail, struct err *err);
MUST_CHECK int jail_set_limits(const struct jail *jail, const struct jail_limits *limits,
			       struct err *err);
MUST_CHECK int jail_restrict_files(struct jail *jail, struct err *err);
MUST_CHECK int jail_filter(struct jail *jail, jail_trap_fn *on_trap, struct err *err);

/* What stands in a program for a number of the cell's own; no descriptor and no pid is as large. */
enum {
	JAIL_PLACE_SOCKET = 0x6d660001,
	JAIL_PLACE_OUTPUT,
	JAIL_PLACE_PID,
};

struct jail_program {
	const struct sock_filter *code;
	unsigned short len; /* instructions */
};

/* Made from calls.def when mayfly is built. */
extern const struct jail_program jail_programs[JAIL_ROLE_COUNT];
#define JAIL_CALLS_MAX 512 /* numbers beyond are none of this architecture's */
extern const char jail_call_texts[];
extern const unsigned short jail_call_names[JAIL_CALLS_MAX]; /* offsets; 0: no such call */

#endif
