/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/acpi.h"

#include <string.h>

#include "base/le.h"
#include "boot-proto/aml.h"
#include "boot-proto/checksum.h"

#define HEADER_LEN   36
#define CHECKSUM_AT  9
#define TABLES_LEN   (LAYOUT_ACPI_END - LAYOUT_ACPI_TABLES)
#define OEM_ID       "MAYFLY"
#define OEM_TABLE_ID "MICROVM "
#define CREATOR_ID   "MYFL"

/* FADT [ACPI 6.4 table 5.9]: offsets, and the flags that are set */
#define FADT_LEN             276
#define FADT_REVISION        6
#define FADT_BOOT_ARCH       109
#define FADT_FLAGS           112
#define FADT_RESET_REG       116
#define FADT_RESET_VALUE     128
#define FADT_MINOR_REVISION  131
#define FADT_X_DSDT          140
#define FADT_SLEEP_CONTROL   244
#define FADT_SLEEP_STATUS    256
#define FADT_HYPERVISOR      268
#define BOOT_ARCH_LEGACY     (1U << 0) /* devices on a legacy bus: the serial port */
#define BOOT_ARCH_8042       (1U << 1)
#define BOOT_ARCH_NO_VGA     (1U << 2)
#define BOOT_ARCH_NO_RTC     (1U << 5)
#define FLAG_WBINVD          (1U << 0)
#define FLAG_NO_POWER_BUTTON (1U << 4)
#define FLAG_NO_SLEEP_BUTTON (1U << 5)
#define FLAG_RESET_REG       (1U << 10)
#define FLAG_HEADLESS        (1U << 12)
#define FLAG_HW_REDUCED      (1U << 20)

/* MADT [ACPI 6.4 §5.2.12] */
#define MADT_HEADER_LEN  44
#define MADT_LAPIC_LEN   8
#define MADT_IOAPIC_LEN  12
#define MADT_LAPIC       0
#define MADT_IOAPIC      1
#define MADT_CPU_ENABLED 1
#define CPU_MAX          255U /* by APIC ids of eight bits, the last of which is for all CPUs */

/* Tables are appended one after another; `at` is where the next one goes. */
struct tables {
	uint8_t *bytes;
	size_t at;
};

static uint8_t *begin_table(struct tables *tables, const char *signature, uint8_t revision)
{
	uint8_t *table = tables->bytes + tables->at;

	memcpy(table, signature, 4);
	table[8] = revision;
	memcpy(table + 10, OEM_ID, 6);
	memcpy(table + 16, OEM_TABLE_ID, 8);
	le32_put(table + 24, 1);
	memcpy(table + 28, CREATOR_ID, 4);
	le32_put(table + 32, 1);
	return table;
}

/* Seals the table that begin_table() gave. Returns its guest address. */
static uint64_t end_table(struct tables *tables, uint8_t *table, size_t len)
{
	uint64_t gpa = LAYOUT_ACPI_TABLES + tables->at;

	le32_put(table + 4, (uint32_t)len);
	table[CHECKSUM_AT] = checksum(table, len);
	tables->at += (len + 15) & ~(size_t)15;
	return gpa;
}

static void add_com1(struct aml *aml)
{
	struct aml_resources resources = {.len = 0};
	aml_package device = aml_open_device(aml, "COM1");

	aml_name_eisa_id(aml, "_HID", "PNP0501");
	aml_name_integer(aml, "_UID", 0);
	aml_resource_io(&resources, PORT_COM1, 8);
	aml_resource_interrupt(&resources, GSI_COM1);
	aml_name_resources(aml, &resources);
	aml_close(aml, device);
}

static void add_keyboard(struct aml *aml)
{
	struct aml_resources resources = {.len = 0};
	aml_package device = aml_open_device(aml, "PS2_");

	aml_name_eisa_id(aml, "_HID", "PNP0303");
	aml_resource_io(&resources, PORT_I8042_DATA, 1);
	aml_resource_io(&resources, PORT_I8042_COMMAND, 1);
	aml_resource_interrupt(&resources, GSI_I8042);
	aml_name_resources(aml, &resources);
	aml_close(aml, device);
}

static void add_pvpanic(struct aml *aml)
{
	struct aml_resources resources = {.len = 0};
	aml_package device = aml_open_device(aml, "PVPN");

	aml_name_string(aml, "_HID", "QEMU0001");
	aml_resource_io(&resources, PORT_PVPANIC, 1);
	aml_name_resources(aml, &resources);
	aml_close(aml, device);
}

/* As Linux's virtio_mmio driver looks for it. */
static void add_virtio(struct aml *aml, unsigned index)
{
	struct aml_resources resources = {.len = 0};
	const char name[4] = {'V', '0', (char)('0' + index / 10), (char)('0' + index % 10)};
	aml_package device = aml_open_device(aml, name);

	aml_name_string(aml, "_HID", "LNRO0005");
	aml_name_integer(aml, "_UID", index);
	aml_name_integer(aml, "_CCA", 1); /* its memory accesses are coherent */
	aml_resource_memory(&resources, MMIO_VIRTIO + index * MMIO_VIRTIO_LEN, MMIO_VIRTIO_LEN);
	aml_resource_interrupt(&resources, GSI_VIRTIO + index);
	aml_name_resources(aml, &resources);
	aml_close(aml, device);
}

