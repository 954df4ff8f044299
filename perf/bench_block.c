/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_block.c - what a disk gives, and what it costs: mayfly and QEMU with the same guest, and fio on
 * the host, all on one file.
 *
 * Every round has every program do every work, in an order of its own; only ratios within one such run
 * mean anything. Run from the repository's root: bench_block [ROUNDS [SEED [SECONDS [DIRECT]]]], where
 * SECONDS is how long each lasts, and DIRECT is 1 to go past the page cache.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/scope.h"
#include "perf/report_block.h"
#include "perf/sample.h"

#define FOLDER    "build/bench"
#define DISK      "build/bench/block.img"
#define FIO_FILE  "--filename=build/bench/block.img"
#define DISK_LEN  (UINT64_C(256) << 20)
#define GUEST     "build/guests/blk"
#define MAYFLY    "build/bench/programs/mayfly"
#define ROUNDS    5
#define SECONDS   2
#define WORDS_MAX 40

static const struct block_work works[] = {
	/* First: the others are without what this takes. */
	{"start", "bench-read", "randread", 4096, 1, true},
	{"read 4 KiB x 1", "bench-read", "randread", 4096, 1, false},
	{"read 4 KiB x 32", "bench-read", "randread", 4096, 32, false},
	{"read 128 KiB x 1", "bench-read", "randread", 131072, 1, false},
	{"read 128 KiB x 32", "bench-read", "randread", 131072, 32, false},
	{"write 4 KiB x 1", "bench-write", "randwrite", 4096, 1, false},
	{"write 4 KiB x 32", "bench-write", "randwrite", 4096, 32, false},
	{"write 128 KiB x 1", "bench-write", "randwrite", 131072, 1, false},
	{"write 128 KiB x 32", "bench-write", "randwrite", 131072, 32, false},
	/* fio syncs only what it has just written. */
	{"flush x 1", "bench-flush", NULL, 0, 1, false},
	{"flush x 32", "bench-flush", NULL, 0, 32, false},
};

static unsigned n_seconds = SECONDS;
static bool direct;

/* A command line in the making. */
struct command {
	const char *words[WORDS_MAX];
	unsigned n;
	char texts[2048];
	size_t texts_len;
};

static void add(struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct command *command, const char *format, ...)
{
	char *text = command->texts + command->texts_len;
	size_t room = sizeof(command->texts) - command->texts_len;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(text, room, format, arguments);
	va_end(arguments);
	if (len < 0 || (size_t)len >= room || command->n == WORDS_MAX - 1)
		abort();
	command->texts_len += (size_t)len + 1;
	command->words[command->n++] = text;
}

static void add_all(struct command *command, const char *const words[])
{
	for (; *words != NULL; words++)
		add(command, "%s", *words);
}

static void command_fio(struct command *command, const struct block_work *work, bool batched)
{
	static const char *const words[] = {"fio",
					    "--name=block",
					    FIO_FILE,
					    "--ioengine=io_uring",
					    "--thread",
					    "--invalidate=0",
					    "--norandommap",
					    "--lat_percentiles=1",
					    "--clat_percentiles=0",
					    "--output-format=json",
					    NULL};

	add_all(command, words);
	add(command, "--rw=%s", work->fio_verb);
	add(command, "--bs=%u", work->size);
	add(command, "--iodepth=%u", work->depth);
	add(command, "--direct=%d", direct);
	if (work->is_start) {
		add(command, "--number_ios=1");
	} else {
		add(command, "--time_based");
		add(command, "--runtime=%u", n_seconds);
	}
	if (batched) {
		add(command, "--iodepth_batch_submit=%u", work->depth);
		add(command, "--iodepth_batch_complete_max=%u", work->depth);
	}
}

/* The guest's words. */
static void add_verb(char *text, size_t size, const struct block_work *work)
{
	int len = snprintf(text, size, "%s depth=%u random=1 ", work->verb, work->depth);

	if (work->size > 0)
		len += snprintf(text + len, size - (size_t)len, "size=%u ", work->size);
	snprintf(text + len, size - (size_t)len, work->is_start ? "count=1" : "seconds=%u",
		 n_seconds);
}

