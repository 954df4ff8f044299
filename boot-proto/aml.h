/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aml.h - just enough ACPI machine language for a table of devices. [ACPI 6.4 chapter 20]
 *
 * A writer appends to a fixed buffer; what does not fit sets `full` and is dropped. Packages are
 * opened and closed; the length in front of each is filled in when it is closed.
 */
#ifndef MAYFLY_BOOT_AML_H
#define MAYFLY_BOOT_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *bytes;
	size_t len;
	size_t capacity;
	bool full;
};

/* What aml_open_*() returns and aml_close() takes: where a package's length stands. */
typedef size_t aml_package;

aml_package aml_open_scope(struct aml *aml, const char *path);
aml_package aml_open_device(struct aml *aml, const char name[4]);
void aml_close(struct aml *aml, aml_package package);

/* Name (NAME, value). An EISA id is written as "PNP0501". */
void aml_name_integer(struct aml *aml, const char name[4], uint64_t value);
void aml_name_string(struct aml *aml, const char name[4], const char *string);
void aml_name_eisa_id(struct aml *aml, const char name[4], const char *id);
/* Name (NAME, Package () {...}) of small integers. */
void aml_name_bytes_package(struct aml *aml, const char name[4], const uint8_t *values, uint8_t n);

/* Name (_CRS, ResourceTemplate () {...}): open, add, close. */
struct aml_resources {
	uint8_t bytes[64];
	size_t len;
};
/* Registers below 4 GiB, which can be written. */
void aml_resource_memory(struct aml_resources *resources, uint32_t base, uint32_t len);
void aml_resource_io(struct aml_resources *resources, uint16_t port, uint8_t n_ports);
/* An edge-triggered, active-high, exclusive interrupt. */
void aml_resource_interrupt(struct aml_resources *resources, uint32_t gsi);
void aml_name_resources(struct aml *aml, const struct aml_resources *resources);

#endif
