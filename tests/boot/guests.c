/* SPDX-License-Identifier: Apache-2.0 */
/* Our own guests, by every protocol and on machines of every shape. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

TestSuite(guests, .init = need_kvm);

static const char *const formats[] = {"elf", "pvh"};

Test(guests, the_built_in_one_says_hello)
{
	struct run run = RUN("run");

	cr_assert_eq(run.status, 0);
	cr_assert_str_eq(run.out, "Hello from a mayfly.\n");
	cr_assert_str_eq(run.err, "");
}

Test(guests, an_elf_with_a_pvh_note_is_entered_by_it_unless_told_otherwise)
{
	struct run run = RUN("run", guest("probe"));

	cr_assert(has(run.out, "entry: pvh\n"), "%s", run.out);
	run = RUN("run", "--format=elf", guest("probe"));
	cr_assert(has(run.out, "entry: linux64\n"), "%s", run.out);
}

static void probe_with(const char *format, const char *memory, const char *cpus)
{
	struct run run = RUN("run", "-f", format, "-m", memory, "-c", cpus, guest("probe"), "--",
			     "three little words");

	cr_assert_eq(run.status, 0, "%s %s %s: %s%s", format, memory, cpus, run.out, run.err);
	cr_assert(has(run.out, "faults: 0\n"));
	cr_assert(has(run.out, "cmdline: three little words\n"));
	cr_assert_eq(number_after(run.out, "cpus-up"), strtoull(cpus, NULL, 10));
}

Test(guests, find_a_sound_machine_of_any_size)
{
	static const char *const shapes[][2] = {{"4M", "1"},    {"128M", "2"}, {"3G", "3"},
						{"3076M", "1"}, {"8G", "4"},   {"300G", "1"}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (size_t format = 0; format < 2; format++)
			probe_with(formats[format], shapes[i][0], shapes[i][1]);
}

/* Firecracker's map: RAM up to 3 GiB, from 4 GiB to 256 GiB, and from 512 GiB. */
Test(guests, see_ram_around_both_windows)
{
	struct run run = RUN("run", "-m", "300G", guest("probe"));

	cr_assert(has(run.out, "range: 0x0 0x9fc00 ram\n"), "%s", run.out);
	cr_assert(has(run.out, "range: 0x9fc00 0x40400 reserved\n"));
	cr_assert(has(run.out, "range: 0x100000 0xbff00000 ram\n"));
	cr_assert(has(run.out, "range: 0xeec00000 0x10000000 reserved\n"));
	cr_assert(has(run.out, "range: 0x100000000 0x3f00000000 ram\n"));
	cr_assert(has(run.out, "range: 0x8000000000 0xb40000000 ram\n"));
}

Test(guests, find_no_acpi_where_there_is_none)
{
	struct run run = RUN("run", "-c", "3", "--acpi=off", guest("probe"));

	cr_assert_eq(run.status, 0, "%s", run.out);
	cr_assert(has(run.out, "rsdp: 0x0\n"));
	cr_assert(has(run.out, "mp-table: ok\n"));
	cr_assert_eq(number_after(run.out, "cpus-up"), 3u);
}

Test(guests, see_what_kvm_offers)
{
	static const char *const features[] = {"x2apic", "kvmclock", "pv-eoi", "pv-unhalt",
					       "pv-ipi"};
	struct run run = RUN("run", guest("probe"));

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		cr_assert_eq(number_after(run.out, features[i]), 1u, "%s", features[i]);
	cr_assert_eq(number_after(run.out, "nested"), 0u);
	cr_assert_gt(number_after(run.out, "\ntsc:"), 100000u);
}

/* Boot architecture flags of the FADT: no VGA, no CMOS clock; a keyboard if Linux resets by it. */
Test(guests, are_told_of_a_keyboard_only_where_the_command_line_resets_by_it)
{
	struct run run = RUN("run", guest("probe"));

	cr_assert_eq(number_after(run.out, "boot-arch"), 0x25u);
	run = RUN("run", guest("probe"), "--", "reboot=k");
	cr_assert_eq(number_after(run.out, "boot-arch"), 0x27u);
	run = RUN("run", "--serial=none", guest("probe"), "--", "reboot=t,k");
	cr_assert_eq(run.status, 0);
}

