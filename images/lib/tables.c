/* SPDX-License-Identifier: Apache-2.0 */
/* tables.c - finds ACPI and MP tables as a kernel would, and counts the CPUs they name. */
#include "boot-proto/layout_abi.h"
#include "images/lib/guest.h"

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static bool sums_to_zero(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum == 0;
}

static const uint8_t *check_table(const uint8_t *table)
{
	if (!sums_to_zero(table, get32(table + 4)))
		guest_fail("ACPI table at %p: bad checksum\n", (const void *)table);
	return table;
}

const uint8_t *acpi_find(const char *signature)
{
	const uint8_t *rsdp = (const uint8_t *)guest_boot.rsdp, *xsdt;
	uint32_t len;

	if (rsdp == NULL)
		return NULL;
	if (memcmp(rsdp, "RSD PTR ", 8) != 0 || !sums_to_zero(rsdp, 20) || !sums_to_zero(rsdp, 36))
		guest_fail("RSDP: bad\n");
	xsdt = check_table((const uint8_t *)get64(rsdp + 24));
	len = get32(xsdt + 4);
	for (uint32_t at = 36; at + 8 <= len; at += 8) {
		const uint8_t *table = check_table((const uint8_t *)get64(xsdt + at));

		if (memcmp(table, signature, 4) == 0)
			return table;
		if (memcmp(table, "FACP", 4) == 0 && memcmp(signature, "DSDT", 4) == 0)
			return check_table((const uint8_t *)get64(table + 140));
	}
	return NULL;
}

const uint8_t *mp_find(void)
{
	const uint8_t *floating = (const uint8_t *)LAYOUT_ABI_MP_TABLE, *table;

	if (memcmp(floating, "_MP_", 4) != 0 || !sums_to_zero(floating, 16))
		return NULL;
	table = (const uint8_t *)(uintptr_t)get32(floating + 4);
	if (memcmp(table, "PCMP", 4) != 0 || !sums_to_zero(table, table[4] | table[5] << 8))
		guest_fail("MP table: bad\n");
	return table;
}

static unsigned count_madt(const uint8_t *madt)
{
	uint32_t len = get32(madt + 4);
	unsigned n = 0;

	for (uint32_t at = 44; at + 2 <= len && madt[at + 1] != 0; at += madt[at + 1])
		if (madt[at] == 0)
			n++;
	return n;
}

static unsigned count_mp(const uint8_t *table)
{
	const uint8_t *entry = table + 44;
	unsigned n = 0;

	for (unsigned left = table[34] | (unsigned)table[35] << 8; left > 0; left--) {
		n += *entry == 0;
		entry += *entry == 0 ? 20 : 8;
	}
	return n;
}

unsigned smp_count(void)
{
	const uint8_t *table = acpi_find("APIC");

	if (table != NULL)
		return count_madt(table);
	table = mp_find();
	return table != NULL ? count_mp(table) : 1;
}
