/* SPDX-License-Identifier: Apache-2.0 */
/* Page walks in every paging mode, over tables written here. [Intel SDM 3A chapter 4] */
#include "monitor/crash.h"

#include <criterion/criterion.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "monitor/crash_report.h"

#define PRESENT 1
#define LARGE   0x80

static struct mem mem;
static struct kvm_sregs sregs;

static void set_up(void)
{
	struct mem_region regions[MEM_REGIONS_MAX];
	struct err err;

	cr_assert_eq(mem_init(&mem, regions, layout_ram(MIB(8), regions), MEM_ANONYMOUS, &err), 0);
	sregs = (struct kvm_sregs){.cr0 = 0x80000001, .cr3 = 0x1000};
}

TestSuite(crash, .init = set_up);

static void entry64(uint64_t at, uint64_t value)
{
	le64_put(mem_get(&mem, at, 8), value);
}

static void entry32(uint64_t at, uint32_t value)
{
	le32_put(mem_get(&mem, at, 4), value);
}

static void long_mode(void)
{
	sregs.cr4 = 1 << 5;
	sregs.efer = 1 << 10;
}

Test(crash, without_paging_an_address_is_its_own)
{
	struct crash_walk walk;

	sregs.cr0 = 1;
	walk = crash_walk(&mem, &sregs, 0x1234);
	cr_assert_eq(walk.n_levels, 0u);
	cr_assert(walk.mapped);
	cr_assert_eq(walk.gpa, 0x1234u);
	cr_assert_eq(walk.hva, (uintptr_t)mem.hva + 0x1234);
	walk = crash_walk(&mem, &sregs, GIB(3));
	cr_assert(walk.mapped);
	cr_assert_not(walk.has_hva);
}

Test(crash, four_levels_to_a_small_page)
{
	const uint64_t gva = UINT64_C(1) << 39 | UINT64_C(2) << 30 | 3 << 21 | 4 << 12 | 0x567;
	struct crash_walk walk;

	long_mode();
	entry64(0x1000 + 1 * 8, 0x2000 | PRESENT);
	entry64(0x2000 + 2 * 8, 0x3000 | PRESENT);
	entry64(0x3000 + 3 * 8, 0x4000 | PRESENT);
	entry64(0x4000 + 4 * 8, 0x800000000005a000 | PRESENT);
	walk = crash_walk(&mem, &sregs, gva);
	cr_assert_eq(walk.n_levels, 4u);
	cr_assert_eq(walk.depth, 4u);
	cr_assert_eq(walk.levels[2].entry_gpa, 0x3018u);
	cr_assert_eq(walk.gpa, 0x5a567u);
	cr_assert(walk.has_hva);
}

Test(crash, large_pages_end_the_walk_early)
{
	struct crash_walk walk;

	long_mode();
	entry64(0x1000, 0x2000 | PRESENT);
	entry64(0x2000, 0x3000 | PRESENT);
	entry64(0x3000 + 8, 0x400000 | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, 0x234567);
	cr_assert_eq(walk.n_levels, 3u);
	cr_assert_eq(walk.gpa, 0x434567u);
	entry64(0x2000 + 8, GIB(1) | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, GIB(1) + 0x12345678);
	cr_assert_eq(walk.n_levels, 2u);
	cr_assert_eq(walk.gpa, GIB(1) + 0x12345678);
	cr_assert_not(walk.has_hva);
}

/* Bit 7 of a PML4 entry is reserved: it does not end the walk. */
Test(crash, the_first_level_has_no_large_page)
{
	struct crash_walk walk;

	long_mode();
	entry64(0x1000, 0x2000 | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, 0);
	cr_assert_eq(walk.n_levels, 2u);
	cr_assert_not(walk.mapped);
}

Test(crash, five_levels)
{
	struct crash_walk walk;

	long_mode();
	sregs.cr4 |= 1 << 12;
	entry64(0x1000 + 8, 0x2000 | PRESENT);
	entry64(0x2000, 0x3000 | PRESENT);
	entry64(0x3000, 0x4000 | PRESENT);
	entry64(0x4000, 0x600000 | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, UINT64_C(1) << 48 | 0x99);
	cr_assert_eq(walk.n_levels, 4u);
	cr_assert_eq(walk.depth, 5u);
	cr_assert_eq(walk.gpa, 0x600099u);
}

Test(crash, pae_and_its_short_first_table)
{
	struct crash_walk walk;

	sregs.cr4 = 1 << 5;
	sregs.cr3 = 0x1020;
	entry64(0x1020 + 3 * 8, 0x3000 | PRESENT);
	entry64(0x3000 + 511 * 8, 0x5000 | PRESENT);
	entry64(0x5000 + 511 * 8, 0x7000 | PRESENT);
	walk = crash_walk(&mem, &sregs, 0xffffffff);
	cr_assert_eq(walk.n_levels, 3u);
	cr_assert_eq(walk.gpa, 0x7fffu);
	entry64(0x3000 + 511 * 8, 0x200000 | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, 0xffffffff);
	cr_assert_eq(walk.n_levels, 2u);
	cr_assert_eq(walk.gpa, 0x3fffffu);
}

