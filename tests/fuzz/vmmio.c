/* SPDX-License-Identifier: Apache-2.0 */
/* The transport, with a device that keeps chains for as long as the input likes. */
#include <string.h>

#include "base/scope.h"
#include "tests/fuzz/device.h"
#include "tests/fuzz/fuzz.h"

#define HELD_MAX 8
#define CONFIG   "configuration"

static struct dummy {
	struct vdev vdev;
	struct iovec iov[32];
	struct {
		uint16_t head, queue;
	} held[HELD_MAX];
	unsigned n_held;
	bool holds;
} dummy;

static struct rig rig;

static bool kick(struct vdev *vdev, unsigned queue)
{
	struct vq_chain chain = {.iov = dummy.iov, .n_iov = ARRAY_LEN(dummy.iov)};

	for (unsigned i = 0; i < VDEV_BUDGET && dummy.n_held < HELD_MAX; i++) {
		if (!vdev_pop(vdev, queue, &chain))
			return false;
		if (!dummy.holds) {
			vdev_push(vdev, queue, chain.head, (uint32_t)chain.in_len);
			continue;
		}
		dummy.held[dummy.n_held].head = chain.head;
		dummy.held[dummy.n_held++].queue = (uint16_t)queue;
	}
	return false;
}

static void complete(struct vdev *vdev, struct ring_tag tag, int32_t result)
{
	(void)tag;
	(void)result;
	vdev_kick(vdev, 0);
}

static bool drain(struct vdev *vdev)
{
	(void)vdev;
	return dummy.n_held == 0;
}

static void reset(struct vdev *vdev)
{
	fuzz_check(!vdev->live && dummy.n_held == 0);
}

static void write_config(struct vdev *vdev, unsigned offset, const uint8_t *data, unsigned len)
{
	(void)vdev;
	(void)data;
	fuzz_check(len > 0 && offset + len <= VMMIO_PAGE_LEN - VIRTIO_MMIO_CONFIG);
}

static void release(void)
{
	for (; dummy.n_held > 0; dummy.n_held--)
		vdev_push(&dummy.vdev, dummy.held[dummy.n_held - 1].queue,
			  dummy.held[dummy.n_held - 1].head, 1);
}

static void let_go(void)
{
	dummy.holds = false;
	release();
}

static void event(const struct device_move *move)
{
	char config[sizeof(CONFIG)];

	switch (move->a % 4) {
	case 0:
		release();
		break;
	case 1:
		dummy.holds = !dummy.holds;
		break;
	case 2:
		if (dummy.vdev.live)
			vdev_fail(&dummy.vdev);
		break;
	default:
		memset(config, move->b, sizeof(config));
		vdev_change_config(&dummy.vdev, config);
		break;
	}
}

static void run(const uint8_t *data, size_t size)
{
	static const struct vdev_ops plain = {
		.kick = kick, .complete = complete, .drain = drain, .reset = reset};
	static const struct vdev_ops writable = {.kick = kick,
						 .complete = complete,
						 .drain = drain,
						 .reset = reset,
						 .write_config = write_config};
	struct device_play play = {.rig = &rig, .event = event, .let_go = let_go};
	bool exact = size > 0 && (data[size - 1] & 1) != 0;

	rig_init(&rig);
	dummy = (struct dummy){.vdev = {.ops = size % 2 == 0 ? &plain : &writable,
					.id = 63,
					.features = 1 << 3,
					.n_queues = 2,
					.queue_sizes = {DEVICE_QUEUE_SIZE, 2 * DEVICE_QUEUE_SIZE},
					.config_len = sizeof(CONFIG),
					.config = CONFIG,
					.mem = &rig.mem}};
	play.vdev = &dummy.vdev;
	play.pristine = dummy.vdev;
	rig_plug_in(&rig, &dummy.vdev);
	rig.vmmio.sticky = !exact;
	device_play(&play, data, size);
	rig_done(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	device_on_thread(run, data, size);
	return 0;
}
