/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/protocol.h"

static void clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	err_clean(text);
}

size_t to_cell_len(const struct to_cell *message)
{
	size_t head = offsetof(struct to_cell, host);

	switch (message->type) {
	case TO_CELL_CPUID:
		return head + offsetof(struct cpuid_host, supported.entries) +
		       message->host.supported.n_entries * sizeof(struct kvm_cpuid_entry2);
	case TO_CELL_INPUT:
		return head + message->len;
	case TO_CELL_WINDOW:
		return head + sizeof(message->window);
	case TO_CELL_DISK_SIZE:
		return head + sizeof(message->disk);
	case TO_CELL_GO:
	case TO_CELL_CTRL_ALT_DEL:
	case TO_CELL_STOP:
		return head;
	default:
		return 0;
	}
}

size_t from_cell_len(uint32_t type)
{
	size_t head = offsetof(struct from_cell, resolved);

	switch (type) {
	case FROM_CELL_RESOLVED:
		return head + sizeof(struct resolved);
	case FROM_CELL_FAILED:
		return head + sizeof(struct err);
	case FROM_CELL_JAILED:
	case FROM_CELL_RUNS:
	case FROM_CELL_WISH:
	case FROM_CELL_NO_KEYBOARD:
	case FROM_CELL_CONSOLE:
		return head;
	case FROM_CELL_ENDED:
		return head + sizeof(struct ended);
	default:
		return 0;
	}
}

static bool judge_resolved(struct resolved *resolved)
{
	clean(resolved->cmdline, sizeof(resolved->cmdline));
	return resolved->format < BOOT_FORMAT_COUNT && resolved->irqchip < IRQCHIP_KIND_COUNT;
}

/* Is this a message for a cell that has come as far? */
static bool is_its_turn(uint32_t type, enum progress progress)
{
	switch (type) {
	case FROM_CELL_JAILED:
		return progress == PROGRESS_NONE;
	case FROM_CELL_FAILED:
		return progress <= PROGRESS_JAILED;
	case FROM_CELL_RESOLVED:
	case FROM_CELL_RUNS:
		return progress == PROGRESS_JAILED;
	case FROM_CELL_WISH:
	case FROM_CELL_NO_KEYBOARD:
	case FROM_CELL_CONSOLE:
		return progress == PROGRESS_RUNS;
	case FROM_CELL_ENDED:
	default:
		return progress >= PROGRESS_JAILED;
	}
}

/* Set-up, too, can end in a trap; and nobody is stopped whom the supervisor let run. */
static bool judge_ended(const struct ended *ended, const struct expected *expected)
{
	if (expected->progress != PROGRESS_RUNS)
		return ended->reason == END_TRAPPED;
	return ended->reason != END_STOPPED || expected->stopped;
}

bool from_cell_judge(struct from_cell *message, size_t len, const struct expected *expected)
{
	if (len < offsetof(struct from_cell, resolved) || len != from_cell_len(message->type) ||
	    !is_its_turn(message->type, expected->progress))
		return false;
	switch (message->type) {
	case FROM_CELL_WISH:
		return expected->wish == 0 && message->number > 0 &&
		       message->number <= UART_INPUT_MAX;
	case FROM_CELL_NO_KEYBOARD:
		return expected->no_keyboard;
	case FROM_CELL_CONSOLE:
		return expected->console;
	case FROM_CELL_RUNS:
		return !expected->dry_run;
	case FROM_CELL_RESOLVED:
		return expected->dry_run && judge_resolved(&message->resolved);
	case FROM_CELL_FAILED:
		clean(message->failed.text, sizeof(message->failed.text));
		return true;
	case FROM_CELL_ENDED:
		return judge_ended(&message->ended, expected);
	default: /* those without a length are gone */
		return true;
	}
}
