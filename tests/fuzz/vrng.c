/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device, whose window is as large as the input says. */
#include "virtio-mmio/vrng.h"
#include "base/clock.h"
#include "tests/fuzz/device.h"
#include "tests/fuzz/fuzz.h"

#define SOON_NS (5 * CLOCK_MILLISECOND)

static struct rig rig;
static struct vrng rng;

/* Only what is over soon. */
static void await_window(void)
{
	while (rng.waiting && clock_ns() - rng.window_at > VRNG_WINDOW_NS - 2 * SOON_NS)
		fuzz_check(ring_turn(rig.ring, true) == 0);
}

/* Little is left, or a new window comes, at once or soon. */
static void event(const struct device_move *move)
{
	switch (move->a % 4) {
	case 0:
		rng.window_left = move->value % (VRNG_WINDOW_BYTES + 1);
		break;
	case 1:
		rng.window_at = 0;
		break;
	case 2:
		rng.window_at = clock_ns() - VRNG_WINDOW_NS + SOON_NS;
		rng.window_left = 0;
		break;
	default:
		await_window();
		break;
	}
}

static void let_go(void)
{
}

static void run(const uint8_t *data, size_t size)
{
	struct device_play play = {
		.rig = &rig, .vdev = &rng.vdev, .event = event, .let_go = let_go};

	rig_init(&rig);
	vrng_init(&rng, &rig.mem);
	rig_plug_in(&rig, &rng.vdev);
	play.pristine = rng.vdev;
	device_play(&play, data, size);
	fuzz_check(rng.window_left <= VRNG_WINDOW_BYTES);
	rig_done(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	device_on_thread(run, data, size);
	return 0;
}
