/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/outcome.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static char text[512];

static struct outcome ended(uint32_t reason, uint32_t detail)
{
	return (struct outcome){.kind = OUTCOME_ENDED,
				.has_ended = true,
				.n_vcpus = 2,
				.ended = {.reason = reason, .detail = detail}};
}

Test(outcome, each_ending_has_its_status_and_words)
{
	static const struct {
		uint32_t reason, detail;
		int status;
		bool bad;
		const char *words;
	} endings[] = {
		{END_EXIT, 0, 0, false, "the guest ended with status 0"},
		{END_EXIT, 123, 123, false, "the guest ended with status 123"},
		{END_EXIT, 124, 123, false, "the guest ended with status 124"},
		{END_EXIT, 0xffffffff, 123, false, "the guest ended with status 4294967295"},
		{END_POWER_OFF, 0, 0, false, "the guest powered off"},
		{END_RESET, 0, 0, false, "the guest reset"},
		{END_PANIC, 0, 127, true, "the guest panicked"},
		{END_TRIPLE_FAULT, 1, 127, true, "the guest died: triple fault on vCPU 1"},
		{END_KVM_ERROR, 0, 127, true, "the guest died: KVM cannot go on with vCPU 0"},
		{END_HOST_ERROR, 14, 127, true, "the host failed while the guest ran: Bad address"},
		{4711, 0, 127, true, "the cell ended for no reason that is known (4711)"},
	};

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct outcome outcome = ended(endings[i].reason, endings[i].detail);

		outcome_describe(&outcome, text, sizeof(text));
		cr_assert_str_eq(text, endings[i].words);
		cr_assert_eq(outcome_status(&outcome), endings[i].status, "%s", text);
		cr_assert_eq(outcome_is_bad(&outcome), endings[i].bad, "%s", text);
	}
}

Test(outcome, the_time_limit_says_what_the_vcpus_did)
{
	struct outcome outcome = ended(END_STOPPED, 0);

	outcome.kind = OUTCOME_TIME_LIMIT;
	outcome.ended.states[0] = VCPU_RAN;
	outcome.ended.states[1] = VCPU_SLEPT_MASKED;
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the time limit ended the run; vCPU 0 ran, vCPU 1 slept with "
			       "interrupts off");
	cr_assert_eq(outcome_status(&outcome), 124);
	outcome.has_ended = false;
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the time limit ended the run; the cell did not answer");
}

Test(outcome, signals_and_deaths)
{
	struct outcome outcome = {.kind = OUTCOME_SIGNAL, .signal = SIGTERM};

	cr_assert_eq(outcome_status(&outcome), 143);
	outcome = (struct outcome){.kind = OUTCOME_CELL_DIED, .wait_status = SIGKILL};
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the cell was killed by signal 9 (Killed) (out of memory?)");
	cr_assert_eq(outcome_status(&outcome), 127);
	outcome.wait_status = SIGSEGV;
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the cell was killed by signal 11 (Segmentation fault)");
	outcome.wait_status = 3 << 8;
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the cell ended with status 3 without a word");
}

Test(outcome, what_a_cell_says_after_it_read_an_image_is_its_own_word)
{
	struct outcome outcome = {.kind = OUTCOME_CELL_FAILED,
				  .failed = {.status = EXIT_STATUS_HOST, .text = "no room"}};

	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "no room");
	cr_assert_eq(outcome_status(&outcome), 126);
	outcome.is_hearsay = true;
	outcome.failed.status = 0;
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the cell says: no room");
	cr_assert_eq(outcome_status(&outcome), 125);
}

/* That the kernel ran out of memory is not to be suspected where it was the supervisor that killed. */
Test(outcome, a_cell_that_was_killed_for_hanging_up)
{
	struct outcome outcome = {.kind = OUTCOME_CELL_HUNG_UP, .wait_status = SIGKILL};

	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_str_eq(text, "the cell closed its socket, lived on and was killed");
	cr_assert_eq(outcome_status(&outcome), 127);
}

/* The states come from the cell; so many of them do not fit into a line. */
Test(outcome, a_long_list_is_cut)
{
	struct outcome outcome = ended(END_STOPPED, 0);

	outcome.kind = OUTCOME_TIME_LIMIT;
	outcome.n_vcpus = VM_VCPUS_MAX;
	memset(outcome.ended.states, 0xff, sizeof(outcome.ended.states));
	outcome_describe(&outcome, text, sizeof(text));
	cr_assert_lt(strlen(text), sizeof(text));
	cr_assert(strstr(text, "vCPU 0 ?") != NULL);
}
