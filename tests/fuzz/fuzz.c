/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAINT 0xa5

/* The sanitizers' runtime asks for its defaults here. Freed memory is kept for a while, not for ever. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=1:detect_leaks=0:quarantine_size_mb=16:"
	       "allocator_may_return_null=1";
}

void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

bool fuzz_is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

bool fuzz_has_no_controls(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

bool fuzz_are_ascii_lines(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != '\n')
			return false;
	return true;
}

struct err fuzz_err(void)
{
	struct err err = {.subject = ERR_SUBJECT_NONE};

	/* What a parser forgets to set must not look like a message. */
	memset(err.text, 0x7f, sizeof(err.text));
	return err;
}

void fuzz_check_refusal(int ret, const struct err *err)
{
	fuzz_check(ret < 0);
	fuzz_check(err->status == EXIT_STATUS_USAGE || err->status == EXIT_STATUS_HOST);
	fuzz_check(memchr(err->text, '\0', sizeof(err->text)) != NULL);
	fuzz_check(err->text[0] != '\0');
	fuzz_check(fuzz_has_no_controls(err->text));
	fuzz_check(err->subject < ERR_SUBJECT_COUNT);
}

void fuzz_taint(void *output, size_t len)
{
	memset(output, TAINT, len);
}

bool fuzz_is_tainted(const void *output, size_t len)
{
	const uint8_t *bytes = output;

	for (size_t i = 0; i < len; i++)
		if (bytes[i] != TAINT)
			return false;
	return true;
}
