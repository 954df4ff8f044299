/* SPDX-License-Identifier: Apache-2.0 */
/* Disks with a real guest: what they keep, what they refuse, who else may have them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "tests/support/exits.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define LEN (1 << 20)

TestSuite(disks, .init = need_kvm, .timeout = 120);

static const char *const kinds[][2] = {{"--mmio=slot", "--isr=sticky"},
				       {"--mmio=slot", "--isr=exact"},
				       {"--mmio=trap", "--isr=sticky"},
				       {"--mmio=trap", "--isr=exact"}};

/* A file of `len` zeros, and its name with keys behind it. */
static const char *disk(const char *name, off_t len, const char *suffix)
{
	static char texts[8][512];
	static unsigned n;
	char *text = texts[n++ % 8];
	int fd;

	snprintf(text, 512, "%s", scratch(name));
	fd = open(text, O_RDWR | O_CREAT, 0666);
	cr_assert_geq(fd, 0);
	/* Not where it is as long already: that would change its time. */
	if (lseek(fd, 0, SEEK_END) != len)
		cr_assert_eq(ftruncate(fd, len), 0);
	close(fd);
	strncat(text, suffix, 511 - strlen(text));
	return text;
}

static bool is_zero(const char *name)
{
	size_t len;
	char *bytes = read_file(scratch(name), &len);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

#define BLK(disk_, ...) RUN("run", "--timeout=60s", "-d", disk_, guest("blk"), "--", __VA_ARGS__)

static void passes(struct run run)
{
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
}

Test(disks, what_is_written_is_read_by_the_next_guest)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char pattern[32];

		snprintf(pattern, sizeof(pattern), "pattern=%zu", i + 5);
		passes(RUN("run", kinds[i][0], kinds[i][1], "--timeout=60s", "-c2", "-d",
			   disk("a.img", LEN, ",queues=2"), guest("blk"), "--", "write", "count=64",
			   pattern, "queues=2", "depth=8", "flush"));
		passes(RUN("run", kinds[i][0], kinds[i][1], "--timeout=60s", "-d",
			   disk("a.img", LEN, ",ro"), guest("blk"), "--", "verify", "count=64",
			   pattern));
	}
}

Test(disks, a_layer_keeps_what_was_written_and_its_base_is_left_alone)
{
	char overlay[512];

	snprintf(overlay, sizeof(overlay), ",overlay=%s", scratch("layer"));
	passes(BLK(disk("base.img", LEN, overlay), "write", "sector=3", "count=40", "pattern=9"));
	passes(BLK(disk("base.img", LEN, overlay), "verify", "sector=3", "count=40", "pattern=9"));
	cr_assert(is_zero("base.img"));
}

Test(disks, a_layer_in_memory_is_gone_afterwards)
{
	passes(BLK(disk("base.img", LEN, ",overlay=memory"), "write", "count=40", "pattern=9",
		   "verify", "count=40", "pattern=9"));
	cr_assert(is_zero("base.img"));
	cr_assert_neq(
		BLK(disk("base.img", LEN, ",overlay=memory"), "verify", "count=40", "pattern=9")
			.status,
		0);
	/* Full: the guest is told. */
	cr_assert_eq(BLK(disk("base.img", LEN, ",overlay=memory:8K"), "write", "count=40").status,
		     1);
}

Test(disks, memory_direct_and_limited_disks_are_disks)
{
	passes(BLK("mem:1M", "write", "count=64", "pattern=3", "verify", "count=64", "pattern=3"));
	passes(BLK(disk("a.img", LEN, ",iops=2000:10,bw=100M"), "write", "count=64", "pattern=3",
		   "verify", "count=64", "pattern=3"));
	passes(BLK(disk("a.img", LEN, ",sector=4096,serial=of-mine"), "verify", "count=64",
		   "pattern=3"));
	cr_assert_eq(BLK(disk("a.img", LEN, ",ro"), "write", "count=1").status, 1);
	cr_assert(has(BLK("none", "info").out, "capacity=0"));
}

static void refuses(const char *text, const char *name, off_t len, const char *suffix)
{
	struct run run = RUN("run", "-d", disk(name, len, suffix), guest("blk"));

	cr_assert_eq(run.status, 125, "%s", run.err);
	cr_assert(has(run.err, text), "%s", run.err);
	cr_assert_eq(strlen(run.out), 0);
}

