/* SPDX-License-Identifier: Apache-2.0 */
/* A virtqueue and its driver, whose moves the input is: the queue says what the slow one says. */
#include <stdio.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/vq_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vq_choices choices = {.bytes = data, .len = size};
	struct vq_counts counts = {0};
	const char *wrong = vq_play(&choices, &counts);

	if (wrong != NULL)
		fprintf(stderr, "after %lu chains: %s\n", (unsigned long)counts.n_chains, wrong);
	fuzz_check(wrong == NULL);
	return 0;
}
