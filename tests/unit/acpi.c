/* SPDX-License-Identifier: Apache-2.0 */
/* [ACPI 6.4]: the tables by their bytes, and their device table by ACPICA's disassembler. */
#include "boot-proto/acpi.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/checksum.h"
#include "tests/support/boot.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

static struct mem mem;
static struct err err;

static void set_up(void)
{
	mem = boot_ram(MIB(2));
}

TestSuite(acpi, .init = set_up);

static const uint8_t *at(uint64_t gpa)
{
	const uint8_t *table = mem_get(&mem, gpa, 36);

	cr_assert(table != NULL && gpa < LAYOUT_ACPI_END, "a table at %#lx", gpa);
	return table;
}

/* The table that the XSDT names, or for "DSDT" the FADT. */
static const uint8_t *find(const char *signature)
{
	const uint8_t *xsdt = at(le64_get(at(LAYOUT_RSDP) + 24));

	for (uint32_t i = 36; i < le32_get(xsdt + 4); i += 8) {
		const uint8_t *table = at(le64_get(xsdt + i));

		if (memcmp(table, "FACP", 4) == 0 && strcmp(signature, "DSDT") == 0)
			table = at(le64_get(table + 140));
		if (memcmp(table, signature, 4) == 0)
			return table;
	}
	cr_assert_fail("no %s", signature);
	return NULL;
}

static const struct boot_machine full = {
	.n_cpus = 2, .acpi = true, .i8042 = true, .serial = true, .pic = true};

Test(acpi, every_table_is_found_and_sums_to_zero)
{
	static const char *const signatures[] = {"FACP", "APIC", "DSDT"};
	const uint8_t *rsdp = at(LAYOUT_RSDP), *xsdt;

	cr_assert_eq(acpi_write(&full, &mem, &err), 0, "%s", err.text);
	cr_assert_arr_eq(rsdp, "RSD PTR ", 8);
	cr_assert_eq(checksum(rsdp, 20), 0);
	cr_assert_eq(checksum(rsdp, 36), 0);
	cr_assert_eq(rsdp[15], 2);
	xsdt = at(le64_get(rsdp + 24));
	cr_assert_arr_eq(xsdt, "XSDT", 4);
	cr_assert_eq(checksum(xsdt, le32_get(xsdt + 4)), 0);
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
		const uint8_t *table = find(signatures[i]);

		cr_assert_eq(checksum(table, le32_get(table + 4)), 0, "%s", signatures[i]);
	}
}

/* [ACPI 6.4 table 5.10, 5.11] */
Test(acpi, the_fadt_says_what_the_machine_lacks)
{
	struct boot_machine bare = {.n_cpus = 1, .acpi = true};
	const uint8_t *fadt;

	cr_assert_eq(acpi_write(&bare, &mem, &err), 0);
	fadt = find("FACP");
	cr_assert_eq(le16_get(fadt + 109), 0x24, "neither VGA nor clock nor anything of old");
	cr_assert_eq(le32_get(fadt + 112) & 1U << 20, 1U << 20, "reduced hardware");
	mem = boot_ram(MIB(2));
	cr_assert_eq(acpi_write(&full, &mem, &err), 0);
	fadt = find("FACP");
	cr_assert_eq(le16_get(fadt + 109), 0x27);
	cr_assert_eq(le64_get(fadt + 120), PORT_ACPI_RESET);
	cr_assert_eq(fadt[128], ACPI_RESET_VALUE);
}

Test(acpi, the_madt_has_every_cpu_and_the_ioapic)
{
	static const unsigned counts[] = {1, 32, 255};

	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const uint8_t *madt, *entry;

		mem = boot_ram(MIB(2));
		cr_assert_eq(acpi_write(&(struct boot_machine){.n_cpus = counts[i]}, &mem, &err),
			     0);
		madt = find("APIC");
		entry = madt + 44;
		for (unsigned cpu = 0; cpu < counts[i]; cpu++, entry += 8) {
			cr_assert_arr_eq(entry, "\0\10", 2);
			cr_assert_eq(entry[3], cpu);
			cr_assert_eq(le32_get(entry + 4), 1u);
		}
		cr_assert_arr_eq(entry, "\1\14", 2);
		cr_assert_eq(le32_get(entry + 4), MMIO_IOAPIC);
		cr_assert_eq(entry + 12 - madt, le32_get(madt + 4));
		cr_assert_eq(le32_get(madt + 40), 0u, "no PIC");
	}
}

/* APIC ids have eight bits, of which one value is everybody's; and the window has an end. */
Test(acpi, a_count_of_cpus_that_has_no_room_is_refused)
{
	static const uint8_t zeroes[LAYOUT_ACPI_END - LAYOUT_RSDP];
	static const unsigned bad[] = {0, 256, 20000, ~0U};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char message[64];

		snprintf(message, sizeof(message), "ACPI: %u CPUs are not between 1 and 255",
			 bad[i]);
		cr_assert_eq(acpi_write(&(struct boot_machine){.n_cpus = bad[i]}, &mem, &err),
			     -EINVAL, "%s", message);
		cr_assert_str_eq(err.text, message);
		cr_assert_arr_eq(mem_get(&mem, LAYOUT_RSDP, sizeof(zeroes)), zeroes,
				 sizeof(zeroes));
	}
	mem = boot_ram(KIB(512));
	cr_assert_eq(acpi_write(&full, &mem, &err), -EINVAL);
	cr_assert_str_eq(err.text, "--memory: no room for the ACPI tables");
}

static char *disassemble(const struct boot_machine *machine)
{
	const char *path;
	struct run run;

	need_program("iasl");
	mem = boot_ram(MIB(2));
	cr_assert_eq(acpi_write(machine, &mem, &err), 0);
	path = write_file("dsdt.aml", find("DSDT"), le32_get(find("DSDT") + 4));
	run = run_program((const char *const[]){"/usr/bin/iasl", "-d", path, NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s%s", run.out, run.err);
	return read_file(scratch("dsdt.dsl"), NULL);
}

Test(acpi, the_device_table_is_what_acpica_reads)
{
	const struct boot_machine bare = {.n_cpus = 1, .acpi = true};
	char *text = disassemble(&full);

	cr_assert(has(text, "Device (COM1)") && has(text, "EisaId (\"PNP0501\")"), "%s", text);
	cr_assert(has(text, "0x03F8,"), "%s", text);
	cr_assert(has(text, "Device (PS2)") && has(text, "EisaId (\"PNP0303\")"), "%s", text);
	cr_assert(has(text, "Device (PVPN)") && has(text, "\"QEMU0001\""), "%s", text);
	cr_assert(has(text, "Name (_S5, Package (0x04)"), "%s", text);
	text = disassemble(&bare);
	cr_assert_not(has(text, "COM1") || has(text, "PS2"), "%s", text);
	cr_assert(has(text, "Device (PVPN)"), "%s", text);
}
