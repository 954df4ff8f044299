/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.h - the parts of the program that writes inputs for the harnesses to begin with. */
#ifndef MAYFLY_TESTS_FUZZ_SEEDS_H
#define MAYFLY_TESTS_FUZZ_SEEDS_H

#include <stddef.h>

/* Writes one input of a harness, in two parts. Ends the program where it cannot. */
void seeds_put(const char *harness, const void *head, size_t head_len, const void *bytes,
	       size_t len);

/* The inputs of bzimage, elf, pvh, raw and decompress. */
void seeds_images(void);

/* The inputs of vmmio, vcon and vrng. */
void seeds_devices(void);

#endif
