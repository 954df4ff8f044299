/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio devices that need no file: console and entropy, with real guests; and what they cost in
 * exits. Every kind of register page and interrupt status, with both interrupt controllers.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "tests/support/exits.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define LINE 64 /* of the guest's output */

TestSuite(virtio, .init = need_kvm, .timeout = 120);

static const char *const kinds[][3] = {
	{"--mmio=slot", "--isr=sticky", "--irqchip=split"},
	{"--mmio=slot", "--isr=exact", "--irqchip=split"},
	{"--mmio=trap", "--isr=sticky", "--irqchip=split"},
	{"--mmio=trap", "--isr=exact", "--irqchip=split"},
	{"--mmio=slot", "--isr=sticky", "--irqchip=kernel"},
	{"--mmio=trap", "--isr=exact", "--irqchip=kernel"},
};

static void expect_lines(const char *text, size_t len, size_t wanted)
{
	cr_assert_eq(len, wanted);
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(text[i], i % LINE == LINE - 1 ? '\n' : (char)('0' + i % LINE),
			     "byte %zu", i);
}

/* `mayfly run` with the three options, a console into a file and a report. */
static struct run run_console(const char *const kind[3], const char *acts)
{
	return RUN("run", kind[0], kind[1], kind[2], "--console", scratch("console.out"),
		   "--report", scratch("report.json"), "--timeout=50s", guest("console"), "--",
		   acts);
}

Test(virtio, console_output_arrives_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct run run = run_console(kinds[i], "write=65536");
		size_t len;
		char *output = read_file(scratch("console.out"), &len);

		cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
		expect_lines(output, len, 65536);
	}
}

/*
 * The exit budget: no register is read by an exit; doorbells and acknowledgements are at most those
 * before KVM takes them over.
 */
Test(virtio, output_costs_no_exit_beyond_set_up)
{
	json_t *exits;
	struct run run = run_console(kinds[0], "chunk=64 write=65536");

	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
	cr_assert(has(run.out, "bytes=65536 kicks=1024"), "%s", run.out);
	exits = exits_load(scratch("report.json"));
	cr_assert_eq(exits_sum(exits, "mmio-read", "console", NULL), 0);
	cr_assert_leq(exits_sum(exits, "mmio-write", "console", "queue-notify"), 8);
	cr_assert_leq(exits_sum(exits, "mmio-write", "console", "interrupt-ack"), 8);
}

