/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that breaks every rule it knows, images/hostile: the monitor lives, the device says what the
 * specification wants it to say, it serves again after a reset, and the others go on all the time.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "iouring-io/ring.h"
#include "tests/support/host.h"
#include "tests/support/run.h"
#include "tests/support/taken.h"

#define PSS_KIB  (8 << 10) /* row 5 of the targets: supervisor and cell, in the worst case */
#define DISK_LEN (1 << 20)

TestSuite(hostile, .init = need_kvm, .timeout = 300);

/*
 * What each case sees. A broken rule of the queue needs a reset [virtio 1.2 §2.1.2]; a request that
 * a disk cannot do is answered: 1 is IOERR, 2 UNSUPP [virtio 1.2 §5.2.6.2].
 */
static const struct row {
	const char *name, *seen;
} rows[] = {
	{"loop-of-one", "needs reset"},
	{"loop-of-two", "needs reset"},
	{"loop-at-the-end", "needs reset"},
	{"next-beyond", "needs reset"},
	{"next-far-beyond", "needs reset"},
	{"zero-header", "needs reset"},
	{"zero-data", "needs reset"},
	{"zero-status", "needs reset"},
	{"address-wraps", "needs reset"},
	{"address-wraps-to-0", "needs reset"},
	{"length-all", "needs reset"},
	{"header-length-all", "needs reset"},
	{"status-length-all", "needs reset"},
	{"address-negative", "needs reset"},
	{"address-unmapped", "needs reset"},
	{"address-in-hole", "needs reset"},
	{"address-ioapic", "needs reset"},
	{"address-lapic", "needs reset"},
	{"address-registers", "needs reset"},
	{"address-config", "needs reset"},
	{"header-in-registers", "needs reset"},
	{"status-in-registers", "needs reset"},
	{"status-in-timer", "needs reset"},
	{"data-over-the-end", "needs reset"},
	{"data-at-the-end", "needs reset"},
	{"data-up-to-the-end", "status 0"},
	{"write-before-read", "needs reset"},
	{"nothing-to-read", "status 1"},
	{"nothing-to-write", "status 1"},
	{"no-status", "needs reset"},
	{"flags-unknown", "status 0"},
	{"status-with-data", "status 0"},
	{"indirect-sound", "status 0"},
	{"indirect-nested", "needs reset"},
	{"indirect-self", "needs reset"},
	{"indirect-with-next", "needs reset"},
	{"indirect-to-write", "status 0"},
	{"indirect-odd-length", "needs reset"},
	{"indirect-empty", "needs reset"},
	{"indirect-too-short", "needs reset"},
	{"indirect-all-lengths", "needs reset"},
	{"indirect-in-registers", "needs reset"},
	{"indirect-unmapped", "needs reset"},
	{"indirect-wraps", "needs reset"},
	{"indirect-over-the-end", "needs reset"},
	{"indirect-loop", "needs reset"},
	{"indirect-next-beyond", "needs reset"},
	{"indirect-zero", "needs reset"},
	{"indirect-to-mmio", "needs reset"},
	{"type-unknown", "status 2"},
	{"type-all-ones", "status 2"},
	{"type-barrier", "status 2"},
	{"header-one-byte", "status 1"},
	{"header-short", "status 1"},
	{"header-long", "status 0"},
	{"data-odd", "status 1"},
	{"data-one-byte", "status 1"},
	{"sector-at-the-end", "status 1"},
	{"sector-over-the-end", "status 1"},
	{"sector-wraps-in-bytes", "status 1"},
	{"sector-wraps-by-length", "status 1"},
	{"sector-negative", "status 1"},
	{"write-at-the-end", "status 1"},
	{"write-wraps", "status 1"},
	{"write-odd", "status 1"},
	{"flush-with-data", "status 0"},
	{"flush-of-a-sector", "status 0"},
	{"id-short", "status 1"},
	{"id-long", "status 0"},
	{"discard-odd", "status 1"},
	{"discard-two", "status 1"},
	{"discard-nothing", "status 1"},
	{"discard-all", "status 1"},
	{"discard-beyond", "status 1"},
	{"discard-wraps", "status 1"},
	{"discard-flags", "status 2"},
	{"zeroes-all", "status 1"},
	{"zeroes-wrap", "status 1"},
	{"zeroes-flags", "status 2"},
	{"ok-without-features", "needs reset"},
	{"features-not-offered", "refused, needs reset"},
	{"features-afterwards", "status 0"},
	{"status-bits-taken-away", "status f, status 0"},
	{"queue-sizes", "10 of 10 need reset"},
	{"rings-elsewhere", "7 of 7 need reset, 7 of 7 need reset, 7 of 7 need reset"},
	{"rings-far-away", "4 of 4 need reset, 4 of 4 need reset, 4 of 4 need reset"},
	{"rings-over-the-end", "2 of 2 need reset, 2 of 2 need reset, 2 of 2 need reset"},
	{"geometry-afterwards", "status 0"},
	{"bells-of-the-dead", "lives"},
	{"bells-of-no-queue", "lives"},
	{"bells-without-end", "lives"},
	{"config-at-every-width", "read, lives"},
	{"config-written", "as it was, lives"},
	{"registers-of-other-widths", "status 0"},
	{"every-register", "2304 writes"},
	{"resets-without-end", "status 0"},
	{"reset-in-flight", "0 left"},
	{"queue-stopped-in-flight", "0 ready, lives"},
	{"interrupts-not-acknowledged", "interrupt status 3, needs reset"},
	{"queues-not-there", "lives"},
	{"head-beyond", "needs reset"},
	{"head-far-beyond", "needs reset"},
	{"index-too-far", "needs reset"},
	{"index-half-around", "needs reset"},
	{"index-back", "needs reset"},
	{"head-many-times", "answered"},
	{"chain-within-a-chain", "answered"},
	{"buffer-of-two", "status 0"},
	{"used-over-descriptors", "fed"},
	{"used-over-available", "fed"},
	{"used-over-status", "fed"},
	{"available-over-descriptors", "fed"},
	{"data-over-descriptors", "answered"},
	{"data-over-header", "answered"},
	{"data-over-available", "answered"},
	{"status-over-used", "answered"},
	{"status-over-header", "answered"},
	{"header-in-bytes", "status 0"},
	{"table-as-long-as-the-queue", "status 0"},
	{"table-longer-than-the-queue", "needs reset"},
	{"table-twice-the-queue", "needs reset"},
	{"suppression-at-random", "status 0"},
	{"used-index-moved", "status 0"},
	{"queue-of-one", "needs reset"},
	{"entropy-to-read", "length 0"},
	{"entropy-of-nothing", "needs reset"},
	{"entropy-for-registers", "needs reset"},
	{"entropy-for-a-loop", "needs reset"},
	{"entropy-in-pieces", "length 128"},
	{"entropy-without-end", "waited for"},
	{"entropy-reset-while-it-waits", "status 0"},
	{"entropy-queue-1", "lives"},
	{"output-to-write", "length 0"},
	{"output-of-nothing", "needs reset"},
	{"output-of-registers", "needs reset"},
	{"output-of-a-loop", "needs reset"},
	{"output-over-the-end", "needs reset"},
	{"output-of-much", "length 0"},
	{"output-of-many", "taken"},
	{"output-reset", "status 0"},
	{"flags-toggled", "status 0"},
	{"descriptors-scribbled", "done"},
	{"rings-scribbled", "done"},
	{"resets-raced", "done"},
};

