/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every rule of the filters is needed by some run: what no run ever calls should not be allowed. The
 * runs are watched by strace, whose arguments are plain numbers here.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seccomp/rules.h"
#include "tests/support/host.h"
#include "tests/support/image_builder.h"
#include "tests/support/run.h"

#define WORDS_MAX 24

static bool is_used[N_RULES];

/* Needed, but not in a run that can be made at will. */
static const char *const rare[] = {
	"clock_gettime", /* where the vDSO does not know the clock */
	"futex",         /* where two vCPUs write to the serial port in the same moment */
	"brk",           /* where the heap that there is does not do for a library */
	"clone3",        /* it fails; strace sees the call */
};

static bool is_rare(const struct rule *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(rare); i++)
		if (strcmp(rule->name, rare[i]) == 0)
			return true;
	return false;
}

/* "PID name(0x1, 0x2) = 0": as strace -e raw=all has it. */
static void take_line(char *line)
{
	struct seccomp_data call = {0};
	char *name = strchr(line, ' '), *at, *end;

	if (name == NULL || (at = strchr(name, '(')) == NULL)
		return;
	*at = '\0';
	call.nr = seccomp_syscall_resolve_name(name + strspn(name, " "));
	for (unsigned i = 0; at != NULL && i < 6; i++) {
		call.args[i] = strtoull(at + 1, &end, 0);
		at = *end == ',' ? end : NULL;
	}
	for (size_t i = 0; i < N_RULES; i++)
		is_used[i] |= rule_fits(&rules[i], &call, true);
}

/* The cell's calls from the set-up filter on; the supervisor's and the jail's own do not count. */
static void take_trace(const char *path)
{
	char *text = read_file(path, NULL), *line, supervisor[16];
	bool confined = false;

	snprintf(supervisor, sizeof(supervisor), "%.*s ", (int)strcspn(text, " "), text);
	while ((line = strsep(&text, "\n")) != NULL) {
		if (strncmp(line, supervisor, strlen(supervisor)) == 0)
			continue;
		confined |= strstr(line, " landlock_restrict_self(") != NULL;
		if (confined)
			take_line(line);
	}
}

#define WATCH(...) watch((const char *const[]){__VA_ARGS__, NULL})

static void watch(const char *const words[])
{
	const char *argv[WORDS_MAX] = {"/usr/bin/strace", "-f",  "-e",
				       "raw=all",         "-o",  scratch("trace"),
				       mayfly_path(),     "run", "--timeout=20s"};
	unsigned n = 9;

	for (unsigned i = 0; words[i] != NULL; i++)
		argv[n++] = words[i];
	run_program(argv, NULL);
	take_trace(argv[5]);
}

/* Runs `act` with the serial port into a small pipe, until this call stands in the trace. */
static void watch_until(const char *call, const char *kib, bool reads)
{
	struct process process = process_start(
		(const char *const[]){"/usr/bin/strace", "-f", "-e", "raw=all", "-o",
				      scratch("trace"), mayfly_path(), "run", "--timeout=50s", "-f",
				      "elf", guest("act"), "--", "timer", "300", "flood", kib,
				      "sleep", NULL},
		false);
	char *trace = NULL;

	cr_assert_eq(fcntl(process.out, F_SETPIPE_SZ, reads ? 65536 : 4096), reads ? 65536 : 4096);
	for (unsigned i = 0; i < 500 && (trace == NULL || !has(trace, call)); i++) {
		usleep(100000);
		free(trace);
		trace = read_file(scratch("trace"), NULL);
	}
	kill(child_of(process.pid), SIGQUIT);
	process_finish(&process);
	take_trace(scratch("trace"));
}

Test(used, every_rule_is, .timeout = 300)
{
	struct image inner = image_unikernel(true, 4);
	static const uint8_t base[1 << 20];
	char overlay[512], collected[32];

	if (is_sanitized())
		cr_skip_test("the sanitizers make calls of their own");
	need_kvm();
	need_program("strace");
	snprintf(overlay, sizeof(overlay), "%s,overlay=%s.layer",
		 write_file("base.img", base, sizeof(base)), scratch("base.img"));
	WATCH("--exits");
	WATCH("-c", "4", guest("smp"));
	WATCH("--memfd", "--prefault", "--pin=0", guest("hello"));
	WATCH("-f", "elf", guest("act"), "--", "serial-irq", "level", "2");
	WATCH("--irqchip=kernel", "-f", "elf", guest("act"), "--", "serial-irq", "edge", "2");
	WATCH("-f", "elf", guest("act"), "--", "triple");
	WATCH("--timeout=500ms", "-f", "elf", guest("act"), "--", "spin");
	WATCH("--serial", scratch("serial"));
	WATCH("--rng=on", "--console", scratch("console"), guest("entropy"), "--", "bytes=65536",
	      "size=1024");
	WATCH("-d", "mem:1M", guest("blk"), "--", "discard");
	WATCH("-d", overlay, guest("blk"), "--", "write", "count=8", "flush");
	for (int packing = 0; packing < IMAGE_PACKING_COUNT; packing++) {
		struct image bzimage = image_bzimage_packed((enum image_packing)packing, &inner);

		WATCH("-f", "pvh", write_file("bzImage", bzimage.bytes, bzimage.len));
	}
	/* Nobody reads until the cell has had to wait for that, and tries again by its timer. */
	watch_until("setitimer(", "8", false);
	/* KVM collects what is sent until nothing comes any more. */
	snprintf(collected, sizeof(collected), "%#lx",
		 (unsigned long)KVM_UNREGISTER_COALESCED_MMIO);
	watch_until(collected, "3", true);
	for (size_t i = 0; i < N_RULES; i++)
		cr_expect(is_used[i] || is_rare(&rules[i]), "%s(%s): %s", rules[i].name,
			  rules[i].checks_text, rules[i].why);
}
