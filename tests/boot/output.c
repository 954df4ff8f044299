/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port's two ends outside: readers that sleep or go, input in every form, files. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/exits.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(output, .init = need_kvm);

/* What the reader misses is kept as far as there is room, and the guest goes on meanwhile. */
Test(output, waits_for_a_reader_that_sleeps_without_stopping_the_guest)
{
	struct run run = run_shell("%s run --report %s -f elf %s -- flood 100 | (sleep 2; wc -c)",
				   mayfly_path(), scratch("report.json"), guest("act"));
	char *report = read_file(scratch("report.json"), NULL);

	cr_assert_eq(strtoul(run.out, NULL, 10), 102400u);
	cr_assert(has(report, "\"dropped_serial_output\": {"), "%s", report);
}

/* 100 KiB; the first ones go before the VM is old enough. */
Test(output, that_is_much_is_no_exit_for_each_byte)
{
	struct run run = RUN("run", "--report", scratch("report.json"), "-f", "elf", guest("act"),
			     "--", "flood", "100");
	json_t *exits;

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_eq(run.out_len, 102400u);
	exits = exits_load(scratch("report.json"));
	cr_assert_leq(exits_sum(exits, "port-write", "serial", "data"), 102400 / 4);
}

/* Nobody reads before mayfly has given up on it; as little as it may be fits into the pipe. */
Test(output, drops_counts_and_reports_what_nobody_reads)
{
	const char *const argv[] = {mayfly_path(), "run", "--timeout=50s", "-f", "elf",
				    guest("act"),  "--",  "flood",         "80", "exit",
				    "5",           NULL};
	struct process process = process_start(argv, false);
	unsigned long dropped;
	siginfo_t ended;
	struct run run;

	cr_assert_geq(fcntl(process.out, F_SETPIPE_SZ, 4096), 0);
	cr_assert_eq(waitid(P_PID, (id_t)process.pid, &ended, WEXITED | WNOWAIT), 0);
	run = process_finish(&process);
	cr_assert_eq(run.status, 5);
	cr_assert(has(run.err, "bytes of serial output were dropped: nobody read them"), "%s",
		  run.err);
	dropped = (unsigned long)number_after(run.err, "mayfly:");
	cr_assert_eq(run.out_len + dropped, 80ul * 1024, "%zu read, %lu dropped", run.out_len,
		     dropped);
}

/* The guest has ended, and its last output waits: the time limit hurries that, and no more. */
Test(output, that_waits_at_the_end_leaves_the_ending_as_it_was)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--timeout", "2s", "-f", "elf",
				      guest("act"), "--", "flood", "6", "exit", "7", NULL},
		false);
	struct run run;

	cr_assert_eq(fcntl(process.out, F_SETPIPE_SZ, 4096), 4096);
	sleep(3);
	run = process_finish(&process);
	cr_assert_eq(run.status, 7, "%s", run.err);
	cr_assert(has(run.err, "bytes of serial output were dropped"), "%s", run.err);
}

Test(output, to_a_reader_that_is_gone_is_dropped_until_the_end)
{
	struct run run = run_shell(
		"(%s run -f elf %s -- flood 10 exit 5; echo status $? >&2) | head -c 10",
		mayfly_path(), guest("act"));

	cr_assert_eq(run.out_len, 10u);
	cr_assert(has(run.err, "status 5\n"), "%s", run.err);
}

Test(output, never_changes_the_flags_of_standard_output)
{
	struct process process = process_start((const char *const[]){mayfly_path(), "run", "-f",
								     "elf", guest("act"), "--",
								     "say up sleep", NULL},
					       false);
	char path[64];
	char *info;

	cr_assert(process_wait_for(&process, "up\n"));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/1", process.pid);
	info = read_file(path, NULL);
	cr_assert_eq(number_after(info, "flags") & O_NONBLOCK, 0u, "%s", info);
	kill(process.pid, SIGTERM);
	process_finish(&process);
}

Test(output, goes_to_a_file_where_asked)
{
	const char *path = write_file("serial.log", "longer than what comes", 22);
	struct run run = RUN("run", "--serial", path, guest("act"), "--", "say filed");

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, "");
	cr_assert_str_eq(read_file(path, NULL), "filed\n");
}