/* What differs where indirect descriptors are not agreed on: there are none. */
static const struct row without_indirect[] = {
	{"indirect-sound", "needs reset"},
	{"indirect-to-write", "needs reset"},
	{"table-as-long-as-the-queue", "needs reset"},
};

/* With a console at whose other end somebody could type. */
static const struct row input_rows[] = {
	{"input-to-read", "length 0"},
	{"input-reset", "0 left"},
	{"input-stopped", "0 ready"},
};

/* The options of every run; a disk in memory, and one in a file. */
static const char *file_disk(void)
{
	static char option[256];
	const char *path = scratch("disk.raw");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, DISK_LEN), 0);
	close(fd);
	snprintf(option, sizeof(option), "--disk=%s", path);
	return option;
}

#define OPTIONS                                                                                    \
	"run", "-m", "32M", "-c2", "--disk=mem:1M", file_disk(), "--rng=on", "--timeout=250s"

static void add_line(char *text, size_t size, const struct row *row)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s: %s, served\n", row->name, row->seen);
}

/* The output of all cases, with some rows replaced by others of the same name. */
static const char *all_lines(const struct row *others, size_t n_others)
{
	static char text[RUN_OUTPUT_MAX / 16];

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];

		for (size_t j = 0; j < n_others; j++)
			if (strcmp(others[j].name, row->name) == 0)
				row = &others[j];
		add_line(text, sizeof(text), row);
	}
	return text;
}

static void expect_all(const char *const options[3], const char *words, const char *lines)
{
	struct run run = RUN("run", "-m", "32M", "-c2", "--disk=mem:1M", file_disk(), "--rng=on",
			     "--timeout=250s", options[0], options[1], options[2], "--console",
			     scratch("console.out"), guest("hostile"), "--", words);

	cr_assert_str_eq(run.out, lines, "%s", run.err);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
}

static const char *const defaults[3] = {"--mmio=slot", "--isr=sticky", "--irqchip=split"};

Test(hostile, every_case_is_survived)
{
	char words[64];

	cr_assert_geq(ARRAY_LEN(rows), 40);
	snprintf(words, sizeof(words), "rounds=%u all", count_for(20, 200));
	expect_all(defaults, words, all_lines(NULL, 0));
}

