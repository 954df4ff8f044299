/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mayfly is killed at random moments: what the guest was told to be flushed is in the files, and a
 * commit is begun again. The page cache outlives the process, so this is about what mayfly keeps in
 * memory of its own; tests/unit/power_cut.c is about the medium.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "monitor/disk_files.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define SECTOR  512
#define SECTORS 8192
#define LEN     ((size_t)SECTORS * SECTOR)

TestSuite(disk_kills, .init = need_kvm, .timeout = 3600);

static struct err err;
static char disk_option[1024];

/* A disk of bytes that are no record, raw or with a layer over it. */
static void make_disk(bool has_layer)
{
	static uint8_t bytes[LEN];
	char base[512], suffix[512];

	memset(bytes, 0xa5, LEN);
	snprintf(base, sizeof(base), "%s", write_file("disk.img", bytes, LEN));
	snprintf(suffix, sizeof(suffix), ",overlay=%s", scratch("layer"));
	unlink(scratch("layer"));
	snprintf(disk_option, sizeof(disk_option), "%s%s", base, has_layer ? suffix : "");
}

static int open_file(const char *name)
{
	int fd, ret = -1;

	/* The lock of one that was killed goes with the last of its threads. */
	for (unsigned i = 0; i < 20 && ret < 0; i++)
		ret = disk_open_file("disk", scratch(name), O_RDONLY, &fd, &err);
	cr_assert_eq(ret, 0, "%s", err.text);
	return fd;
}

static void put_layer_over(uint8_t *disk)
{
	static uint8_t map[64 * OVERLAY_SECTOR];
	struct overlay_header header;
	struct overlay_geometry geometry;
	int fd = open_file("layer");
	int ret = overlay_file_read_header(fd, &header, &err);

	cr_assert_geq(ret, 0, "%s", err.text);
	if (ret == 0) {
		geometry = overlay_geometry(header.len, header.cluster_shift);
		memset(map, 0, sizeof(map));
		cr_assert_eq(overlay_file_read_map(fd, &geometry, map, &err), 0, "%s", err.text);
		for (uint64_t i = 0; i < geometry.n_clusters; i++)
			if (overlay_map_get(map, i))
				cr_assert_eq(fd_pread_all(fd, disk + (i << geometry.cluster_shift),
							  overlay_cluster_len(&geometry, i),
							  geometry.data_offset +
								  (i << geometry.cluster_shift)),
					     0);
	}
	close(fd);
}

/* What a guest would read, from the files. */
static void read_disk(bool has_layer, uint8_t *ret_disk)
{
	int fd = open_file("disk.img");

	cr_assert_eq(fd_pread_all(fd, ret_disk, LEN, 0), 0);
	close(fd);
	if (has_layer)
		put_layer_over(ret_disk);
}

/* Records, as images/blk/records.c writes them. */

static uint64_t pattern_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool is_record(const uint8_t *sector, uint64_t number, unsigned pattern)
{
	uint64_t words[SECTOR / 8], sum = 0;

	memcpy(words, sector, SECTOR);
	for (unsigned i = 0; i < SECTOR / 8 - 1; i++)
		sum = pattern_word(sum, words[i]);
	return words[1] == number && words[2] == pattern && words[SECTOR / 8 - 1] == sum;
}

/* One life of a guest that writes records, flushes them, and says so. */
struct life {
	unsigned sector, depth, pattern;
	bool cell; /* is killed, or else the supervisor */
	unsigned n_lines;
};

static char output[RUN_OUTPUT_MAX];

/* Until the guest has flushed some times. */
static size_t read_lines(const struct process *process, unsigned n)
{
	size_t len = 0;

	while (n > 0 && len < sizeof(output) - 1) {
		ssize_t got = read(process->out, output + len, 1);

		if (got <= 0)
			break;
		n -= output[len++] == '\n';
	}
	output[len] = '\0';
	return len;
}

static uint64_t last_flushed(void)
{
	uint64_t number = 0;

	for (const char *at = output; (at = strstr(at, "flushed ")) != NULL; at++)
		if (strchr(at, '\n') != NULL)
			number = strtoull(at + strlen("flushed "), NULL, 10);
	return number;
}

/* Returns how many records the guest was told to be durable. */
static uint64_t live(const struct life *life)
{
	char words[3][32];
	struct process process;
	struct run run;
	size_t len;
	pid_t victim;

	snprintf(words[0], 32, "sector=%u", life->sector);
	snprintf(words[1], 32, "depth=%u", life->depth);
	snprintf(words[2], 32, "pattern=%u", life->pattern);
	process = process_start((const char *const[]){mayfly_path(), "run", "--timeout=60s", "-d",
						      disk_option, guest("blk"), "--",
						      "flush-order", "count=0", words[0], words[1],
						      words[2], NULL},
				false);
	len = read_lines(&process, life->n_lines);
	usleep((unsigned)rand() % 4000);
	victim = life->cell ? child_of(process.pid) : process.pid;
	kill(victim > 0 ? victim : process.pid, SIGKILL);
	run = process_finish(&process);
	snprintf(output + len, sizeof(output) - len, "%s", run.out);
	free(run.out);
	free(run.err);
	return last_flushed();
}

