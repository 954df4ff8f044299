/* SPDX-License-Identifier: Apache-2.0 */
/* Every way a guest's life can end: exit status, words, and report. */
#include <criterion/criterion.h>
#include <jansson.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(endings, .init = need_kvm);

Test(endings, the_guests_status_is_ours_up_to_123)
{
	cr_assert_eq(ACT("exit", "0").status, 0);
	cr_assert_eq(ACT("exit", "1").status, 1);
	cr_assert_eq(ACT("exit", "123").status, 123);
	cr_assert_eq(ACT("exit", "124").status, 123);
	cr_assert_eq(ACT("exit", "0x10000").status, 123);
	cr_assert_eq(ACT("exit8", "9").status, 9);
}

Test(endings, power_off_and_resets_are_clean)
{
	static const char *const acts[][2] = {{"power-off", "the guest powered off"},
					      {"reset-acpi", "the guest reset"},
					      {"reset-i8042", "the guest reset"}};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		struct run run = RUN("run", "-v", guest("act"), "--", acts[i][0]);

		cr_assert_eq(run.status, 0, "%s", acts[i][0]);
		cr_assert(has(run.err, acts[i][1]), "%s", run.err);
	}
}

Test(endings, a_panic_told_by_pvpanic_is_127)
{
	struct run run = ACT("panic");

	cr_assert_eq(run.status, 127);
	cr_assert_str_eq(run.err, "mayfly: the guest panicked\n");
}

Test(endings, quiet_says_nothing_of_it)
{
	struct run run = RUN("run", "-q", guest("act"), "--", "panic");

	cr_assert_eq(run.status, 127);
	cr_assert_str_eq(run.err, "");
}

/* On AMD-V, KVM resets the vCPU before it tells; elsewhere the registers are the guest's. */
Test(endings, a_triple_fault_is_told_with_all_there_is_to_know)
{
	struct run run = RUN("run", "-f", "elf", guest("act"), "--", "triple");

	cr_assert_eq(run.status, 127);
	cr_assert(has(run.err, "mayfly: the guest died: triple fault on vCPU 0\n"), "%s", run.err);
	if (has(run.err, "KVM has reset the vCPU")) {
		cr_assert_not(has(run.err, "rip 000000000000fff0"));
		return;
	}
	cr_assert(has(run.err, "code: 0f 0b"), "ud2 is where it died: %s", run.err);
	cr_assert(has(run.err, "    idt 0000000000000000"));
	cr_assert(has(run.err, "level 4: entry") && has(run.err, "level 2: entry"));
	cr_assert(has(run.err, " -> hva 0x"));
	cr_assert(has(run.err, "hint: "));
}

Test(endings, a_stack_that_overflowed_is_hinted_at)
{
	struct run run = RUN("run", "-f", "elf", guest("act"), "--", "overflow");

	cr_assert_eq(run.status, 127);
	cr_assert(has(run.err, "KVM has reset the vCPU") || has(run.err, "a stack that overflowed"),
		  "%s", run.err);
}

Test(endings, what_kvm_cannot_emulate_is_told_with_its_bytes)
{
	struct run run = ACT("sse");

	if (!kvm_is_pvm()) {
		cr_assert_eq(run.status, 0);
		cr_skip_test("this KVM runs ring 0 on hardware: nothing to emulate");
	}
	cr_assert_eq(run.status, 127);
	cr_assert(has(run.err, "KVM: suberror 1 (an instruction it cannot emulate)"), "%s",
		  run.err);
	cr_assert(has(run.err, "code: 0f 57 c0"));
	cr_assert(has(run.err, "SSE and x87 in ring 0 need VT-x or AMD-V"));
}

Test(endings, a_fault_that_the_guest_handles_is_its_own_affair)
{
	struct run run = ACT("jump", "0x40000000");

	cr_assert_eq(run.status, 120, "%s", run.err);
	cr_assert(has(run.out, "exception 14"));
}

static void stopped(const char *act, const char *words)
{
	struct run run = RUN("run", "-c", "2", "--timeout=300ms", guest("act"), "--", act);

	cr_assert_eq(run.status, 124, "%s: %s", act, run.err);
	cr_assert(has(run.err, "mayfly: the time limit ended the run; "), "%s", run.err);
	cr_assert(has(run.err, words), "%s", run.err);
}

Test(endings, the_time_limit_tells_what_the_vcpus_did)
{
	stopped("spin", "vCPU 0 ran, vCPU 1 not started");
	stopped("sleep", "vCPU 0 slept, vCPU 1 not started");
	stopped("halt", "vCPU 0 slept with interrupts off, vCPU 1 not started");
	stopped("all-sleep", "vCPU 0 slept with interrupts off, vCPU 1 slept with interrupts off");
}

