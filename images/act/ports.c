/* SPDX-License-Identifier: Apache-2.0 */
/* ports.c - accesses to ports and memory, as many as were asked for. */
#include "images/act/act.h"

#include "boot-proto/ports_abi.h"
#include "images/lib/guest.h"

void act_out8(void)
{
	uint16_t port = (uint16_t)next_number();

	for (uint64_t n = next_number(); n > 0; n--)
		out8(port, 0);
}

void act_out16(void)
{
	uint16_t port = (uint16_t)next_number();

	for (uint64_t n = next_number(); n > 0; n--)
		out16(port, 0);
}

void act_out32(void)
{
	uint16_t port = (uint16_t)next_number();

	for (uint64_t n = next_number(); n > 0; n--)
		out32(port, 0);
}

void act_in8(void)
{
	uint16_t port = (uint16_t)next_number();
	uint8_t value = 0;

	for (uint64_t n = next_number(); n > 0; n--)
		value = in8(port);
	print("%02x\n", value);
}

void act_mmio_read(void)
{
	uint64_t address = next_number();
	uint32_t value = 0;

	map_gib_of(address);
	for (uint64_t n = next_number(); n > 0; n--)
		value = mmio_read32(address);
	print("%08x\n", value);
}

void act_mmio_write(void)
{
	uint64_t address = next_number();

	map_gib_of(address);
	for (uint64_t n = next_number(); n > 0; n--)
		mmio_write32(address, 0);
}

void act_booted(void)
{
	map_gib_of(MMIO_BOOT_TIMER);
	mmio_write8(MMIO_BOOT_TIMER, BOOT_TIMER_MAGIC);
}