static void command_mayfly(struct command *command, const struct block_work *work)
{
	char verb[128];

	add_verb(verb, sizeof(verb), work);
	add_all(command, (const char *const[]){MAYFLY, "run", NULL});
	add(command, "--disk=%s%s", DISK, direct ? ",direct" : "");
	add_all(command, (const char *const[]){GUEST, "--", verb, NULL});
}

/* The machine of bench_boot.c. */
static const char qemu_machine[] =
	"microvm,accel=kvm,kernel-irqchip=split,acpi=off,pit=off,pic=off,rtc=off,x-option-roms=off,"
	"usb=off,graphics=off,mem-merge=off";

/*
 * With a thread and an io_uring for the disk. It does not ask for the lock, which the kernel takes from a
 * program with a ring a moment after its end.
 */
static void command_qemu(struct command *command, const struct block_work *work)
{
	static const char *const words[] = {"qemu-system-x86_64",
					    "-M",
					    qemu_machine,
					    "-m",
					    "128M",
					    "-nodefaults",
					    "-no-user-config",
					    "-display",
					    "none",
					    "-serial",
					    "stdio",
					    "-no-reboot",
					    "-global",
					    "virtio-mmio.force-legacy=false",
					    "-device",
					    "isa-debug-exit,iobase=0xf4,iosize=4",
					    "-object",
					    "iothread,id=io",
					    "-device",
					    "virtio-blk-device,drive=disk,iothread=io",
					    "-kernel",
					    GUEST,
					    NULL};
	char verb[128];

	add_verb(verb, sizeof(verb), work);
	add_all(command, words);
	add(command, "-drive");
	add(command, "file=%s,file.locking=off,if=none,id=disk,format=raw,aio=io_uring,cache=%s",
	    DISK, direct ? "none" : "writeback");
	add(command, "-append");
	add(command, "%s", verb);
}

static double number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at != NULL ? strtod(at + strlen(key), NULL) : 0;
}

/* What our guest says; returns how many requests that were. */
static double read_guest(const char *output, struct block_sample *sample)
{
	sample->per_second = number_after(output, "per-second=");
	sample->p50_us = number_after(output, "p50-ns=") / 1e3;
	sample->p99_us = number_after(output, "p99-ns=") / 1e3;
	return number_after(output, "failed=") == 0 ? number_after(output, "requests=") : 0;
}

static double read_fio(const char *output, const struct block_work *work,
		       struct block_sample *sample)
{
	const char *begin = strchr(output, '{');
	json_t *root = begin != NULL ? json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
	json_t *part = json_object_get(json_array_get(json_object_get(root, "jobs"), 0),
				       strcmp(work->fio_verb, "randread") == 0 ? "read" : "write");
	json_t *times = json_object_get(json_object_get(part, "lat_ns"), "percentile");
	double n = json_number_value(json_object_get(part, "total_ios"));

	sample->per_second = json_number_value(json_object_get(part, "iops"));
	sample->p50_us = json_number_value(json_object_get(times, "50.000000")) / 1e3;
	sample->p99_us = json_number_value(json_object_get(times, "99.000000")) / 1e3;
	json_decref(root);
	return n;
}

enum { FIO, FIO_BATCHED, MAYFLY_RUN, QEMU, N_PROGRAMS };

static const char *const programs[N_PROGRAMS] = {"fio", "fio-batched", "mayfly", "qemu"};
static double start_us[N_PROGRAMS]; /* of this round */
static struct block_figures figures[ARRAY_LEN(works)][N_PROGRAMS];

/* Is this one of the rows? A batch of one is none. */
static bool is_measured(const struct block_work *work, unsigned program)
{
	if (program == FIO_BATCHED && work->depth == 1 && !work->is_start)
		return false;
	return work->fio_verb != NULL || program == MAYFLY_RUN || program == QEMU;
}

