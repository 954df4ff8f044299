/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page tables of a dead guest: an input is a struct control, then words and where in memory they
 * are. Whatever they say, the walk stays in RAM and ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "monitor/crash.h"
#include "tests/fuzz/fuzz.h"

#define RAM_LEN    0x10000
#define RECORD_LEN 10 /* two bytes of place, eight of word */

struct control {
	uint64_t cr0, cr3, cr4, efer, gva;
};

static void check_walk(const struct mem *mem, const struct crash_walk *walk, uint64_t gva)
{
	const void *hva = mem_get(mem, walk->gpa, 1);

	fuzz_check(walk->gva == gva && walk->n_levels <= walk->depth &&
		   walk->depth <= CRASH_LEVELS_MAX);
	for (uint32_t i = 0; i < walk->n_levels; i++) {
		const uint8_t *entry = mem_get(mem, walk->levels[i].entry_gpa, 4);

		fuzz_check(entry != NULL && le32_get(entry) == (uint32_t)walk->levels[i].entry);
		fuzz_check((walk->levels[i].entry & 1) != 0 || i == walk->n_levels - 1);
	}
	fuzz_check(!walk->has_hva || walk->mapped);
	if (!walk->mapped)
		return;
	fuzz_check((walk->gpa & 0xfff) == (gva & 0xfff));
	fuzz_check(walk->has_hva == (hva != NULL) && walk->hva == (uintptr_t)hva);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_FREE uint8_t *ram = NULL;
	struct kvm_sregs sregs = {0};
	struct crash_walk walk;
	struct control control;
	struct mem mem;

	if (size < sizeof(control))
		return 0;
	memcpy(&control, data, sizeof(control));
	ram = calloc(1, RAM_LEN);
	fuzz_check(ram != NULL);
	mem = (struct mem){
		.hva = ram, .len = RAM_LEN, .n_regions = 1, .regions = {{0, RAM_LEN, 0}}};
	for (size_t at = sizeof(control); size - at >= RECORD_LEN; at += RECORD_LEN)
		memcpy(ram + le16_get(data + at) % (RAM_LEN / 8) * 8UL, data + at + 2, 8);
	sregs.cr0 = control.cr0;
	sregs.cr3 = control.cr3;
	sregs.cr4 = control.cr4;
	sregs.efer = control.efer;
	walk = crash_walk(&mem, &sregs, control.gva);
	check_walk(&mem, &walk, control.gva);
	return 0;
}