static int add_dsdt(struct tables *tables, const struct boot_machine *machine, uint64_t *ret_gpa,
		    struct err *err)
{
	static const uint8_t s5[4] = {ACPI_S5_TYPE, 0, 0, 0};
	uint8_t *table = begin_table(tables, "DSDT", 2);
	struct aml aml = {.bytes = table + HEADER_LEN,
			  .capacity = TABLES_LEN / 2 - tables->at - HEADER_LEN};
	aml_package scope;

	aml_name_bytes_package(&aml, "_S5_", s5, sizeof(s5));
	scope = aml_open_scope(&aml, "_SB_");
	if (machine->serial)
		add_com1(&aml);
	if (machine->i8042)
		add_keyboard(&aml);
	add_pvpanic(&aml);
	for (unsigned i = 0; i < machine->n_virtio; i++)
		add_virtio(&aml, i);
	aml_close(&aml, scope);
	if (aml.full)
		return err_input(err, "ACPI: the device table does not fit into %zu bytes",
				 aml.capacity);
	*ret_gpa = end_table(tables, table, HEADER_LEN + aml.len);
	return 0;
}

/* A generic address structure: one byte at an I/O port [ACPI 6.4 §5.2.3.2]. */
static void put_port(uint8_t *address, uint16_t port)
{
	address[0] = 1; /* system I/O space */
	address[1] = 8; /* bits */
	address[3] = 1; /* byte access */
	le64_put(address + 4, port);
}

static uint64_t add_fadt(struct tables *tables, const struct boot_machine *machine, uint64_t dsdt)
{
	uint8_t *fadt = begin_table(tables, "FACP", FADT_REVISION);
	uint16_t boot_arch = BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_RTC;

	if (machine->serial)
		boot_arch |= BOOT_ARCH_LEGACY;
	if (machine->i8042)
		boot_arch |= BOOT_ARCH_8042;
	le16_put(fadt + FADT_BOOT_ARCH, boot_arch);
	le32_put(fadt + FADT_FLAGS, FLAG_WBINVD | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON |
					    FLAG_RESET_REG | FLAG_HEADLESS | FLAG_HW_REDUCED);
	put_port(fadt + FADT_RESET_REG, PORT_ACPI_RESET);
	fadt[FADT_RESET_VALUE] = ACPI_RESET_VALUE;
	fadt[FADT_MINOR_REVISION] = 4;
	le64_put(fadt + FADT_X_DSDT, dsdt);
	put_port(fadt + FADT_SLEEP_CONTROL, PORT_ACPI_SLEEP);
	put_port(fadt + FADT_SLEEP_STATUS, PORT_ACPI_STATUS);
	memcpy(fadt + FADT_HYPERVISOR, "MAYFLYVM", 8);
	return end_table(tables, fadt, FADT_LEN);
}

static uint64_t add_madt(struct tables *tables, const struct boot_machine *machine)
{
	uint8_t *madt = begin_table(tables, "APIC", 5);
	uint8_t *at = madt + MADT_HEADER_LEN;

	le32_put(madt + 36, MMIO_LAPIC);
	le32_put(madt + 40, machine->pic ? 1 : 0); /* PCAT_COMPAT */
	for (unsigned i = 0; i < machine->n_cpus; i++) {
		at[0] = MADT_LAPIC;
		at[1] = MADT_LAPIC_LEN;
		at[2] = at[3] = (uint8_t)i; /* processor UID, APIC id */
		le32_put(at + 4, MADT_CPU_ENABLED);
		at += MADT_LAPIC_LEN;
	}
	at[0] = MADT_IOAPIC;
	at[1] = MADT_IOAPIC_LEN;
	le32_put(at + 4, MMIO_IOAPIC);
	at += MADT_IOAPIC_LEN;
	return end_table(tables, madt, (size_t)(at - madt));
}

static uint64_t add_xsdt(struct tables *tables, uint64_t fadt, uint64_t madt)
{
	uint8_t *xsdt = begin_table(tables, "XSDT", 1);

	le64_put(xsdt + HEADER_LEN, fadt);
	le64_put(xsdt + HEADER_LEN + 8, madt);
	return end_table(tables, xsdt, HEADER_LEN + 16);
}

/* [ACPI 6.4 §5.2.5.3] */
static void write_rsdp(uint8_t *rsdp, uint64_t xsdt)
{
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, OEM_ID, 6);
	rsdp[15] = 2; /* revision: there is an XSDT */
	le32_put(rsdp + 20, 36);
	le64_put(rsdp + 24, xsdt);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, 36);
}

int acpi_write(const struct boot_machine *machine, const struct mem *mem, struct err *err)
{
	uint8_t *rsdp = mem_get(mem, LAYOUT_RSDP, LAYOUT_ACPI_END - LAYOUT_RSDP);
	struct tables tables = {.at = 0};
	uint64_t dsdt, fadt, madt;
	int ret;

	if (machine->n_cpus == 0 || machine->n_cpus > CPU_MAX)
		return err_input(err, "ACPI: %u CPUs are not between 1 and %u", machine->n_cpus,
				 CPU_MAX);
	if (rsdp == NULL)
		return err_input(err, "--memory: no room for the ACPI tables");
	tables.bytes = rsdp + (LAYOUT_ACPI_TABLES - LAYOUT_RSDP);
	ret = add_dsdt(&tables, machine, &dsdt, err);
	if (ret < 0)
		return ret;
	fadt = add_fadt(&tables, machine, dsdt);
	madt = add_madt(&tables, machine);
	write_rsdp(rsdp, add_xsdt(&tables, fadt, madt));
	return 0;
}
