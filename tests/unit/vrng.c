/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vrng.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/scope.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct vrng rng;

static void set_up(void)
{
	rig_init(&rig);
	vrng_init(&rng, &rig.mem);
	rig_plug_in(&rig, &rng.vdev);
	rig_start(&rig, FAKEDRV_FEATURES);
}

static void tear_down(void)
{
	rig_done(&rig);
}

TestSuite(vrng, .init = set_up, .fini = tear_down, .timeout = 30);

static uint32_t request(uint32_t len)
{
	const struct fakedrv_part part = {.gpa = RIG_BUFFERS, .len = len, .in = true};

	cr_assert_geq(fakedrv_add(&rig.queues[0], &part, 1), 0);
	rig_publish(&rig, 0);
	return rig_await(&rig, 0).len;
}

static bool is_zero(uint64_t gpa, size_t len)
{
	const uint8_t *bytes = mem_get(&rig.mem, gpa, len);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

Test(vrng, fills_the_buffer_and_no_more)
{
	cr_assert_eq(request(64), 64);
	cr_assert_not(is_zero(RIG_BUFFERS, 32));
	cr_assert_not(is_zero(RIG_BUFFERS + 32, 32));
	cr_assert(is_zero(RIG_BUFFERS + 64, 64));
}

/* [virtio 1.2 §5.4.6.1]: some bytes, it need not be all. */
Test(vrng, gives_a_large_request_a_part)
{
	cr_assert_eq(request(VRNG_REQUEST_MAX + 1), VRNG_REQUEST_MAX);
	cr_assert(is_zero(RIG_BUFFERS + VRNG_REQUEST_MAX, 1));
}

Test(vrng, gives_different_bytes_each_time)
{
	uint8_t first[32];

	cr_assert_eq(request(sizeof(first)), sizeof(first));
	memcpy(first, mem_get(&rig.mem, RIG_BUFFERS, sizeof(first)), sizeof(first));
	cr_assert_eq(request(sizeof(first)), sizeof(first));
	cr_assert_neq(memcmp(first, mem_get(&rig.mem, RIG_BUFFERS, sizeof(first)), sizeof(first)),
		      0);
}

Test(vrng, fills_several_parts)
{
	const struct fakedrv_part parts[] = {{RIG_BUFFERS, 16, true},
					     {RIG_BUFFERS + 4096, 48, true}};

	cr_assert_geq(fakedrv_add(&rig.queues[0], parts, ARRAY_LEN(parts)), 0);
	rig_publish(&rig, 0);
	cr_assert_eq(rig_await(&rig, 0).len, 64);
	cr_assert(is_zero(RIG_BUFFERS + 16, 16));
	cr_assert_not(is_zero(RIG_BUFFERS + 4096, 48));
}

Test(vrng, gives_nothing_to_a_buffer_that_it_may_not_write)
{
	const struct fakedrv_part part = {.gpa = RIG_BUFFERS, .len = 64, .in = false};

	cr_assert_geq(fakedrv_add(&rig.queues[0], &part, 1), 0);
	rig_publish(&rig, 0);
	cr_assert_eq(rig_await(&rig, 0).len, 0);
	cr_assert(is_zero(RIG_BUFFERS, 64));
}

/* The time it takes is not looked at: only that a window's bytes are all there are in a window. */
Test(vrng, waits_when_its_window_is_used_up)
{
	int64_t began;

	cr_assert_eq(request(64), 64);
	began = rng.window_at;
	rng.window_left = 16;
	cr_assert_eq(request(64), 16);
	cr_assert_eq(request(64), 64);
	cr_assert_geq(rng.window_at - began, VRNG_WINDOW_NS);
	cr_assert_not(rng.waiting);
}

Test(vrng, keeps_nothing_of_its_own)
{
	uint8_t bytes[8];

	cr_assert_eq(rng.vdev.ops->save(&rng.vdev, bytes, sizeof(bytes)), 0);
	cr_assert_eq(rng.vdev.ops->load(&rng.vdev, bytes, 0), 0);
	cr_assert_lt(rng.vdev.ops->load(&rng.vdev, bytes, 1), 0);
}