/* Not before there is a guest, who may write something else. */
Test(output, a_file_is_left_alone_where_no_guest_comes_to_be)
{
	const char *path = write_file("serial.log", "old", 3), *text = write_file("text", "x", 1);
	const char *const words[][2] = {{text, NULL},
					{"-m100T", NULL},
					{"-i/none", guest("act")},
					{"--irqchip=split", "/none"}};

	for (unsigned n = 0; n < 20; n++)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			RUN("run", "--serial", path, words[i][0], words[i][1]);
			cr_assert_str_eq(read_file(path, NULL), "old", "%s", words[i][0]);
		}
}

Test(output, none_means_no_port_at_all)
{
	struct run run = RUN("run", "--serial=none", "--exits", "-f", "elf", guest("act"), "--",
			     "say x exit 4");

	cr_assert_eq(run.status, 4);
	cr_assert_str_eq(run.out, "");
	cr_assert(has(run.err, "port-write     -           0x3f8"), "%s", run.err);
}

Test(output, closed_standard_descriptors_do_no_harm)
{
	struct run run = run_shell("%s run -f elf %s -- say x exit 6 <&- >&- 2>&-; echo $?",
				   mayfly_path(), guest("act"));

	cr_assert_str_eq(run.out, "6\n");
}

Test(output, a_full_disk_does_not_stop_the_guest)
{
	struct run run = run_shell("%s run -f elf %s -- say x exit 6 >/dev/full; echo $?",
				   mayfly_path(), guest("act"));

	cr_assert_str_eq(run.out, "6\n");
	cr_assert(has(run.err, "mayfly: 2 bytes of serial output were dropped: No space left on "
			       "device\n"),
		  "%s", run.err);
	run = run_shell("%s run -f elf %s -- say x exit 6 1</dev/null; echo $? >&2", mayfly_path(),
			guest("act"));
	cr_assert(has(run.err, "mayfly: 2 bytes of serial output were dropped: Bad file "
			       "descriptor\n6\n"),
		  "%s", run.err);
	/* 1,024 bytes fit, in this shell's units. */
	run = run_shell("ulimit -f 2; %s run --serial %s -f elf %s -- flood 5 exit 6; echo $?",
			mayfly_path(), scratch("serial.log"), guest("act"));
	cr_assert_str_eq(run.out, "6\n");
	cr_assert(has(run.err, "bytes of serial output were dropped: File too large\n"), "%s",
		  run.err);
}

static void echoes(const char *act)
{
	struct run run = RUN_INPUT("hello\nworldq", "run", "-f", "elf", guest("act"), "--", act);

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, "hello\nworldq\n");
}

Test(output, input_reaches_a_guest_that_polls_and_one_that_sleeps)
{
	echoes("echo");
	echoes("echo-irq");
}

Test(output, input_of_any_length_arrives_in_order)
{
	char *text = malloc(20001);
	struct run run;

	for (unsigned i = 0; i < 20000; i++)
		text[i] = (char)('a' + i % 16);
	memcpy(text + 19999, "q", 2);
	run = RUN_INPUT(text, "run", "-f", "elf", guest("act"), "--", "echo-irq");
	cr_assert_eq(run.out_len, 20001u, "%zu: %s", run.out_len, run.err);
	cr_assert_eq(memcmp(run.out, text, 20000), 0);
}

Test(output, input_comes_from_a_file_too)
{
	const char *path = write_file("input", "from a fileq", 12);
	struct run run = run_shell("%s run -f elf %s -- echo-irq <%s", mayfly_path(), guest("act"),
				   path);

	cr_assert_str_eq(run.out, "from a fileq\n");
}

/* So `while read line; do mayfly run ...; done` sees all its lines. */
Test(output, input_that_the_guest_does_not_read_stays_for_others)
{
	struct run run = run_shell("printf 'a\\nb\\n' | (%s run; cat)", mayfly_path());

	cr_assert_str_eq(run.out, "Hello from a mayfly.\na\nb\n");
}

Test(output, the_end_of_input_is_no_end_of_the_guest)
{
	struct run run = RUN("run", "--timeout=500ms", "-f", "elf", guest("act"), "--", "echo");

	cr_assert_eq(run.status, 124);
}

Test(output, loopback_works)
{
	struct run run = ACT("loopback");

	cr_assert_str_eq(run.out, "loopback ok\n");
}
