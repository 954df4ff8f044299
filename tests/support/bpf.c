/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/bpf.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	cr_assert_leq(offset, sizeof(*data) - sizeof(word));
	memcpy(&word, (const uint8_t *)data + offset, sizeof(word));
	return word;
}

static bool compare(uint16_t op, uint32_t a, uint32_t k)
{
	switch (BPF_OP(op)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		cr_assert_fail("jump 0x%x", op);
		return false;
	}
}

uint32_t bpf_run(const struct sock_filter *code, size_t len, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < len; at++) {
		const struct sock_filter *op = &code[at];

		if (op->code == (BPF_RET | BPF_K))
			return op->k;
		if (op->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load(data, op->k);
		else if (op->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= op->k;
		else if (op->code == (BPF_JMP | BPF_JA))
			at += op->k;
		else if (BPF_CLASS(op->code) == BPF_JMP)
			at += compare(op->code, a, op->k) ? op->jt : op->jf;
		else
			cr_assert_fail("instruction 0x%x", op->code);
	}
	cr_assert_fail("it does not end");
	return SECCOMP_RET_KILL_PROCESS;
}
