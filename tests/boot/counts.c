/* SPDX-License-Identifier: Apache-2.0 */
/* --exits against the guest's script and against KVM's own counts; what does not count costs nothing. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "tests/support/exits.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define TIMES "1000"

TestSuite(counts, .init = need_kvm);

static json_t *exits_of(const char *acts)
{
	const char *path = scratch("report.json");
	struct run run = RUN("run", "-f", "elf", "--report", path, guest("act"), "--", acts);

	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
	return exits_load(path);
}

/* A thousand of each kind, by the device, register and address that the script names. */
Test(counts, agree_with_the_script)
{
	json_t *exits = exits_of("out8 0x80 " TIMES " out16 0x82 " TIMES " out32 0x84 " TIMES
				 " in8 0x3fd " TIMES " mmio-read 0xd0000000 " TIMES
				 " mmio-write 0xd0000004 " TIMES " mmio-read 0xfec00000 " TIMES);

	cr_assert_eq(exits_sum(exits, "port-write", "-", "0x80"), 1000);
	cr_assert_eq(exits_sum(exits, "port-write", "-", "0x82"), 1000);
	cr_assert_eq(exits_sum(exits, "port-write", "-", "0x84"), 1000);
	cr_assert_eq(exits_sum(exits, "port-read", "serial", "lsr"), 1000);
	cr_assert_eq(exits_sum(exits, "mmio-read", "-", "0xd0000000"), 1000);
	cr_assert_eq(exits_sum(exits, "mmio-write", "-", "0xd0000004"), 1000);
	cr_assert_eq(exits_sum(exits, "mmio-read", "ioapic", "select"), 1000);
	cr_assert_eq(json_integer_value(json_object_get(exits, "lost")), 0);
}

/*
 * User-space exits are KVM's io and mmio exits. Where ring 0 is emulated, KVM counts no io exit for
 * an instruction that it emulates, so the ports are compared only where it runs on hardware.
 */
Test(counts, agree_with_kvm)
{
	json_t *exits = exits_of("in8 0x3fd " TIMES " out8 0x80 " TIMES
				 " mmio-read 0xd0000000 " TIMES " mmio-write 0xd0000004 " TIMES
				 " mmio-read 0xfec00010 " TIMES);

	cr_assert_eq(exits_of_kvm(exits, "mmio_exits"),
		     exits_sum(exits, "mmio-read", NULL, NULL) +
			     exits_sum(exits, "mmio-write", NULL, NULL));
	cr_assert_geq(exits_of_kvm(exits, "exits"), 5000);
	if (!kvm_is_pvm())
		cr_assert_eq(exits_of_kvm(exits, "io_exits"),
			     exits_sum(exits, "port-read", NULL, NULL) +
				     exits_sum(exits, "port-write", NULL, NULL));
}

Test(counts, of_level_interrupts_include_their_eoi)
{
	json_t *exits = exits_of("serial-irq level 100");

	cr_assert_eq(exits_sum(exits, "eoi", "ioapic", NULL), 100);
}

Test(counts, are_printed_as_text)
{
	struct run run = RUN("run", "-f", "elf", "--exits", guest("act"), "--", "out8 0x80 7");

	cr_assert(has(run.err, "         7  port-write     -           0x80"), "%s", run.err);
	run = RUN("run", "--timeline");
	cr_assert(has(run.err, "  first-exit\n"), "%s", run.err);
	cr_assert_str_eq(run.out, "Hello from a mayfly.\n");
}

/* As `grep '^{'` finds them, whatever else is said. */
Test(counts, in_json_are_a_line_each)
{
	struct run run = RUN("run", "-v", "--exits=json", "--timeline=json");
	unsigned n = 0;

	for (char *line = strtok(run.err, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_t *root = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;

		if (line[0] != '{') {
			cr_assert(strncmp(line, "mayfly: ", 8) == 0, "%s", line);
			continue;
		}
		cr_assert(root != NULL, "%s", line);
		n += json_array_size(json_object_get(root, "timeline")) > 10;
		n += json_array_size(json_object_get(json_object_get(root, "exits"), "rows")) > 1;
		for (const char *dot = strchr(line, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
			cr_assert_leq(strspn(dot + 1, "0123456789"), 3u, "%s", line);
	}
	cr_assert_eq(n, 2u);
}

/* Phases end in the order in which they are listed. */
Test(counts, phases_are_in_order)
{
	const char *path = scratch("report.json");
	struct run run = RUN("run", "--report", path);
	json_t *timeline = json_object_get(json_load_file(path, 0, NULL), "timeline");
	double before = 0, at;

	cr_assert_eq(run.status, 0);
	cr_assert_eq(json_array_size(timeline), 18u, "all but the boot timer's");
	for (size_t i = 0; i < json_array_size(timeline); i++) {
		json_t *phase = json_array_get(timeline, i);

		at = json_real_value(json_object_get(phase, "at_us"));
		cr_assert_geq(at, before, "%s", json_string_value(json_object_get(phase, "phase")));
		before = at;
	}
}
