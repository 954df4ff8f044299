/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_boot.c - how long a small guest takes from exec to its first byte and to the end of it all:
 * mayfly, its floor, and the other monitors that are on this machine.
 *
 * Every round runs every program once, in an order of its own; only ratios within one such run mean
 * anything. Run from the repository's root: bench_boot [ROUNDS [SEED [KEY...]]], where the keys name the
 * programs to run instead of all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"
#include "perf/report_boot.h"

#define FOLDER        "build/bench"
#define GREETING      "Hello from a mayfly"
#define SOLO5_SAYS    "            |      ___|"
#define PVH_GUEST     "build/guests/hello-pvh"
#define DEVICES_GUEST "build/guests/devices" /* uses each device once */
#define DISK          "build/bench/boot.img"
#define DISK_LEN      (1 << 20)
#define ARGV(...)     ((const char *const[]){__VA_ARGS__, NULL})
#define MAYFLY        "build/bench/programs/mayfly"
#define ROUNDS        100
#define WORDS_MAX     32
#define ROWS_MAX      16

/* The leanest microvm that boots a PVH image: no firmware options, no legacy devices but the port. */
static const char qemu_machine[] =
	"microvm,accel=kvm,kernel-irqchip=split,acpi=off,pit=off,pic=off,rtc=off,"
	"auto-kernel-cmdline=off,x-option-roms=off,usb=off,graphics=off,ioapic2=off,mem-merge=off";

#define FIRECRACKER_CONFIG "build/bench/firecracker.json"
static const char firecracker_config[] =
	"{\"boot-source\": {\"kernel_image_path\": \"" PVH_GUEST "\", \"boot_args\": \"\"},"
	" \"drives\": [], \"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": 128}}\n";

/* Every guest gets 128 MiB and one vCPU. A peer that is not here, or whose guest is not, is left out. */
static const struct program programs[] = {
	{"noop", "no-op process", ARGV("build/bench/programs/noop"), NULL, 0, true},
	{"floor", "floor", ARGV("build/bench/programs/floor_boot"), GREETING, 0, true},
	{"floor-jailed", "floor, jailed", ARGV("build/bench/programs/floor_boot", "jailed"),
	 GREETING, 0, true},
	{"mayfly-off", "mayfly, no jail", ARGV(MAYFLY, "run", "-q", "--jail=off"), GREETING, 0,
	 true},
	{"mayfly", "mayfly", ARGV(MAYFLY, "run"), GREETING, 0, true},
	{"mayfly-strict", "mayfly, strict jail", ARGV(MAYFLY, "run", "--jail=strict"), GREETING, 0,
	 true},
	{"mayfly-pvh", "mayfly, PVH image", ARGV(MAYFLY, "run", PVH_GUEST), GREETING, 0, true},
	{"mayfly-library", "the next without devices",
	 ARGV(MAYFLY, "run", DEVICES_GUEST, "--", "none"), GREETING, 0, true},
	{"mayfly-devices", "mayfly, with devices",
	 ARGV(MAYFLY, "run", "-d", DISK, "--console=stdio", "--rng=on", DEVICES_GUEST), GREETING, 0,
	 true},
	/* For work on mayfly itself: the build that a change is compared with. */
	{"before", "mayfly, before", ARGV("$MAYFLY_BEFORE", "run"), GREETING, 0, true},
	{"solo5", "solo5-hvt", ARGV("solo5-hvt", "--mem=128", "$SOLO5_GUEST"), SOLO5_SAYS, 0,
	 false},
	{"cloud-hypervisor", "Cloud Hypervisor",
	 ARGV("cloud-hypervisor", "--kernel", PVH_GUEST, "--cpus", "boot=1", "--memory",
	      "size=128M", "--serial", "tty", "--console", "off"),
	 GREETING, 0, false},
	{"firecracker", "Firecracker",
	 ARGV("firecracker", "--no-api", "--config-file", FIRECRACKER_CONFIG), GREETING, 0, false},
	{"kvmtool", "kvmtool",
	 ARGV("lkvm", "run", "-c", "1", "-m", "128", "--console", "serial", "-k", "$KVMTOOL_GUEST"),
	 GREETING, 0, false},
	/* What the guest writes to isa-debug-exit comes out doubled and one more. */
	{"qemu", "QEMU microvm",
	 ARGV("qemu-system-x86_64", "-M", qemu_machine, "-m", "128M", "-nodefaults",
	      "-no-user-config", "-display", "none", "-serial", "stdio", "-device",
	      "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", PVH_GUEST),
	 GREETING, 1, false},
};