/* Set-up of a device is a fixed number of exits, by register. */
Test(virtio, set_up_costs_what_it_costs)
{
	static const struct {
		const char *reg;
		long long n;
	} rows[] = {
		{"status", 5},
		{"device-features-sel", 2},
		{"driver-features-sel", 2},
		{"driver-features", 2},
		{"queue-sel", 2},
		{"queue-num", 2},
		{"queue-ready", 2},
		{"queue-desc-low", 2},
		{"queue-desc-high", 2},
		{"queue-driver-low", 2},
		{"queue-driver-high", 2},
		{"queue-device-low", 2},
		{"queue-device-high", 2},
	};
	struct run run = run_console(kinds[0], "poll write=64");
	json_t *exits;
	long long n = 0;

	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
	exits = exits_load(scratch("report.json"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cr_assert_eq(exits_sum(exits, "mmio-write", "console", rows[i].reg), rows[i].n,
			     "%s", rows[i].reg);
		n += rows[i].n;
	}
	n += exits_sum(exits, "mmio-write", "console", "queue-notify");
	cr_assert_eq(exits_sum(exits, "mmio-write", "console", NULL), n);
}

Test(virtio, trapped_registers_are_counted_by_name)
{
	struct run run = run_console(kinds[3], "write=64");
	json_t *exits;

	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
	exits = exits_load(scratch("report.json"));
	cr_assert_eq(exits_sum(exits, "mmio-read", "console", "magic"), 1);
	cr_assert_geq(exits_sum(exits, "mmio-read", "console", "interrupt-status"), 1);
	cr_assert_geq(exits_sum(exits, "mmio-write", "console", "interrupt-ack"), 1);
}

Test(virtio, console_gets_standard_input_once_it_is_up)
{
	struct run run = RUN_INPUT("one\ntwo\nq\n", "run", "--console=stdio", guest("console"),
				   "--", "echo");

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert(has(run.out, "one\ntwo\nq\n"), "%s", run.out);
}

/* More than any buffer on the way holds, none of it lost: the guest is waited for. */
Test(virtio, console_takes_much_input)
{
	enum { LEN = 300000 };
	static char input[LEN + 1];
	char command[1024];
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	struct run run;

	memset(input, 'x', LEN);
	input[LEN] = 'q';
	snprintf(command, sizeof(command),
		 "cat %s | %s run --serial=none --console=stdio --timeout=50s %s -- echo",
		 write_file("input", input, sizeof(input)), mayfly_path(), guest("console"));
	run = run_program(argv, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_eq(run.out_len, LEN + 1);
	cr_assert_eq(strspn(run.out, "x"), LEN);
}

Test(virtio, console_and_serial_port_cannot_share_a_terminal)
{
	struct run run = RUN("run", "--console=stdio", "--serial=stdio");

	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: --console: stdio is the serial port's already\n");
	run = RUN("run", "--serial=stdio", "--console=none");
	cr_assert_eq(run.status, 0, "%s", run.err);
}

Test(virtio, console_file_is_no_other_file)
{
	const char *file = write_file("image", "x", 1);
	struct run run = RUN("run", "--console", file, file);

	cr_assert_eq(run.status, 125);
	cr_assert(has(run.err, "it is the file of the image, too"), "%s", run.err);
	run = RUN("run", "--console", scratch("both"), "--serial", scratch("both"));
	cr_assert_eq(run.status, 125);
}

/* The last output waits for a reader, as that of the serial port does. */
Test(virtio, console_output_waits_for_a_slow_reader)
{
	struct run run = run_shell(
		"%s run --serial=none --console=stdio %s -- write=131072 | (sleep 1; wc -c)",
		mayfly_path(), guest("console"));

	cr_assert_eq(strtoul(run.out, NULL, 10), 131072, "%s%s", run.out, run.err);
}

Test(virtio, console_whose_reader_is_gone_drops_and_says_so)
{
	struct run run = run_shell(
		"(%s run --serial=none --console=stdio --timeout=50s %s -- write=262144; echo $? >&2)"
		" | true",
		mayfly_path(), guest("console"));

	cr_assert(has(run.err, "bytes of console output were dropped: nobody read them\n0\n"), "%s",
		  run.err);
}

/* Neither the end nor the count of what was lost waits for it. */
Test(virtio, console_whose_reader_is_stuck_holds_up_no_end)
{
	struct run run = run_shell(
		"(%s run --serial=none --console=stdio --timeout=1s %s -- write=262144; echo $? >&2)"
		" | sleep 5",
		mayfly_path(), guest("console"));

	cr_assert(has(run.err, "bytes of console output were dropped: nobody read them\n124\n"),
		  "%s", run.err);
}

Test(virtio, wants_room_for_its_doorbells)
{
	struct run run = run_shell("ulimit -n 100; %s run --rng=on", mayfly_path());

	cr_assert_eq(run.status, 126);
	cr_assert(has(run.err, "doorbells want descriptors 128 to 255 (ulimit -n)"), "%s", run.err);
}

Test(virtio, entropy_comes_from_the_host)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct run run = RUN("run", kinds[i][0], kinds[i][1], kinds[i][2], "--rng=on",
				     "--timeout=50s", guest("entropy"), "--", "bytes=4096");

		cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
		cr_assert(has(run.out, "entropy bytes=4096"), "%s", run.out);
	}
}

Test(virtio, loops_share_the_devices)
{
	for (unsigned n = 1; n <= 3; n++) {
		char option[32];
		struct run run;
		size_t len;

		snprintf(option, sizeof(option), "--io-threads=%u", n);
		run = RUN("run", option, "-c4", "--rng=on", "--console", scratch("console.out"),
			  "--timeout=50s", guest("console"), "--", "write=65536");
		cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
		(void)read_file(scratch("console.out"), &len);
		cr_assert_eq(len, 65536);
	}
}

/* [linux admin-guide/kernel-parameters.rst virtio_mmio.device]; ACPI tells of them otherwise. */
Test(virtio, devices_are_announced_once)
{
	struct run run = RUN("run", "--rng=on", "--console", scratch("console.out"), "--acpi=off",
			     "--dry-run");

	cr_assert(has(run.out, "virtio_mmio.device=4K@0xc0001000:5 "
			       "virtio_mmio.device=4K@0xc0002000:6\""),
		  "%s%s", run.out, run.err);
	run = RUN("run", "--rng=on", "--dry-run");
	cr_assert_not(has(run.out, "virtio_mmio"), "%s", run.out);
	run = RUN("run", "--rng=on", "--acpi=off", guest("entropy"), "--", "bytes=64");
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
}