Test(crash, two_levels_of_32_bits)
{
	struct crash_walk walk;

	entry32(0x1000 + 4, 0x2000 | PRESENT);
	entry32(0x2000 + 8, 0x3000 | PRESENT);
	walk = crash_walk(&mem, &sregs, 0x402abc);
	cr_assert_eq(walk.n_levels, 2u);
	cr_assert_eq(walk.gpa, 0x3abcu);
	entry32(0x1000 + 4, 0x400000 | LARGE | PRESENT);
	walk = crash_walk(&mem, &sregs, 0x402abc);
	cr_assert_eq(walk.n_levels, 1u);
	cr_assert_eq(walk.gpa, 0x402abcu);
}

Test(crash, tables_outside_ram_and_entries_not_present_end_it)
{
	struct crash_walk walk;

	long_mode();
	walk = crash_walk(&mem, &sregs, 0);
	cr_assert_eq(walk.n_levels, 1u);
	cr_assert_not(walk.mapped);
	entry64(0x1000, GIB(2) | PRESENT);
	walk = crash_walk(&mem, &sregs, 0);
	cr_assert_eq(walk.n_levels, 1u);
	cr_assert_eq(walk.levels[1].entry_gpa, GIB(2));
	sregs.cr3 = 0x000ffffffffff000;
	walk = crash_walk(&mem, &sregs, UINT64_MAX);
	cr_assert_eq(walk.n_levels, 0u);
	cr_assert_not(walk.mapped);
}

static char *print(const struct crash *crash, enum end_reason reason)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	crash_print(file, crash, reason);
	fclose(file);
	return text;
}

Test(crash, a_report_names_levels_as_the_manuals_do)
{
	struct crash crash = {.has_registers = true, .n_bytes = 2, .bytes = {0x0f, 0x0b}};
	char *text;

	long_mode();
	entry64(0x1000, 0x2000 | PRESENT);
	crash.sregs = sregs;
	crash.rip = crash_walk(&mem, &sregs, 0x1000);
	crash.cr2 = crash.rip;
	text = print(&crash, END_TRIPLE_FAULT);
	cr_assert(strstr(text, "level 4: entry 0x0000000000002001 at gpa 0x1000\n") != NULL, "%s",
		  text);
	cr_assert(strstr(text, "level 3: entry 0x0000000000000000 at gpa 0x2000 (not present)") !=
		  NULL);
	cr_assert(strstr(text, "code: 0f 0b\n") != NULL);
	cr_assert(strstr(text, "hint: there is no page at rip") != NULL);
}

/* The numbers come from the cell, which may be hostile. */
Test(crash, a_report_survives_numbers_out_of_range)
{
	struct crash crash;
	char *text;

	memset(&crash, 0xff, sizeof(crash));
	crash.has_registers = true;
	crash.was_reset = false;
	crash.rip.mapped = crash.rip.has_hva = crash.cr2.mapped = crash.cr2.has_hva = true;
	text = print(&crash, END_KVM_ERROR);
	cr_assert_lt(strlen(text), 8192u);
	free(text);
	crash.exit_reason = KVM_EXIT_INTERNAL_ERROR;
	text = print(&crash, END_KVM_ERROR);
	cr_assert_lt(strlen(text), 8192u);
	free(text);
}

/* What KVM_RUN left, of a vCPU that tells nothing else. */
static char *print_exit(struct kvm_run *run)
{
	struct crash crash;

	crash_collect(-1, run, &mem, &crash);
	return print(&crash, END_KVM_ERROR);
}

Test(crash, a_report_says_why_kvm_gave_up)
{
	struct kvm_run run = {.exit_reason = KVM_EXIT_INTERNAL_ERROR,
			      .internal = {.suberror = KVM_INTERNAL_ERROR_EMULATION,
					   .ndata = 2,
					   .data = {0x11, 0x22}}};

	cr_assert(strstr(print_exit(&run), "  KVM: suberror 1 (an instruction it cannot emulate); "
					   "data 11 22\n") != NULL);
	run = (struct kvm_run){.exit_reason = KVM_EXIT_FAIL_ENTRY,
			       .fail_entry.hardware_entry_failure_reason = 0x80000021};
	cr_assert_str_eq(print_exit(&run), "  KVM: exit 9 (the CPU refused to enter the guest): "
					   "0x80000021\n");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_UNKNOWN, .hw.hardware_exit_reason = 77};
	cr_assert_str_eq(
		print_exit(&run),
		"  KVM: exit 0 (the CPU left the guest for a reason that KVM does not know): "
		"0x4d\n");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_SYSTEM_EVENT,
			       .system_event.type = KVM_SYSTEM_EVENT_CRASH};
	cr_assert_str_eq(print_exit(&run), "  KVM: exit 24 (a system event): 0x3\n");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_DEBUG};
	cr_assert_str_eq(print_exit(&run), "  KVM: exit 4\n");
}

Test(crash, a_reset_vcpu_is_said_to_be_one)
{
	struct crash crash = {.has_registers = true, .was_reset = true};
	char *text = print(&crash, END_TRIPLE_FAULT);

	cr_assert(strstr(text, "KVM has reset the vCPU") != NULL);
	cr_assert(strstr(text, "rip") == NULL, "no registers are shown");
	free(text);
}