static json_t *report_of(const char *option, const char *act)
{
	const char *path = scratch("report.json");
	struct run run = RUN("run", "--report", path, option, "-f", "elf", guest("act"), "--", act);
	json_error_t error;
	json_t *report = json_load_file(path, 0, &error);

	cr_assert(report != NULL, "%s\n%s", error.text, run.err);
	cr_assert_eq(json_integer_value(json_object_get(report, "exit_status")), run.status);
	return report;
}

Test(endings, the_report_has_the_exact_status)
{
	json_t *report = report_of("--timeout=5s", "exit 70000");

	cr_assert_str_eq(json_string_value(json_object_get(report, "reason")), "exit");
	cr_assert_eq(json_integer_value(json_object_get(report, "guest_status")), 70000);
	cr_assert_eq(json_integer_value(json_object_get(report, "exit_status")), 123);
	cr_assert_gt(json_array_size(json_object_get(report, "timeline")), 10u);
	cr_assert_geq(
		json_integer_value(json_object_get(json_object_get(report, "exits"), "user_space")),
		1);
}

Test(endings, the_report_tells_of_the_time_limit)
{
	json_t *report = report_of("--timeout=300ms", "halt");
	json_t *vcpus = json_object_get(report, "vcpus");

	cr_assert_str_eq(json_string_value(json_object_get(report, "reason")), "stopped");
	cr_assert_str_eq(json_string_value(json_array_get(vcpus, 0)), "slept with interrupts off");
}

/* All that the words on standard error tell. */
Test(endings, the_report_tells_of_a_dead_vcpu)
{
	json_t *crash = json_object_get(report_of("--timeout=5s", "triple"), "crash"), *walk;

	cr_assert(crash != NULL);
	if (json_object_get(crash, "registers") == NULL)
		cr_skip_test("KVM has reset the vCPU: the registers are lost");
	walk = json_object_get(crash, "rip");
	cr_assert_eq(json_object_size(json_object_get(crash, "registers")), 29u);
	cr_assert(has(json_string_value(json_object_get(crash, "code")), "0f 0b "));
	cr_assert_geq(json_array_size(json_object_get(walk, "levels")), 3u);
	cr_assert_str_eq(
		json_string_value(json_object_get(walk, "gva")),
		json_string_value(json_object_get(json_object_get(crash, "registers"), "rip")));
	cr_assert(has(json_string_value(json_object_get(walk, "hva")), "0x"));
	cr_assert(has(json_string_value(json_object_get(crash, "hint")), "no table to handle it"));
	cr_assert_null(json_object_get(report_of("--timeout=5s", "exit 3"), "crash"));
}

/* Its reader is to know: nobody else sees the message. */
Test(endings, a_report_that_cannot_be_written_is_no_success)
{
	struct run run = RUN("run", "-q", "--report=/dev/full", "-f", "elf", guest("act"), "--",
			     "exit 0");

	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: --report \"/dev/full\": No space left on device\n");
	run = RUN("run", "-q", "--report=/dev/full", "-f", "elf", guest("act"), "--", "exit 3");
	cr_assert_eq(run.status, 3);
	cr_assert_str_eq(run.err, "mayfly: --report \"/dev/full\": No space left on device\n");
}

Test(endings, the_boot_timer_is_a_phase)
{
	json_t *timeline = json_object_get(report_of("--timeout=5s", "booted"), "timeline");
	bool found = false;

	for (size_t i = 0; i < json_array_size(timeline); i++)
		found |= has(
			json_string_value(json_object_get(json_array_get(timeline, i), "phase")),
			"booted");
	cr_assert(found);
}

/* Supervisor and cell are two; the thread that KVM starts when the guest first runs is one too many. */
Test(endings, a_host_without_a_thread_for_kvm_is_told)
{
	struct run run;

	need_root("to become a user whom limits hold");
	need_program("setpriv");
	need_program("prlimit");
	run = run_program(
		(const char *const[]){"/usr/bin/setpriv", "--reuid=64999", "--regid=64999",
				      "--clear-groups", "--inh-caps=+dac_override",
				      "--ambient-caps=+dac_override", "/usr/bin/prlimit",
				      "--nproc=2", mayfly_path(), "run", "--timeout=10s", NULL},
		NULL);
	if (run.status == 0)
		cr_skip_test("KVM of this kernel starts no thread in the cell");
	cr_assert_eq(run.status, 127, "%s", run.err);
	cr_assert_str_eq(run.err,
			 "mayfly: the host failed while the guest ran: Resource temporarily "
			 "unavailable\n");
}
