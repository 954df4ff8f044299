/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/mp_table.h"

#include <inttypes.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/checksum.h"

#define MP_TABLE_ROOM  KIB(1) /* the last of base memory, where guests look for it */
#define FLOATING_LEN   16
#define HEADER_LEN     44
#define CPU_LEN        20
#define ENTRY_LEN      UINT64_C(8) /* of all others */
#define SPEC_1_4       4
#define APIC_VERSION   0x14
#define CPU_ENABLED    1
#define CPU_BOOT       2
#define CPU_FEATURES   0x201 /* FPU, APIC */
#define CPU_SIGNATURE  0x600
#define IOAPIC_VERSION 0x11
#define IOAPIC_PINS    24
#define OTHERS         (1 + 1 + IOAPIC_PINS + 2) /* bus, IOAPIC, its lines, local lines */
#define CPU_MAX        ((MP_TABLE_ROOM - FLOATING_LEN - HEADER_LEN - OTHERS * ENTRY_LEN) / CPU_LEN)
#define BUS_ISA        0
#define ALL_LAPICS     0xff

enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IO_INTERRUPT, ENTRY_LOCAL_INTERRUPT };
enum { INTERRUPT_VECTORED = 0, INTERRUPT_NMI = 1, INTERRUPT_EXTINT = 3 };

static uint8_t *put_cpus(uint8_t *at, unsigned n_cpus)
{
	for (unsigned i = 0; i < n_cpus; i++, at += CPU_LEN) {
		at[0] = ENTRY_CPU;
		at[1] = (uint8_t)i;
		at[2] = APIC_VERSION;
		at[3] = i == 0 ? CPU_ENABLED | CPU_BOOT : CPU_ENABLED;
		le32_put(at + 4, CPU_SIGNATURE);
		le32_put(at + 8, CPU_FEATURES);
	}
	return at;
}

static uint8_t *put_bus_and_ioapic(uint8_t *at, uint8_t ioapic_id)
{
	at[0] = ENTRY_BUS;
	at[1] = BUS_ISA;
	memcpy(at + 2, "ISA   ", 6);
	at += 8;
	at[0] = ENTRY_IOAPIC;
	at[1] = ioapic_id;
	at[2] = IOAPIC_VERSION;
	at[3] = 1; /* enabled */
	le32_put(at + 4, MMIO_IOAPIC);
	return at + 8;
}

static uint8_t *put_interrupt(uint8_t *at, const uint8_t entry[8])
{
	memcpy(at, entry, 8);
	return at + 8;
}

/* Every line is the pin of its number, edge-triggered as its bus has it. */
static uint8_t *put_interrupts(uint8_t *at, uint8_t ioapic_id)
{
	for (uint8_t pin = 0; pin < IOAPIC_PINS; pin++)
		at = put_interrupt(at, (uint8_t[8]){ENTRY_IO_INTERRUPT, INTERRUPT_VECTORED, 0, 0,
						    BUS_ISA, pin, ioapic_id, pin});
	at = put_interrupt(
		at, (uint8_t[8]){ENTRY_LOCAL_INTERRUPT, INTERRUPT_EXTINT, 0, 0, BUS_ISA, 0, 0, 0});
	return put_interrupt(at, (uint8_t[8]){ENTRY_LOCAL_INTERRUPT, INTERRUPT_NMI, 0, 0, BUS_ISA,
					      0, ALL_LAPICS, 1});
}

static void put_floating_pointer(uint8_t *floating)
{
	memcpy(floating, "_MP_", 4);
	le32_put(floating + 4, (uint32_t)(LAYOUT_MP_TABLE + FLOATING_LEN));
	floating[8] = 1; /* its length in paragraphs */
	floating[9] = SPEC_1_4;
	floating[10] = checksum(floating, FLOATING_LEN);
}

static void put_header(uint8_t *header, size_t len, unsigned n_cpus)
{
	memcpy(header, "PCMP", 4);
	le16_put(header + 4, (uint16_t)len);
	header[6] = SPEC_1_4;
	memcpy(header + 8, "MAYFLY  ", 8);
	memcpy(header + 16, "MICROVM     ", 12);
	le16_put(header + 34, (uint16_t)(n_cpus + OTHERS)); /* entries */
	le32_put(header + 36, MMIO_LAPIC);
	header[7] = checksum(header, len);
}

int mp_table_write(const struct boot_machine *machine, const struct mem *mem, struct err *err)
{
	uint8_t *floating = mem_get(mem, LAYOUT_MP_TABLE, MP_TABLE_ROOM);
	uint8_t ioapic_id = (uint8_t)machine->n_cpus;
	uint8_t *header, *at;

	if (machine->n_cpus == 0 || machine->n_cpus > CPU_MAX)
		return err_input(err, "MP table: %u CPUs are not between 1 and %" PRIu64,
				 machine->n_cpus, CPU_MAX);
	if (floating == NULL)
		return err_input(err, "--memory: no room for the MP table");
	header = floating + FLOATING_LEN;
	at = put_cpus(header + HEADER_LEN, machine->n_cpus);
	at = put_bus_and_ioapic(at, ioapic_id);
	at = put_interrupts(at, ioapic_id);
	put_header(header, (size_t)(at - header), machine->n_cpus);
	put_floating_pointer(floating);
	return 0;
}
