/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile cell says: the first two bytes are what the supervisor knows at that moment, the rest
 * is the message. Whatever is let through is told in words that no terminal minds.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/le.h"
#include "monitor/epilogue.h"
#include "tests/fuzz/fuzz.h"

/* Bits of the first two bytes; the lowest two are the outcome as it was before the message. */
enum {
	DRY_RUN = 4,
	WISH = 8,
	VERBOSE = 16,
	QUIET = 32,
	PATHS = 64,
	ALL_VCPUS = 128,
	REPORT = 256,
	TABLES = 512,
	TABLES_IN_JSON = 1024,
	NOT_JAILED = 2048,
	NO_KEYBOARD = 4096,
	RUNS = 8192,
};

static struct config make_config(unsigned context)
{
	struct config config;

	config_init(&config);
	config.dry_run = (context & DRY_RUN) != 0;
	config.verbose = (context & VERBOSE) != 0;
	config.quiet = (context & QUIET) != 0;
	config.n_cpus = (context & ALL_VCPUS) != 0 ? VM_VCPUS_MAX : 1;
	config.image = (context & PATHS) != 0 ? "image" : NULL;
	config.initrd = (context & PATHS) != 0 ? "initrd" : NULL;
	if ((context & TABLES) != 0)
		config.exits = config.timeline = (context & TABLES_IN_JSON) != 0 ? TABLE_JSON
										 : TABLE_TEXT;
	if ((context & (TABLES | REPORT)) != 0)
		config.n_cpus = 1; /* which makes tables that are made fast */
	return config;
}

static void check_status(int status, const struct epilogue *epilogue)
{
	const struct outcome *outcome = &epilogue->outcome;

	if (epilogue->told && epilogue->last.type == FROM_CELL_RESOLVED)
		fuzz_check(status == 0);
	else if (outcome->kind == OUTCOME_CELL_FAILED)
		fuzz_check(status == EXIT_STATUS_USAGE || status == EXIT_STATUS_HOST);
	else if (outcome->kind == OUTCOME_SIGNAL)
		fuzz_check(status == EXIT_STATUS_SIGNAL + outcome->signal);
	else if (outcome->kind == OUTCOME_TIME_LIMIT)
		fuzz_check(status == EXIT_STATUS_TIMEOUT);
	else if (outcome->kind == OUTCOME_ENDED && status == EXIT_STATUS_USAGE)
		fuzz_check(epilogue->report.path != NULL && outcome_status(outcome) == 0);
	else if (outcome->kind == OUTCOME_ENDED)
		fuzz_check(status == EXIT_STATUS_DIED ||
			   (status >= 0 && status <= EXIT_STATUS_GUEST_MAX));
	else
		fuzz_check(status == EXIT_STATUS_DIED);
}

/* A name that is not there is not printed; the cell may well say "(null)" itself. */
static bool names_nothing(const struct epilogue *epilogue, const char *text)
{
	return epilogue->told && epilogue->last.type == FROM_CELL_FAILED &&
	       strstr(text, "(null)") != NULL &&
	       strstr(epilogue->last.failed.text, "(null)") == NULL;
}

/* Lets the epilogue speak into memory. glibc's streams may be set. */
static void tell(struct epilogue *epilogue)
{
	FILE *old_out = stdout, *old_err = stderr, *to;
	SCOPE_FREE char *text = NULL;
	size_t len = 0;
	int status;

	to = open_memstream(&text, &len);
	fuzz_check(to != NULL);
	stdout = stderr = to;
	status = epilogue_tell(epilogue);
	stdout = old_out;
	stderr = old_err;
	fuzz_check(fclose(to) == 0 && len < 16384 && fuzz_are_ascii_lines(text, len));
	fuzz_check(len == 0 || text[len - 1] == '\n');
	fuzz_check(len > 0 || !outcome_is_bad(&epilogue->outcome) || epilogue->config->quiet);
	fuzz_check(!names_nothing(epilogue, text));
	check_status(status, epilogue);
}

/* A report that is asked for goes to a file without a name, or one that refuses. */
static struct report make_report(unsigned context)
{
	const char *path = (context & PATHS) != 0 ? "/dev/null" : "/dev/full";

	if ((context & REPORT) == 0)
		return (struct report){0};
	return (struct report){.path = path, .fd = open(path, O_WRONLY | O_CLOEXEC)};
}

/* The answer to a wish, and every other message to the cell, has room in its struct. */
static void check_answers(uint32_t wish)
{
	static struct to_cell answer;

	for (uint32_t type = 0; type <= TO_CELL_STOP + 1; type++) {
		answer.type = type;
		answer.len = wish;
		answer.host.supported.n_entries = CPUID_ENTRIES_MAX;
		fuzz_check(to_cell_len(&answer) <= sizeof(answer));
		fuzz_check((to_cell_len(&answer) > 0) == (type > 0 && type <= TO_CELL_STOP));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum outcome_kind kinds[] = {OUTCOME_CELL_DIED, OUTCOME_TIME_LIMIT,
						  OUTCOME_SIGNAL, OUTCOME_CELL_LIED};
	static struct epilogue epilogue;
	struct from_cell *message = &epilogue.last;
	struct expected expected;
	unsigned context;
	struct config config;

	if (size < 2 || size - 2 > sizeof(*message))
		return 0;
	context = le16_get(data);
	config = make_config(context);
	expected = (struct expected){.dry_run = config.dry_run,
				     .progress = (context & NOT_JAILED) != 0 ? PROGRESS_NONE
						 : (context & RUNS) != 0     ? PROGRESS_RUNS
									     : PROGRESS_JAILED,
				     .no_keyboard = (context & NO_KEYBOARD) != 0,
				     .stopped = context % ARRAY_LEN(kinds) != 0,
				     .wish = (context & WISH) != 0};
	memset(message, 0xff, sizeof(*message));
	memcpy(message, data + 2, size - 2);
	if (epilogue.counters == NULL)
		epilogue.counters = counters_new(1);
	fuzz_check(epilogue.counters != NULL);
	epilogue.config = &config;
	epilogue.report = make_report(context);
	epilogue.outcome = (struct outcome){.kind = kinds[context % ARRAY_LEN(kinds)],
					    .signal = 15,
					    .wait_status = (int)(message->number & 0xffff)};
	epilogue.has_parsed = expected.progress != PROGRESS_NONE;
	epilogue.told = from_cell_judge(message, size - 2, &expected);
	if (epilogue.told && message->type == FROM_CELL_WISH) {
		fuzz_check(expected.wish == 0 && message->number >= 1 &&
			   message->number <= UART_INPUT_MAX);
		check_answers(message->number);
	}
	fuzz_check(!epilogue.told || expected.progress != PROGRESS_NONE ||
		   message->type == FROM_CELL_JAILED || message->type == FROM_CELL_FAILED);
	fuzz_check(!epilogue.told || expected.progress != PROGRESS_RUNS ||
		   message->type != FROM_CELL_FAILED);
	fuzz_check(!epilogue.told || message->type != FROM_CELL_RESOLVED || config.dry_run);
	fuzz_check(!epilogue.told || message->type != FROM_CELL_ENDED ||
		   message->ended.reason != END_STOPPED || expected.stopped);
	tell(&epilogue);
	return 0;
}
