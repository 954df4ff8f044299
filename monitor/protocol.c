/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/protocol.h"

size_t to_cell_len(const struct to_cell *message)
{
	size_t head = offsetof(struct to_cell, host);

	switch (message->type) {
	case TO_CELL_CPUID:
		return head + offsetof(struct cpuid_host, supported.entries) +
		       message->host.supported.n_entries * sizeof(struct kvm_cpuid_entry2);
	case TO_CELL_INPUT:
		return head + message->len;
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
	case FROM_CELL_WISH:
	case FROM_CELL_NO_KEYBOARD:
		return head;
	case FROM_CELL_ENDED:
		return head + sizeof(struct ended);
	default:
		return 0;
	}
}