/* The same as a guest sees it. */
static void check_by_guest(const struct life *life, uint64_t n)
{
	char words[3][32];
	struct run run;

	snprintf(words[0], 32, "sector=%u", life->sector);
	snprintf(words[1], 32, "expect=%lu", (unsigned long)n);
	snprintf(words[2], 32, "pattern=%u", life->pattern);
	run = RUN("run", "--timeout=60s", "-d", disk_option, guest("blk"), "--", "flush-check",
		  words[0], words[1], words[2]);
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
}

/* Each life goes on with the files of the one before; some begin with new ones. */
static void kill_again_and_again(bool has_layer)
{
	static uint8_t disk[LEN];
	unsigned n = count_for(25, 500);
	uint64_t n_told = 0;

	srand(test_seed());
	for (unsigned i = 0; i < n; i++) {
		const struct life life = {.sector = (unsigned)rand() % 64,
					  .depth = 1 + (unsigned)rand() % 12,
					  .pattern = 1 + i,
					  .cell = i % 2 == 0,
					  .n_lines = (unsigned)rand() % 40};
		uint64_t told;

		if (i % 8 == 0)
			make_disk(has_layer);
		told = live(&life);
		n_told += told;
		read_disk(has_layer, disk);
		for (uint64_t k = 1; k <= told; k++)
			cr_assert(is_record(disk + (life.sector + k) * SECTOR, k, life.pattern),
				  "life %u: record %lu of %lu is lost", i, (unsigned long)k,
				  (unsigned long)told);
		if (i % 8 == 7)
			check_by_guest(&life, told);
	}
	cr_assert_gt(n_told, n);
}

Test(disk_kills, leave_in_a_file_what_was_flushed)
{
	kill_again_and_again(false);
}

Test(disk_kills, leave_in_a_layer_what_was_flushed)
{
	kill_again_and_again(true);
}

/* Commit. */

static struct process start_commit(void)
{
	char option[512];

	snprintf(option, sizeof(option), "--base=%s", scratch("disk.img"));
	return process_start((const char *const[]){mayfly_path(), "disk", "commit",
						   scratch("layer"), option, NULL},
			     false);
}

static void write_by_guest(unsigned i)
{
	char word[32];
	struct run run;

	snprintf(word, sizeof(word), "pattern=%u", i + 1);
	run = RUN("run", "--timeout=60s", "-d", disk_option, guest("blk"), "--", "write", word,
		  "sector=3", "size=32768", "count=100", "depth=4", "flush");
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
}

static void check_same(bool has_layer, const uint8_t *wanted, unsigned i)
{
	static uint8_t disk[LEN];

	read_disk(has_layer, disk);
	cr_assert_eq(memcmp(disk, wanted, LEN), 0, "commit %u", i);
}

/* Returns how long it took, in ns. */
static int64_t commit_to_the_end(void)
{
	int64_t start = clock_ns();
	struct process process = start_commit();
	struct run run = process_finish(&process);

	cr_assert_eq(run.status, 0, "%s", run.err);
	return clock_ns() - start;
}

/* Until it has begun, or was too quick to be seen. */
static void await_commit(void)
{
	struct overlay_header header = {.state = OVERLAY_READY};
	int fd = open(scratch("layer"), O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	for (unsigned i = 0; i < 30000 && header.state == OVERLAY_READY; i++) {
		usleep(1);
		cr_assert_eq(overlay_file_read_header(fd, &header, &err), 0, "%s", err.text);
	}
	close(fd);
}

Test(disk_kills, of_a_commit_lose_nothing)
{
	static uint8_t wanted[LEN];
	int64_t duration;

	srand(test_seed());
	make_disk(true);
	write_by_guest(0);
	duration = commit_to_the_end();
	for (unsigned i = 1; i <= count_for(10, 200); i++) {
		struct process process;

		write_by_guest(i);
		read_disk(true, wanted);
		process = start_commit();
		if (i % 4 > 0)
			await_commit();
		usleep((unsigned)(rand() % (duration / (i % 4 > 0 ? 4000 : 1000) + 1)));
		kill(process.pid, SIGKILL);
		process_finish(&process);
		check_same(true, wanted, i);
		commit_to_the_end();
		check_same(false, wanted, i);
	}
}