Test(guests, get_their_initrd_at_the_top_of_low_ram)
{
	const char *initrd = write_file("initrd", "abcdefg", 7);

	for (size_t format = 0; format < 2; format++) {
		struct run run = RUN("run", "-f", formats[format], "-m", "128M", "-i", initrd,
				     guest("probe"));

		cr_assert_eq(run.status, 0, "%s", run.err);
		cr_assert(has(run.out, "initrd: 7 bytes at 0x7fff000\n"), "%s", run.out);
		cr_assert(has(run.out, "initrd-head: 64636261\n"));
	}
}

Test(guests, raw_bytes_run_at_one_mebibyte)
{
	/* mov $7, %al; out %al, $0xf4 */
	const char *image = write_file("raw", "\xb0\x07\xe6\xf4", 4);
	struct run run = RUN("run", "--format=raw", image);

	cr_assert_eq(run.status, 7, "%s", run.err);
}

/* rsi holds the zero page, whose byte 0x210 is type_of_loader. */
Test(guests, raw_bytes_get_the_zero_page)
{
	const char *image = write_file("raw", "\x8a\x86\x10\x02\x00\x00\xd0\xe8\xe6\xf4", 10);
	struct run run = RUN("run", "--format=raw", image);

	cr_assert_eq(run.status, 0x7f > 123 ? 123 : 0x7f, "0xff >> 1");
}

Test(guests, an_image_comes_from_standard_input)
{
	char command[1024];
	struct run run;

	snprintf(command, sizeof(command), "cat %s | %s run - -- say piped", guest("act"),
		 mayfly_path());
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, "piped\n");
	snprintf(command, sizeof(command), "%s run - <%s -- say file", mayfly_path(), guest("act"));
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	cr_assert_str_eq(run.out, "file\n");
}

static void smp_with(const char *cpus, const char *irqchip, const char *acpi)
{
	char up[32], round[64];
	struct run run = RUN("run", "-c", cpus, "--irqchip", irqchip, "--acpi", acpi, guest("smp"));

	snprintf(up, sizeof(up), "%s cpus up\n", cpus);
	snprintf(round, sizeof(round), "round done: %s interrupts\n", cpus);
	cr_assert_eq(run.status, 0, "%s %s: %s%s", cpus, irqchip, run.out, run.err);
	cr_assert(has(run.out, up) && has(run.out, round), "%s", run.out);
}

Test(guests, pass_an_interrupt_around_up_to_32_cpus)
{
	static const char *const counts[] = {"1", "2", "3", "8", "32"};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		smp_with(counts[i], "split", "on");
		smp_with(counts[i], "kernel", "off");
	}
}

Test(guests, run_ring_3)
{
	struct run run = ACT("user");

	cr_assert_str_eq(run.out, "hello from ring 3\n");
	cr_assert_eq(run.status, 0);
}

/* The machine's interrupts, from the device's line to the handler and back by EOI. */
Test(guests, get_interrupts_by_either_irqchip)
{
	static const char *const kinds[] = {"split", "kernel"};

	for (size_t i = 0; i < 2; i++) {
		struct run run = RUN("run", "--irqchip", kinds[i], guest("act"), "--",
				     "timer 5 serial-irq edge 20 serial-irq level 20");

		cr_assert_eq(run.status, 0, "%s: %s%s", kinds[i], run.out, run.err);
		cr_assert_str_eq(run.out, "5 ticks\n20 interrupts\n20 interrupts\n");
	}
}

/* The PIC's mask register: all ones where nobody answers. */
Test(guests, find_a_pic_only_where_it_is_needed)
{
	static const struct {
		const char *option, *words;
		bool pic;
	} machines[] = {
		{"--irqchip=split", "in8 0x21 1", false},
		{"--irqchip=kernel", "in8 0x21 1", true},
		{"--irqchip=auto", "in8 0x21 1", false},
		{"--irqchip=auto", "in8 0x21 1 exit 0 noapic", true},
	};

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		struct run run = RUN("run", machines[i].option, guest("act"), "--",
				     machines[i].words);

		cr_assert_eq(run.status, 0, "%s", run.err);
		cr_assert_eq(!has(run.out, "ff"), machines[i].pic, "%s: %s", machines[i].option,
			     run.out);
	}
}

Test(guests, lose_no_edge_that_comes_while_it_is_masked)
{
	struct run run = ACT("masked-edge");

	cr_assert_str_eq(run.out, "masked edge came\n");
	cr_assert_eq(run.status, 0);
}
