/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/throttle.h"

#include <criterion/criterion.h>

#define SECOND INT64_C(1000000000)

static struct throttle throttle;
static const struct throttle_config no_limit;

static void limit_bytes(int64_t size, int64_t refill_ns, int64_t burst)
{
	const struct throttle_config bandwidth = {size, refill_ns, burst};

	throttle_init(&throttle, &bandwidth, &no_limit, 1000);
}

Test(throttle, nothing_is_limited_by_default)
{
	throttle_init(&throttle, &no_limit, &no_limit, 0);
	cr_assert_not(throttle_limits(&throttle));
	cr_assert_eq(throttle_take(&throttle, UINT64_C(1) << 40, 0), 0);
}

Test(throttle, a_full_bucket_passes_its_size_and_no_more)
{
	limit_bytes(4096, SECOND, 0);
	cr_assert(throttle_limits(&throttle));
	cr_assert_eq(throttle_take(&throttle, 4000, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, 96, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, 1, 1000), (uint64_t)(SECOND + 4095) / 4096);
}

Test(throttle, the_delay_is_exact_to_the_nanosecond)
{
	uint64_t delay;

	limit_bytes(1000, SECOND, 0);
	cr_assert_eq(throttle_take(&throttle, 1000, 1000), 0);
	delay = throttle_take(&throttle, 512, 1000);
	cr_assert_eq(delay, UINT64_C(512) * 1000000);
	cr_assert_eq(throttle_take(&throttle, 512, 1000 + delay - 1), 1);
	cr_assert_eq(throttle_take(&throttle, 512, 1000 + delay), 0);
}

/* Asked at odd moments, 7 tokens in 3 s are 7 tokens in 3 s: nothing is lost in fractions. */
Test(throttle, no_fraction_is_lost)
{
	uint64_t now = 1000, taken = 0;

	limit_bytes(7, 3 * SECOND, 0);
	cr_assert_eq(throttle_take(&throttle, 7, now), 0);
	for (unsigned i = 0; i < 3000; i++) {
		now += 1000003;
		while (throttle_take(&throttle, 1, now) == 0)
			taken++;
	}
	cr_assert_eq(taken, 7U * (now - 1000) / (3U * SECOND));
}

Test(throttle, a_full_bucket_gets_no_fuller)
{
	limit_bytes(10, SECOND, 0);
	cr_assert_eq(throttle_take(&throttle, 10, UINT64_MAX / 2), 0);
	cr_assert_eq(throttle_take(&throttle, 1, UINT64_MAX / 2), SECOND / 10);
}

Test(throttle, a_burst_is_on_top_and_comes_once)
{
	limit_bytes(10, SECOND, 100);
	cr_assert_eq(throttle_take(&throttle, 60, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, 50, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, 1, 1000), SECOND / 10);
	cr_assert_eq(throttle_take(&throttle, 60, 1000 + 1000 * SECOND), 0);
	cr_assert_eq(throttle_take(&throttle, 1, 1000 + 1000 * SECOND), 5 * SECOND + SECOND / 10);
}

/* One that is larger than the bucket waits until that is full, and those after it pay. */
Test(throttle, what_is_larger_than_the_bucket_passes_and_is_owed)
{
	limit_bytes(10, SECOND, 0);
	cr_assert_eq(throttle_take(&throttle, 1, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, 35, 1000), SECOND / 10);
	cr_assert_eq(throttle_take(&throttle, 35, 1000 + SECOND / 10), 0);
	cr_assert_eq(throttle_take(&throttle, 1, 1000 + SECOND / 10), 26 * SECOND / 10);
}

Test(throttle, both_limits_count_and_the_later_decides)
{
	const struct throttle_config bandwidth = {1000, SECOND, 0}, ops = {2, SECOND, 0};

	throttle_init(&throttle, &bandwidth, &ops, 0);
	cr_assert_eq(throttle_take(&throttle, 900, 0), 0);
	cr_assert_eq(throttle_take(&throttle, 900, 0), 800 * (SECOND / 1000));
	cr_assert_eq(throttle_take(&throttle, 100, 0), 0);
	/* Refused by one, it took nothing of the other. */
	cr_assert_eq(throttle_take(&throttle, 0, 0), SECOND / 2);
	cr_assert_eq(throttle_take(&throttle, 0, SECOND / 2), 0);
}

Test(throttle, the_largest_numbers_do_not_overflow)
{
	limit_bytes(THROTTLE_SIZE_MAX, THROTTLE_REFILL_MAX, THROTTLE_SIZE_MAX);
	cr_assert_eq(throttle_take(&throttle, 2 * (uint64_t)THROTTLE_SIZE_MAX, 1000), 0);
	cr_assert_eq(throttle_take(&throttle, (uint64_t)THROTTLE_SIZE_MAX, 1000),
		     THROTTLE_REFILL_MAX);
	cr_assert_eq(throttle_take(&throttle, 1, UINT64_MAX), 0);
}