Test(disks, what_is_no_disk_is_refused)
{
	char overlay[512];
	int fd;

	refuses("a.img\": size 1000 is not a multiple of 512\n", "a.img", 1000, "");
	refuses("a.img\": size 512 is not a multiple of 4096\n", "a.img", 512, ",sector=4096");
	refuses("a.img\": overlay: size 0 is not from 1 to 4398046511104\n", "a.img", 0,
		",overlay=memory");
	snprintf(overlay, sizeof(overlay), ",overlay=%s", write_file("layer", "text", 4));
	refuses("mayfly: disk \"disk0\": the cell says: it is no layer of an overlay\n", "a.img",
		LEN, overlay);
	unlink(scratch("layer"));
	passes(BLK(disk("a.img", LEN, overlay), "write", "count=8", "pattern=1"));
	fd = open(scratch("a.img"), O_WRONLY);
	cr_assert_eq(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	refuses("the base was changed since the layer was made, or is another one\n", "a.img", LEN,
		overlay);
}

Test(disks, one_microvm_writes_or_many_read)
{
	const char *held = disk("a.img", LEN, "");
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--timeout=60s", "-d", held,
				      guest("blk"), "--", "watch", "count=1", NULL},
		false);
	struct run run;

	cr_assert(process_wait_for(&process, "blk watch"));
	run = BLK(held, "info");
	cr_assert_eq(run.status, 125);
	cr_assert(has(run.err, "a.img\": another process has it locked\n"), "%s", run.err);
	run = BLK(disk("a.img", LEN, ",ro"), "info");
	cr_assert(has(run.err, "another process has it locked for writing\n"), "%s", run.err);
	kill(process.pid, SIGKILL);
	process_finish(&process);
	/* Its lock goes with it. */
	passes(BLK(held, "info"));
	process = process_start((const char *const[]){mayfly_path(), "run", "--timeout=60s", "-d",
						      disk("a.img", LEN, ",ro"), guest("blk"), "--",
						      "watch", "count=1", NULL},
				false);
	cr_assert(process_wait_for(&process, "blk watch"));
	passes(BLK(disk("a.img", LEN, ",ro"), "info"));
	passes(BLK(disk("a.img", LEN, ",overlay=memory"), "info"));
	cr_assert_eq(BLK(held, "info").status, 125);
	kill(process.pid, SIGKILL);
	process_finish(&process);
}

/* What the loop did for a batch, by strace. */
struct batch {
	bool submitted;
	unsigned n_enters;     /* from the one that submits its reads to the first interrupt */
	unsigned n_interrupts; /* from there to the end */
};

/* A call that sleeps has its arguments in a first line, and how it came out in another. */
static struct batch batch_of(char *trace, unsigned long n_reads)
{
	static const char enter[] = " io_uring_enter(0, ";
	struct batch batch = {0};

	for (char *line = strtok(trace, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		const char *submitted = strstr(line, enter);

		if (submitted != NULL)
			batch.submitted |= strtoul(submitted + strlen(enter), NULL, 10) >= n_reads;
		if (!batch.submitted)
			continue;
		batch.n_enters += submitted != NULL && batch.n_interrupts == 0;
		batch.n_interrupts += strstr(line, "KVM_SIGNAL_MSI") != NULL;
	}
	return batch;
}

/*
 * By then the file is in the page cache, and KVM has taken over the doorbell: reads that are published
 * together are one kick without an exit, one call of the kernel, one interrupt.
 */
Test(disks, reads_that_come_together_go_together)
{
	const char *trace = scratch("trace"), *report = scratch("report.json");
	const char *const argv[] = {"/usr/bin/strace",
				    "-f",
				    "-o",
				    trace,
				    "-e",
				    "trace=io_uring_enter,ioctl",
				    mayfly_path(),
				    "run",
				    "--report",
				    report,
				    "-d",
				    disk("a.img", LEN, ""),
				    guest("blk"),
				    "--",
				    "read",
				    "count=32",
				    "batch",
				    "n=32",
				    NULL};
	struct batch batch;
	struct run run;
	json_t *exits;

	if (is_sanitized())
		cr_skip_test("the leak sanitizer does not work under strace");
	need_program("strace");
	run = run_program(argv, NULL);
	passes(run);
	cr_assert(has(run.out, "blk batch n=32 failed=0 kicks=1 interrupts=1\n"), "%s", run.out);
	exits = exits_load(report);
	cr_assert_gt(exits_sum(exits, "mmio-write", "block", "status"), 0);
	cr_assert_leq(exits_sum(exits, "mmio-write", "block", "queue-notify"), 8);
	batch = batch_of(read_file(trace, NULL), 32);
	cr_assert(batch.submitted);
	cr_assert_leq(batch.n_enters, 2);
	cr_assert_eq(batch.n_interrupts, 1);
}

/* SIGHUP: look again. The guest gets a new capacity, and the run goes on. */
Test(disks, a_file_that_grows_is_a_disk_that_grows)
{
	struct process process = process_start(
		(const char *const[]){mayfly_path(), "run", "--timeout=60s", "-d",
				      disk("a.img", LEN, ""), guest("blk"), "--", "watch",
				      "count=2", NULL},
		false);
	struct run run;

	cr_assert(process_wait_for(&process, "capacity=2048"));
	disk("a.img", LEN + 1024, "");
	kill(process.pid, SIGHUP);
	cr_assert(process_wait_for(&process, "capacity=2050"));
	disk("a.img", LEN / 2, "");
	kill(process.pid, SIGHUP);
	cr_assert(process_wait_for(&process, "capacity=1024"));
	run = process_finish(&process);
	cr_assert_eq(run.status, 0, "%s", run.err);
}
