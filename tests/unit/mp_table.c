/* SPDX-License-Identifier: Apache-2.0 */
/* [Intel MultiProcessor Specification 1.4 chapter 4] */
#include "boot-proto/mp_table.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/checksum.h"
#include "tests/support/boot.h"

#define ROOM    KIB(1)
#define CPU_MAX 37 /* what fits into it */

static struct mem mem;
static struct err err;
static const uint8_t *table;

static void set_up(void)
{
	mem = boot_ram(MIB(2));
	table = mem_get(&mem, LAYOUT_MP_TABLE, ROOM);
}

TestSuite(mp_table, .init = set_up);

static int write_for(unsigned n_cpus)
{
	return mp_table_write(&(struct boot_machine){.n_cpus = n_cpus}, &mem, &err);
}

Test(mp_table, names_every_cpu_bus_ioapic_and_line)
{
	const uint8_t *header = table + 16, *at = header + 44;

	cr_assert_eq(write_for(3), 0, "%s", err.text);
	cr_assert_arr_eq(table, "_MP_", 4);
	cr_assert_eq(le32_get(table + 4), LAYOUT_MP_TABLE + 16);
	cr_assert_eq(checksum(table, 16), 0);
	cr_assert_arr_eq(header, "PCMP", 4);
	cr_assert_eq(checksum(header, le16_get(header + 4)), 0);
	cr_assert_eq(le16_get(header + 34), 3 + 1 + 1 + 24 + 2);
	cr_assert_eq(le32_get(header + 36), MMIO_LAPIC);
	for (uint8_t cpu = 0; cpu < 3; cpu++, at += 20) {
		cr_assert_eq(at[0], 0);
		cr_assert_eq(at[1], cpu);
		cr_assert_eq(at[3], cpu == 0 ? 3 : 1, "enabled, the first for the boot");
	}
	cr_assert_arr_eq(at, "\1\0ISA   ", 8);
	cr_assert_arr_eq(at + 8, "\2\3", 2);
	cr_assert_eq(le32_get(at + 12), MMIO_IOAPIC);
	at += 16;
	for (uint8_t pin = 0; pin < 24; pin++, at += 8) {
		cr_assert_eq(at[0], 3);
		cr_assert_eq(at[5], pin);
		cr_assert_eq(at[6], 3, "the IOAPIC's id");
		cr_assert_eq(at[7], pin);
	}
	cr_assert_eq(at[0], 4);
	cr_assert_eq(at[8], 4);
	cr_assert_eq(at + 16 - header, le16_get(header + 4));
}

Test(mp_table, holds_what_fits_and_refuses_the_rest)
{
	static const uint8_t zeroes[ROOM];
	static const unsigned bad[] = {0, CPU_MAX + 1, 255, 256, 100000, ~0U};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char message[64];

		snprintf(message, sizeof(message), "MP table: %u CPUs are not between 1 and 37",
			 bad[i]);
		cr_assert_eq(write_for(bad[i]), -EINVAL, "%s", message);
		cr_assert_str_eq(err.text, message);
		cr_assert_arr_eq(table, zeroes, ROOM);
	}
	cr_assert_eq(write_for(CPU_MAX), 0, "%s", err.text);
	cr_assert_leq(le16_get(table + 16 + 4) + 16, (int)ROOM);
	cr_assert_eq(*(const uint8_t *)mem_get(&mem, LAYOUT_MP_TABLE + ROOM, 1), 0);
}

Test(mp_table, ram_without_room_for_it_is_refused)
{
	struct mem tiny = boot_ram(KIB(512));

	cr_assert_eq(mp_table_write(&(struct boot_machine){.n_cpus = 1}, &tiny, &err), -EINVAL);
	cr_assert_str_eq(err.text, "--memory: no room for the MP table");
}