static void make_command(struct command *command, const struct block_work *work, unsigned program)
{
	if (program == MAYFLY_RUN)
		command_mayfly(command, work);
	else if (program == QEMU)
		command_qemu(command, work);
	else
		command_fio(command, work, program == FIO_BATCHED);
}

/* fio's output begins with a brace; that of QEMU's exit port comes out doubled and one more. */
static void run_one(const struct block_work *work, unsigned program)
{
	bool is_fio = program == FIO || program == FIO_BATCHED;
	struct block_figures *row = &figures[work - works][program];
	struct block_sample *sample = &row->samples[row->n_samples];
	struct command command = {.n = 0};
	struct sample taken;
	double n, cpu_us;

	make_command(&command, work, program);
	if (!sample_take(command.words, is_fio ? "{" : "blk bench", program == QEMU, &taken))
		exit(EXIT_FAILURE);
	n = is_fio ? read_fio(sample_output(), work, sample) : read_guest(sample_output(), sample);
	if (n <= 0) {
		fprintf(stderr, "bench: %s: no request of \"%s\" went well\n", programs[program],
			work->key);
		exit(EXIT_FAILURE);
	}
	cpu_us = taken.cpu_ms * 1e3;
	if (work->is_start)
		start_us[program] = cpu_us;
	else
		cpu_us -= start_us[program];
	sample->cpu_us = cpu_us > 0 ? cpu_us / n : 0;
	row->n_samples++;
}

static void run_round(void)
{
	unsigned order[N_PROGRAMS];

	for (unsigned i = 0; i < ARRAY_LEN(works); i++) {
		sample_order(order, N_PROGRAMS);
		for (unsigned j = 0; j < N_PROGRAMS; j++)
			if (is_measured(&works[i], order[j]))
				run_one(&works[i], order[j]);
	}
}

/* Written in full, so that no run has to find room for it; and in the page cache by that. */
static void make_disk(void)
{
	static const char zeros[1 << 20];
	FILE *file = fopen(DISK, "we");

	for (uint64_t at = 0; file != NULL && at < DISK_LEN; at += sizeof(zeros))
		if (fwrite(zeros, sizeof(zeros), 1, file) != 1)
			break;
	if (file == NULL || ferror(file) != 0 || fclose(file) != 0) {
		perror("bench: " DISK);
		exit(EXIT_FAILURE);
	}
}

static unsigned number_of(char *const *argv, int argc, int i, unsigned otherwise)
{
	return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	struct block_results results = {.works = works,
					.n_works = ARRAY_LEN(works),
					.programs = programs,
					.n_programs = N_PROGRAMS,
					.figures = figures[0],
					.n_rounds = number_of(argv, argc, 1, ROUNDS),
					.seed = number_of(argv, argc, 2, (unsigned)time(NULL))};

	n_seconds = results.seconds = number_of(argv, argc, 3, SECONDS);
	direct = results.direct = number_of(argv, argc, 4, 0) != 0;
	if (results.n_rounds == 0 || results.n_rounds > BLOCK_ROUNDS_MAX || n_seconds == 0) {
		fprintf(stderr, "bench: ROUNDS must be 1 to %d, SECONDS 1 or more\n",
			BLOCK_ROUNDS_MAX);
		return EXIT_FAILURE;
	}
	setlinebuf(stdout);
	mkdir(FOLDER, 0777);
	make_disk();
	printf("%u rounds of %u s each in random order, seed %u, %s\n\n", results.n_rounds,
	       n_seconds, results.seed, direct ? "O_DIRECT" : "page cache");
	srandom(results.seed);
	for (unsigned i = 0; i < results.n_rounds; i++)
		run_round();
	for (unsigned i = 0; i < ARRAY_LEN(works) * N_PROGRAMS; i++)
		block_settle(&figures[0][i]);
	block_print(&results);
	return block_write(&results, FOLDER) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