/* What mayfly may cost beyond what the kernel takes for the same; and its devices beyond that. */
static const struct target targets[] = {
	{"without the jail", "mayfly-off", "floor", 1.2},
	{"with it", "mayfly", "floor-jailed", 1.3},
	{"disk, console and entropy", "mayfly-devices", "mayfly", 1.5},
	{"the same", "mayfly-devices", "mayfly-library", 1.5},
};

/* A row of the table that can run here. */
struct row {
	const char *words[WORDS_MAX];
	struct figures figures;
};

static bool is_program(const char *name)
{
	char paths[4096], path[4352];
	char *at = paths;

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0;
	snprintf(paths, sizeof(paths), "%s", getenv("PATH") != NULL ? getenv("PATH") : "");
	for (char *folder; (folder = strsep(&at, ":")) != NULL;) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static void leave_out(const struct program *program, const char *why)
{
	printf("%s: left out, %s\n", program->name, why);
}

/* Fills in the words of the environment. False, after saying why, where something is not there. */
static bool resolve(const struct program *program, struct row *row)
{
	char why[256];

	for (unsigned i = 0; i < WORDS_MAX - 1 && program->argv[i] != NULL; i++) {
		const char *word = program->argv[i];

		row->words[i] = word[0] == '$' ? getenv(word + 1) : word;
		if (row->words[i] == NULL) {
			snprintf(why, sizeof(why), "%s is not set", word);
			leave_out(program, why);
			return false;
		}
		if (i == 0 && !is_program(row->words[0])) {
			snprintf(why, sizeof(why), "%s is not on this machine", row->words[0]);
			leave_out(program, why);
			return false;
		}
	}
	return true;
}

static void write_firecracker_config(void)
{
	FILE *file = fopen(FIRECRACKER_CONFIG, "we");

	if (file == NULL)
		return;
	fputs(firecracker_config, file);
	fclose(file);
}

static void write_disk(void)
{
	static const char zeros[DISK_LEN];
	FILE *file = fopen(DISK, "we");

	if (file == NULL)
		return;
	fwrite(zeros, 1, sizeof(zeros), file);
	fclose(file);
}

/* One run that is not timed, to warm the caches; a program of others that fails is left out. */
static bool try_out(struct row *row)
{
	const struct program *program = row->figures.program;
	struct sample ignored;

	if (sample_take(row->words, program->greeting, program->status, &ignored) &&
	    census_take(row->words, &row->figures.census))
		return true;
	if (program->is_ours)
		exit(EXIT_FAILURE);
	leave_out(program, "it does not run this guest here");
	return false;
}

static bool is_wanted(const struct program *program, char *const keys[])
{
	bool wanted = keys[0] == NULL;

	for (; !wanted && *keys != NULL; keys++)
		wanted = strcmp(*keys, program->key) == 0;
	return wanted;
}

static unsigned choose_rows(struct row rows[ROWS_MAX], unsigned n_rounds, char *const keys[])
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_LEN(programs); i++) {
		struct row *row = &rows[n];

		*row = (struct row){.figures = {.program = &programs[i]}};
		if (!is_wanted(&programs[i], keys) || !resolve(&programs[i], row) || !try_out(row))
			continue;
		row->figures.samples = calloc(n_rounds, sizeof(struct sample));
		if (row->figures.samples == NULL)
			abort();
		n++;
	}
	return n;
}

static void run_round(struct row *rows, unsigned n_rows)
{
	unsigned order[ROWS_MAX];

	sample_order(order, n_rows);
	for (unsigned i = 0; i < n_rows; i++) {
		struct row *row = &rows[order[i]];
		struct figures *figures = &row->figures;
		const struct program *program = figures->program;

		if (!sample_take(row->words, program->greeting, program->status,
				 &figures->samples[figures->n_samples++]))
			exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	unsigned n_rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
	unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
	static struct row rows[ROWS_MAX];
	struct figures all[ROWS_MAX];
	unsigned n_rows;

	if (n_rounds == 0) {
		fprintf(stderr, "bench: ROUNDS is \"%s\": it must be a number from 1 on\n",
			argv[1]);
		return EXIT_FAILURE;
	}
	setlinebuf(stdout);
	mkdir(FOLDER, 0777);
	write_firecracker_config();
	write_disk();
	n_rows = choose_rows(rows, n_rounds, argv + (argc < 3 ? argc : 3));
	printf("%u rounds in random order, seed %u\n\n", n_rounds, seed);
	srandom(seed);
	for (unsigned i = 0; i < n_rounds; i++)
		run_round(rows, n_rows);
	for (unsigned i = 0; i < n_rows; i++) {
		figures_settle(&rows[i].figures);
		all[i] = rows[i].figures;
	}
	struct results results = {all, n_rows, targets, ARRAY_LEN(targets), seed, n_rounds};

	report_print(&results);
	return report_write(&results, FOLDER) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
