/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/aml.h"

#include <string.h>

#include "base/le.h"

/* Opcodes [ACPI 6.4 table 20.3] */
enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_EXTENDED = 0x5b,
	OP_DEVICE = 0x82, /* after OP_EXTENDED */
};

/* A package length of three bytes: two bits say so, 20 bits of length [ACPI 6.4 §20.2.4]. */
#define PACKAGE_LENGTH_BYTES 3

static void put(struct aml *aml, const void *bytes, size_t len)
{
	if (len > aml->capacity - aml->len) {
		aml->full = true;
		return;
	}
	memcpy(aml->bytes + aml->len, bytes, len);
	aml->len += len;
}

static void put_byte(struct aml *aml, uint8_t byte)
{
	put(aml, &byte, 1);
}

static aml_package open_package(struct aml *aml)
{
	static const uint8_t unknown[PACKAGE_LENGTH_BYTES];
	aml_package package = aml->len;

	put(aml, unknown, sizeof(unknown));
	return package;
}

void aml_close(struct aml *aml, aml_package package)
{
	size_t len = aml->len - package;

	if (aml->full)
		return;
	aml->bytes[package] = (uint8_t)(0x80 | (len & 0xf));
	aml->bytes[package + 1] = (uint8_t)(len >> 4);
	aml->bytes[package + 2] = (uint8_t)(len >> 12);
}

aml_package aml_open_scope(struct aml *aml, const char *path)
{
	aml_package package;

	put_byte(aml, OP_SCOPE);
	package = open_package(aml);
	put(aml, path, strlen(path));
	return package;
}

aml_package aml_open_device(struct aml *aml, const char name[4])
{
	aml_package package;

	put_byte(aml, OP_EXTENDED);
	put_byte(aml, OP_DEVICE);
	package = open_package(aml);
	put(aml, name, 4);
	return package;
}

static void put_name(struct aml *aml, const char name[4])
{
	put_byte(aml, OP_NAME);
	put(aml, name, 4);
}

static void put_integer(struct aml *aml, uint64_t value)
{
	uint8_t bytes[8];

	le64_put(bytes, value);
	if (value <= 1) {
		put_byte(aml, value == 0 ? OP_ZERO : OP_ONE);
	} else if (value <= UINT8_MAX) {
		put_byte(aml, OP_BYTE);
		put(aml, bytes, 1);
	} else if (value <= UINT16_MAX) {
		put_byte(aml, OP_WORD);
		put(aml, bytes, 2);
	} else if (value <= UINT32_MAX) {
		put_byte(aml, OP_DWORD);
		put(aml, bytes, 4);
	} else {
		put_byte(aml, OP_QWORD);
		put(aml, bytes, 8);
	}
}

void aml_name_integer(struct aml *aml, const char name[4], uint64_t value)
{
	put_name(aml, name);
	put_integer(aml, value);
}

void aml_name_string(struct aml *aml, const char name[4], const char *string)
{
	put_name(aml, name);
	put_byte(aml, OP_STRING);
	put(aml, string, strlen(string) + 1);
}

static uint32_t hex_digit(char c)
{
	return (uint32_t)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_name_eisa_id(struct aml *aml, const char name[4], const char *id)
{
	/* Three letters of five bits, four digits; big-endian [ACPI 6.4 §19.3.4]. */
	uint32_t letters = (uint32_t)(id[0] - '@') << 10 | (uint32_t)(id[1] - '@') << 5 |
			   (uint32_t)(id[2] - '@');
	uint32_t digits = hex_digit(id[3]) << 12 | hex_digit(id[4]) << 8 | hex_digit(id[5]) << 4 |
			  hex_digit(id[6]);

	put_name(aml, name);
	put_integer(aml, __builtin_bswap32(letters << 16 | digits));
}

void aml_name_bytes_package(struct aml *aml, const char name[4], const uint8_t *values, uint8_t n)
{
	aml_package package;

	put_name(aml, name);
	put_byte(aml, OP_PACKAGE);
	package = open_package(aml);
	put_byte(aml, n);
	for (uint8_t i = 0; i < n; i++)
		put_integer(aml, values[i]);
	aml_close(aml, package);
}

/* Resource descriptors [ACPI 6.4 §6.4.2.5, §6.4.3.4, §6.4.3.6, §6.4.2.9] */

void aml_resource_memory(struct aml_resources *resources, uint32_t base, uint32_t len)
{
	uint8_t *memory = resources->bytes + resources->len;

	memory[0] = 0x86; /* fixed 32-bit memory range, 9 bytes follow */
	le16_put(memory + 1, 9);
	memory[3] = 1; /* writable */
	le32_put(memory + 4, base);
	le32_put(memory + 8, len);
	resources->len += 12;
}

void aml_resource_io(struct aml_resources *resources, uint16_t port, uint8_t n_ports)
{
	uint8_t *io = resources->bytes + resources->len;

	io[0] = 0x47; /* I/O port descriptor, 7 bytes follow */
	io[1] = 1;    /* decodes 16 bits */
	le16_put(io + 2, port);
	le16_put(io + 4, port);
	io[6] = 1; /* alignment */
	io[7] = n_ports;
	resources->len += 8;
}

void aml_resource_interrupt(struct aml_resources *resources, uint32_t gsi)
{
	uint8_t *interrupt = resources->bytes + resources->len;

	interrupt[0] = 0x89; /* extended interrupt descriptor */
	le16_put(interrupt + 1, 6);
	interrupt[3] = 0x03; /* consumer, edge, active high, exclusive */
	interrupt[4] = 1;    /* one interrupt */
	le32_put(interrupt + 5, gsi);
	resources->len += 9;
}

void aml_name_resources(struct aml *aml, const struct aml_resources *resources)
{
	static const uint8_t end[2] = {0x79, 0}; /* a checksum of 0 counts as right */
	aml_package package;

	put_name(aml, "_CRS");
	put_byte(aml, OP_BUFFER);
	package = open_package(aml);
	put_integer(aml, resources->len + sizeof(end));
	put(aml, resources->bytes, resources->len);
	put(aml, end, sizeof(end));
	aml_close(aml, package);
}
