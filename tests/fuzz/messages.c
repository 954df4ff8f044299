/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile cell says: the first byte is what the supervisor knows at that moment, the rest is
 * the message. Whatever is let through is told in words that no terminal minds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/crash_report.h"
#include "monitor/options.h"
#include "monitor/outcome.h"
#include "monitor/protocol.h"
#include "tests/fuzz/fuzz.h"

static void check_crash(const struct ended *ended)
{
	SCOPE_FREE char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	fuzz_check(to != NULL);
	crash_print(to, &ended->crash, (enum end_reason)ended->reason);
	fuzz_check(fclose(to) == 0 && len < 8192 && fuzz_are_ascii_lines(text, len));
}

static void check_ended(const struct ended *ended, unsigned n_vcpus)
{
	struct outcome outcome = {.signal = 15, .has_ended = true, .n_vcpus = n_vcpus};
	char text[512];
	int status;

	outcome.ended = *ended;
	for (unsigned kind = OUTCOME_ENDED; kind <= OUTCOME_SIGNAL; kind++) {
		outcome.kind = (enum outcome_kind)kind;
		fuzz_taint(text, sizeof(text));
		outcome_describe(&outcome, text, sizeof(text));
		fuzz_check(memchr(text, '\0', sizeof(text)) != NULL && text[0] != '\0');
		fuzz_check(fuzz_is_ascii(text));
		status = outcome_status(&outcome);
		fuzz_check(status >= 0 && status <= 255);
		fuzz_check(status == EXIT_STATUS_TIMEOUT || status == EXIT_STATUS_DIED ||
			   status <= EXIT_STATUS_GUEST_MAX || kind == OUTCOME_SIGNAL);
		fuzz_check(outcome_is_bad(&outcome) || kind == OUTCOME_ENDED);
	}
	check_crash(ended);
}

/* What is said of a cell that said nothing. */
static void check_silence(int wait_status, unsigned n_vcpus)
{
	struct outcome outcome = {.wait_status = wait_status, .signal = 15, .n_vcpus = n_vcpus};
	char text[512];

	for (unsigned kind = OUTCOME_CELL_DIED; kind <= OUTCOME_SIGNAL; kind++) {
		outcome.kind = (enum outcome_kind)kind;
		fuzz_taint(text, sizeof(text));
		outcome_describe(&outcome, text, sizeof(text));
		fuzz_check(memchr(text, '\0', sizeof(text)) != NULL && fuzz_is_ascii(text));
		fuzz_check(outcome_is_bad(&outcome));
	}
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

static void check_resolved(const struct resolved *resolved)
{
	json_t *json = json_pack("{s:s, s:b, s:s, s:s}", "format", format_names[resolved->format],
				 "linux", resolved->linux_kernel, "irqchip",
				 irqchip_names[resolved->irqchip], "cmdline", resolved->cmdline);

	fuzz_check(json != NULL);
	json_decref(json);
	fuzz_check(memchr(resolved->cmdline, '\0', sizeof(resolved->cmdline)) != NULL);
	fuzz_check(fuzz_is_ascii(resolved->cmdline));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct from_cell message;
	bool dry_run;
	unsigned wish;

	if (size == 0 || size - 1 > sizeof(message))
		return 0;
	dry_run = (data[0] & 1) != 0;
	wish = data[0] >> 1 & 1;
	memset(&message, 0xff, sizeof(message));
	memcpy(&message, data + 1, size - 1);
	if (!from_cell_judge(&message, size - 1, dry_run, wish)) {
		check_silence((int)(message.wish & 0xffff), data[0] % VM_VCPUS_MAX + 1);
		return 0;
	}
	switch (message.type) {
	case FROM_CELL_RESOLVED:
		fuzz_check(dry_run);
		check_resolved(&message.resolved);
		break;
	case FROM_CELL_FAILED:
		fuzz_check(memchr(message.failed.text, '\0', sizeof(message.failed.text)) != NULL);
		fuzz_check(fuzz_is_ascii(message.failed.text));
		break;
	case FROM_CELL_WISH:
		fuzz_check(wish == 0 && message.wish >= 1 && message.wish <= UART_INPUT_MAX);
		check_answers(message.wish);
		break;
	case FROM_CELL_ENDED:
		check_ended(&message.ended, data[0] % VM_VCPUS_MAX + 1);
		break;
	default:
		fuzz_check(message.type == FROM_CELL_NO_KEYBOARD);
		break;
	}
	return 0;
}
