/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of one register: exit port, ACPI's sleep and reset, pvpanic, the boot timer. */
#include <criterion/criterion.h>
#include <string.h>

#include "boot-proto/ports_abi.h"
#include "monitor/ending.h"
#include "monitor/legacy/acpi_pm.h"
#include "monitor/legacy/boot_timer.h"
#include "monitor/legacy/exit_port.h"
#include "monitor/legacy/pvpanic.h"

static struct ending_box ending;

static void put(const struct bus_ops *ops, uint64_t offset, uint32_t value, unsigned len)
{
	uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			    (uint8_t)(value >> 24)};

	ops->write(&ending, offset, bytes, len);
}

Test(exit_port, takes_a_status_of_any_width)
{
	static const struct {
		unsigned len;
		uint32_t seen;
	} widths[] = {{1, 0x04}, {2, 0x304}, {4, 0x01020304}};
	uint32_t detail;

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		ending = (struct ending_box){0};
		put(&exit_port_ops, 0, 0x01020304, widths[i].len);
		cr_assert_eq(ending_get(&ending, &detail), END_EXIT);
		cr_assert_eq(detail, widths[i].seen);
	}
}

Test(exit_port, its_other_bytes_do_nothing)
{
	put(&exit_port_ops, 1, 1, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
}

/* [ACPI 6.4 §4.8.3.7]: SLP_TYP in bits 2-4, SLP_EN in bit 5. */
Test(acpi_pm, powers_off_with_s5_and_enable_only)
{
	put(&acpi_pm_ops, 0, ACPI_S5_TYPE << 2, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
	put(&acpi_pm_ops, 0, ACPI_SLEEP_ENABLE | 3 << 2, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
	put(&acpi_pm_ops, 1, ACPI_SLEEP_ENABLE | ACPI_S5_TYPE << 2, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
	put(&acpi_pm_ops, 0, ACPI_SLEEP_ENABLE | ACPI_S5_TYPE << 2, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_POWER_OFF);
}

Test(acpi_pm, resets_with_its_value_only)
{
	put(&acpi_pm_ops, PORT_ACPI_RESET - PORT_ACPI_SLEEP, 0, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE);
	put(&acpi_pm_ops, PORT_ACPI_RESET - PORT_ACPI_SLEEP, ACPI_RESET_VALUE, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_RESET);
}

Test(pvpanic, says_what_it_knows_and_ends_at_a_panic)
{
	uint8_t value = 0;

	pvpanic_ops.read(&ending, 0, &value, 1);
	cr_assert_eq(value, PVPANIC_PANICKED | PVPANIC_CRASH_LOAD);
	put(&pvpanic_ops, 0, PVPANIC_CRASH_LOAD, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_NONE, "the crash kernel goes on");
	put(&pvpanic_ops, 0, PVPANIC_PANICKED, 1);
	cr_assert_eq(ending_get(&ending, NULL), END_PANIC);
}

Test(boot_timer, stamps_its_phase_once_and_for_its_magic_only)
{
	static struct counters counters;
	uint8_t magic = BOOT_TIMER_MAGIC, other = 1;
	uint64_t first;

	boot_timer_ops.write(&counters, 0, &other, 1);
	cr_assert_eq(counters.phases[PHASE_BOOTED], 0u);
	boot_timer_ops.write(&counters, 0, &magic, 1);
	first = counters.phases[PHASE_BOOTED];
	cr_assert_neq(first, 0u);
	boot_timer_ops.write(&counters, 0, &magic, 1);
	cr_assert_eq(counters.phases[PHASE_BOOTED], first);
	boot_timer_ops.write(NULL, 0, &magic, 1);
}
