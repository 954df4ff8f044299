/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the harnesses share.
 *
 * A harness is LLVMFuzzerTestOneInput() in tests/fuzz/NAME.c: it gives hostile bytes to the public
 * function of one parser and checks what that function promises. `make fuzz` links it with
 * libFuzzer, `make fuzz-replay` with replay.c, which runs inputs that are there.
 */
#ifndef MAYFLY_TESTS_FUZZ_FUZZ_H
#define MAYFLY_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what does not hold, and aborts. */
#define fuzz_check(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_fail(__FILE__, __LINE__, #condition);                                 \
	} while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* Is a text printable ASCII, or without control characters? Both end at its NUL. */
bool fuzz_is_ascii(const char *text);
bool fuzz_has_no_controls(const char *text);

/* The same of `len` bytes, in which lines may end. */
bool fuzz_are_ascii_lines(const char *bytes, size_t len);

/*
 * An error before the call, and what a refusal has to have made of it: a failure is -errno, the
 * message says something, and the status is one of set-up.
 */
struct err fuzz_err(void);
void fuzz_check_refusal(int ret, const struct err *err);

/* Fills an output before the call; is it as it was? */
void fuzz_taint(void *output, size_t len);
bool fuzz_is_tainted(const void *output, size_t len);

#endif
