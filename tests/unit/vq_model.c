/* SPDX-License-Identifier: Apache-2.0 */
/* The queue against a slow one that is right: targets, "differential queue". */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "tests/support/host.h"
#include "tests/support/vq_play.h"

Test(vq_model, both_say_the_same)
{
	uint64_t n_chains = count_for(200 * 1000, 10 * 1000 * 1000);
	struct vq_choices choices = {.random = test_seed() | UINT64_C(1) << 32};
	struct vq_counts counts = {0};

	while (counts.n_chains < n_chains) {
		const char *wrong = vq_play(&choices, &counts);

		cr_assert(wrong == NULL, "after %" PRIu64 " chains: %s", counts.n_chains, wrong);
	}
	cr_log_info("%" PRIu64 " chains of %" PRIu64 " parts, %" PRIu64 " too long, %" PRIu64
		    " broken",
		    counts.n_chains, counts.n_parts, counts.n_too_long, counts.n_broken);
	/* Mostly right, and far from always. */
	cr_assert_gt(counts.n_parts, counts.n_chains);
	cr_assert_gt(counts.n_too_long, n_chains / 1000);
	cr_assert_gt(counts.n_broken, n_chains / 1000);
	cr_assert_lt(counts.n_broken, n_chains / 10);
}
