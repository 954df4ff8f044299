/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device, whose window is as large as the input says. */
#include "virtio-mmio/vrng.h"
#include "tests/fuzz/device.h"
#include "tests/fuzz/fuzz.h"

static struct rig rig;
static struct vrng rng;

/* Little is left, or a new window comes. */
static void event(const struct device_move *move)
{
	if (move->a % 2 == 0)
		rng.window_left = move->value % (VRNG_WINDOW_BYTES + 1);
	else
		rng.window_at = 0;
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
