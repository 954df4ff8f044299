/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h - how a run came out, as the supervisor knows it, and the exit status that makes.
 * Supervisor.
 */
#ifndef MAYFLY_MONITOR_OUTCOME_H
#define MAYFLY_MONITOR_OUTCOME_H

#include "monitor/protocol.h"

enum outcome_kind {
	OUTCOME_ENDED,        /* the cell said how: `ended` */
	OUTCOME_CELL_FAILED,  /* it said why there is no guest: `failed` */
	OUTCOME_CELL_DIED,    /* it said nothing: `wait_status` */
	OUTCOME_CELL_HUNG_UP, /* it closed its socket, lived on, and was killed */
	OUTCOME_CELL_LIED,    /* it said what no cell may say, and was killed */
	OUTCOME_TIME_LIMIT,
	OUTCOME_SIGNAL, /* the supervisor was asked to end by `signal` */
};

struct outcome {
	enum outcome_kind kind;
	int signal;
	int wait_status; /* of the cell, as waitpid() gives it */
	bool has_ended;  /* `ended` is there; also where we ended the run, if the cell answered */
	unsigned n_vcpus;
	bool is_hearsay; /* `failed` came after it had read an image, and may be the image's word */
	struct err failed;
	struct ended ended; /* numbers may be lies, never out of the tables' ranges */
};

/* The exit status of the program. */
int outcome_status(const struct outcome *outcome);

/* One line in words, without the leading "mayfly: "; `size` bytes at `ret_text`. */
void outcome_describe(const struct outcome *outcome, char *ret_text, size_t size);

/* Is this an ending that nobody planned? Then it is told even without --verbose. */
bool outcome_is_bad(const struct outcome *outcome);

#endif
