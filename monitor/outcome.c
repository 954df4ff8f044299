/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/outcome.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "monitor/names.h"
#include "seccomp/jail.h"

static int ended_status(const struct ended *ended)
{
	switch (ended->reason) {
	case END_EXIT:
		return ended->detail < EXIT_STATUS_GUEST_MAX ? (int)ended->detail
							     : EXIT_STATUS_GUEST_MAX;
	case END_POWER_OFF:
	case END_RESET:
		return 0;
	default:
		return EXIT_STATUS_DIED;
	}
}

int outcome_status(const struct outcome *outcome)
{
	switch (outcome->kind) {
	case OUTCOME_TIME_LIMIT:
		return EXIT_STATUS_TIMEOUT;
	case OUTCOME_SIGNAL:
		return EXIT_STATUS_SIGNAL + outcome->signal;
	case OUTCOME_ENDED:
		return ended_status(&outcome->ended);
	case OUTCOME_CELL_FAILED:
		return outcome->failed.status == EXIT_STATUS_HOST ? EXIT_STATUS_HOST
								  : EXIT_STATUS_USAGE;
	case OUTCOME_CELL_DIED:
	case OUTCOME_CELL_HUNG_UP:
	case OUTCOME_CELL_LIED:
	default:
		return EXIT_STATUS_DIED;
	}
}

bool outcome_is_bad(const struct outcome *outcome)
{
	return outcome->kind != OUTCOME_ENDED || ended_status(&outcome->ended) == EXIT_STATUS_DIED;
}

/* "vCPU 0 ran, vCPU 1 slept": what they did when they were stopped. */
static void describe_states(const struct outcome *outcome, char *text, size_t size)
{
	size_t len = strlen(text);

	if (!outcome->has_ended) {
		snprintf(text + len, size - len, "; the cell did not answer");
		return;
	}
	for (unsigned i = 0; i < outcome->n_vcpus && len < size; i++) {
		snprintf(text + len, size - len, "%s vCPU %u %s", i == 0 ? ";" : ",", i,
			 vcpu_state_name(outcome->ended.states[i]));
		len = strlen(text);
	}
}

static void describe_trap(uint32_t detail, char *text, size_t size)
{
	static const char *const threads[] = {[JAIL_SETUP] = "set-up",
					      [JAIL_CONTROL] = "control thread",
					      [JAIL_VCPU] = "vCPU thread",
					      [JAIL_LOOP] = "loop thread"};
	unsigned role = detail >> 16, call = detail & 0xffff;

	snprintf(text, size, "the cell's %s made system call %u (%s), which its filter forbids",
		 role < ARRAY_LEN(threads) ? threads[role] : "?", call, jail_call_name(call));
}

static void describe_ended(const struct ended *ended, char *text, size_t size)
{
	switch (ended->reason) {
	case END_EXIT:
		snprintf(text, size, "the guest ended with status %u", ended->detail);
		break;
	case END_POWER_OFF:
		snprintf(text, size, "the guest powered off");
		break;
	case END_RESET:
		snprintf(text, size, "the guest reset");
		break;
	case END_PANIC:
		snprintf(text, size, "the guest panicked");
		break;
	case END_TRIPLE_FAULT:
		snprintf(text, size, "the guest died: triple fault on vCPU %u", ended->detail);
		break;
	case END_KVM_ERROR:
		snprintf(text, size, "the guest died: KVM cannot go on with vCPU %u",
			 ended->detail);
		break;
	case END_HOST_ERROR:
		snprintf(text, size, "the host failed while the guest ran: %s",
			 strerror((int)ended->detail));
		break;
	case END_TRAPPED:
		describe_trap(ended->detail, text, size);
		break;
	default:
		snprintf(text, size, "the cell ended for no reason that is known (%u)",
			 ended->reason);
		break;
	}
}

static void describe_death(int wait_status, char *text, size_t size)
{
	if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS)
		snprintf(text, size,
			 "the cell was killed by its system-call filter (--jail=trace names the "
			 "call)");
	else if (WIFSIGNALED(wait_status))
		/* It was not us: so it goes where a cgroup or the host runs out of memory. */
		snprintf(text, size, "the cell was killed by signal %d (%s)%s",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)),
			 WTERMSIG(wait_status) == SIGKILL ? " (out of memory?)" : "");
	else
		snprintf(text, size, "the cell ended with status %d without a word",
			 WEXITSTATUS(wait_status));
}

void outcome_describe(const struct outcome *outcome, char *ret_text, size_t size)
{
	switch (outcome->kind) {
	case OUTCOME_TIME_LIMIT:
		snprintf(ret_text, size, "the time limit ended the run");
		describe_states(outcome, ret_text, size);
		break;
	case OUTCOME_SIGNAL:
		snprintf(ret_text, size, "signal %d (%s) ended the run", outcome->signal,
			 strsignal(outcome->signal));
		describe_states(outcome, ret_text, size);
		break;
	case OUTCOME_ENDED:
		describe_ended(&outcome->ended, ret_text, size);
		break;
	case OUTCOME_CELL_FAILED:
		snprintf(ret_text, size, "%s%s", outcome->is_hearsay ? "the cell says: " : "",
			 outcome->failed.text);
		break;
	case OUTCOME_CELL_HUNG_UP:
		snprintf(ret_text, size, "the cell closed its socket, lived on and was killed");
		break;
	case OUTCOME_CELL_LIED:
		snprintf(ret_text, size, "the cell broke its protocol and was killed");
		break;
	case OUTCOME_CELL_DIED:
	default:
		describe_death(outcome->wait_status, ret_text, size);
		break;
	}
}