/* The same of a disk in a file, whose operations are in flight while the guest goes on. */
Test(hostile, every_case_is_survived_by_a_file)
{
	char words[64];

	snprintf(words, sizeof(words), "rounds=%u disk=1 all", count_for(20, 200));
	expect_all(defaults, words, all_lines(NULL, 0));
}

/* Neither event indices nor indirect descriptors. */
Test(hostile, every_case_is_survived_without_ring_features)
{
	expect_all(defaults, "rounds=20 without=0x30000000 all",
		   all_lines(without_indirect, ARRAY_LEN(without_indirect)));
}

static void add_word(char *text, size_t size, const char *word)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, " %s", word);
}

/* A few of each sort in every run, and all of them where there is time. */
Test(hostile, every_kind_of_registers_survives)
{
	static const char *const kinds[][3] = {
		{"--mmio=slot", "--isr=exact", "--irqchip=split"},
		{"--mmio=trap", "--isr=sticky", "--irqchip=split"},
		{"--mmio=trap", "--isr=exact", "--irqchip=kernel"},
		{"--mmio=slot", "--isr=sticky", "--irqchip=kernel"},
	};
	static const char *const few[] = {"loop-of-two",           "indirect-nested",
					  "address-registers",     "type-unknown",
					  "config-at-every-width", "every-register",
					  "reset-in-flight",       "interrupts-not-acknowledged",
					  "resets-raced"};
	char words[512] = "rounds=20", lines[2048] = "";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(few); j++)
			if (strcmp(rows[i].name, few[j]) == 0) {
				add_word(words, sizeof(words), few[j]);
				add_line(lines, sizeof(lines), &rows[i]);
			}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		expect_all(kinds[i], count_for(0, 1) ? "rounds=20 all" : words,
			   count_for(0, 1) ? all_lines(NULL, 0) : lines);
}

/* Its memory is bounded, and there are as many files and threads as before. */
Test(hostile, no_case_makes_the_monitor_grow)
{
	struct process process;
	struct taken before, after, supervisor;
	struct run run;
	pid_t cell;

	need_root("to see how much memory a cell has");
	process = process_start((const char *const[]){mayfly_path(), OPTIONS, "--console",
						      scratch("console.out"), guest("hostile"),
						      "--", "rounds=20 pause all pause", NULL},
				true);
	cr_assert(process_wait_for(&process, "paused\n"));
	cell = child_of(process.pid);
	before = taken_by(cell);
	cr_assert_eq(write(process.in, "x", 1), 1);
	cr_assert(process_wait_for(&process, "resets-raced: done, served\npaused\n"));
	after = taken_by(cell);
	supervisor = taken_by(process.pid);
	cr_assert_eq(write(process.in, "x", 1), 1);
	run = process_finish(&process);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_eq(after.n_files, before.n_files);
	/* The kernel's own workers come and go. */
	cr_assert_leq(after.n_threads, before.n_threads + RING_WORKERS);
	if (!is_sanitized())
		cr_assert_lt(after.pss_kib + supervisor.pss_kib, (unsigned long)PSS_KIB,
			     "%lu and %lu KiB", after.pss_kib, supervisor.pss_kib);
}

/* Nobody types, so that the buffers for input stay with the device. */
Test(hostile, input_that_never_comes)
{
	char lines[1024] = "";
	struct process process = process_start(
		(const char *const[]){mayfly_path(), OPTIONS, "--console=stdio", "--serial",
				      scratch("serial.out"), guest("hostile"), "--",
				      "input-to-read input-reset input-stopped", NULL},
		true);
	int in = process.in;
	struct run run;

	process.in = -1;
	run = process_finish(&process);
	close(in);
	for (size_t i = 0; i < ARRAY_LEN(input_rows); i++)
		add_line(lines, sizeof(lines), &input_rows[i]);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(read_file(scratch("serial.out"), NULL), lines);
}

/* A reset that waits for a reader does not keep vCPU 0's thread from what the supervisor says. */
Test(hostile, a_reset_that_waits_keeps_nobody_from_stopping_it)
{
	const char *path = scratch("console.fifo");
	struct process process;
	struct run run;
	int reader;

	cr_assert_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	process = process_start((const char *const[]){mayfly_path(), OPTIONS, "--console", path,
						      guest("hostile"), "--", "stuck", NULL},
				false);
	cr_assert(process_wait_for(&process, "resetting\n"));
	usleep(100000);
	kill(process.pid, SIGQUIT);
	run = process_finish(&process);
	close(reader);
	cr_assert_eq(run.status, 128 + SIGQUIT);
	cr_assert(has(run.err, "signal 3 (Quit) ended the run; vCPU 0 ran, vCPU 1 not started\n"),
		  "%s", run.err);
}
