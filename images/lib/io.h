/* SPDX-License-Identifier: Apache-2.0 */
/* io.h - ports and memory-mapped registers, as a guest reaches them. */
#ifndef MAYFLY_GUEST_IO_H
#define MAYFLY_GUEST_IO_H

#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* Registers in memory: exactly one access of the width, by a plain move. */
static inline uint32_t mmio_read32(uint64_t address)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(uint64_t address, uint32_t value)
{
	__asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

static inline void mmio_write8(uint64_t address, uint8_t value)
{
	__asm__ volatile("movb %0, (%1)" : : "q"(value), "r"(address) : "memory");
}

#endif
