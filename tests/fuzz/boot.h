/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - one boot of a hostile image into guest memory that is kept and emptied between runs.
 *
 * An input begins with a struct fuzz_boot_control, which chooses everything around the image; the
 * rest is the image.
 */
#ifndef MAYFLY_TESTS_FUZZ_BOOT_H
#define MAYFLY_TESTS_FUZZ_BOOT_H

#include "boot-proto/boot.h"

/* How the image comes. */
enum fuzz_source {
	FUZZ_BYTES,
	FUZZ_FILE,
	FUZZ_FILE_CUT,    /* it became shorter after its length was taken */
	FUZZ_FILE_BROKEN, /* the host's read fails */
	FUZZ_SOURCE_COUNT
};

#define FUZZ_MEMORY_COUNT 5
#define FUZZ_INITRD_UNIT  16

enum { FUZZ_ACPI = 1, FUZZ_I8042 = 2, FUZZ_SERIAL = 4, FUZZ_PIC = 8 };

struct fuzz_boot_control {
	uint8_t memory;   /* modulo FUZZ_MEMORY_COUNT: 2, 16, 64 MiB, 5 and 260 GiB */
	uint8_t wanted;   /* which of the formats the harness allows */
	uint8_t source;   /* enum fuzz_source, modulo */
	uint8_t machine;  /* FUZZ_ACPI and so on */
	uint8_t n_cpus;   /* modulo 32, plus 1 */
	uint8_t reserved; /* keeps the rest aligned */
	uint16_t initrd;  /* units of FUZZ_INITRD_UNIT bytes */
	uint16_t cmdline; /* bytes, modulo what there is room for */
};

/* What became of it, for what a harness has to say beyond fuzz_boot()'s own checks. */
struct fuzz_boot {
	struct boot_request request;
	const struct mem *mem;
	struct boot_entry entry;
	bool loaded; /* else the image was refused, and `entry` is not set */
};

/*
 * Boots an input as one of the `n_formats` in `formats`, and checks all that holds for every format.
 * False where the input is too short to have a control.
 */
bool fuzz_boot(const uint8_t *data, size_t size, const enum boot_format *formats,
	       unsigned n_formats, struct fuzz_boot *ret_boot);

/* Checks that segments of an ELF file that was loaded are in place, and what follows them is zero. */
void fuzz_check_segments(const struct fuzz_boot *boot);

#endif
