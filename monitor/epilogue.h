/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epilogue.h - what is said after a run: to the user in words, to programs in JSON, to the shell by
 * the exit status. Supervisor; the cell is gone by then.
 */
#ifndef MAYFLY_MONITOR_EPILOGUE_H
#define MAYFLY_MONITOR_EPILOGUE_H

#include "monitor/config.h"
#include "monitor/outcome.h"
#include "monitor/report.h"
#include "seccomp/jail.h"

struct epilogue {
	const struct config *config;
	struct report report;
	struct counters *counters; /* NULL where nobody asked */
	struct jail jail;          /* what held the cell, as far as it said */
	struct outcome outcome;
	bool told;             /* the cell has said its last word: `last` */
	bool has_parsed;       /* before that it may have read an image */
	struct from_cell last; /* message of the cell's */
};

/* Says all there is to say. Returns the exit status of the program. */
int epilogue_tell(struct epilogue *epilogue);

/*
 * Sees that what was printed on standard output has arrived. Returns `status`, or that of an error,
 * which it prints.
 */
int epilogue_flush(int status);

/* Prints "mayfly: " and an error on standard error. */
void epilogue_print_error(const struct err *err);

#endif
