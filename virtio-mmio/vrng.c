/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vrng.h"

#include <linux/virtio_ids.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/scope.h"

static struct vrng *vrng_of(struct vdev *vdev)
{
	return container_of(vdev, struct vrng, vdev);
}

/* Bytes that may be given now. */
static unsigned allowance(struct vrng *vrng)
{
	int64_t now = clock_ns();

	if (now - vrng->window_at >= VRNG_WINDOW_NS) {
		vrng->window_at = now;
		vrng->window_left = VRNG_WINDOW_BYTES;
	}
	return vrng->window_left;
}

static void await_window(struct vrng *vrng)
{
	int64_t left = vrng->window_at + VRNG_WINDOW_NS - clock_ns();

	if (vrng->waiting)
		return;
	vrng->waiting = true;
	ring_timeout(vrng->vdev.ring, vdev_tag(&vrng->vdev, 0, 0), left > 0 ? (uint64_t)left : 1);
}

/* Returns how many bytes were written, `room` at most. */
static uint32_t fill(struct vrng *vrng, const struct vq_chain *chain, size_t room)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < chain->n_in && total < room; i++) {
		const struct iovec *part = &chain->iov[chain->n_out + i];
		size_t len = part->iov_len < room - total ? part->iov_len : room - total;
		ssize_t n = getrandom(part->iov_base, len, 0);

		if (n <= 0)
			break;
		mem_dirty(vrng->vdev.mem, part->iov_base, (uint64_t)n);
		total += (uint32_t)n;
	}
	return total;
}

static bool kick(struct vdev *vdev, unsigned queue)
{
	struct vrng *vrng = vrng_of(vdev);
	struct iovec iov[VRNG_IOV];
	struct vq_chain chain = {.iov = iov, .n_iov = VRNG_IOV};

	for (unsigned i = 0; i < VDEV_BUDGET; i++) {
		unsigned room = allowance(vrng);
		uint32_t len;

		if (room == 0) {
			await_window(vrng);
			return false;
		}
		if (!vdev_pop(vdev, queue, &chain))
			return false;
		len = fill(vrng, &chain, room < VRNG_REQUEST_MAX ? room : VRNG_REQUEST_MAX);
		vrng->window_left -= len;
		vdev_push(vdev, queue, chain.head, len);
	}
	return true;
}

static void complete(struct vdev *vdev, struct ring_tag tag, int32_t result)
{
	(void)tag;
	(void)result;
	vrng_of(vdev)->waiting = false;
	vdev_kick(vdev, 0);
}

/* The timer does not touch the guest's memory. */
static bool drain(struct vdev *vdev)
{
	(void)vdev;
	return true;
}

void vrng_init(struct vrng *vrng, const struct mem *mem)
{
	/* The window is the host's, not the guest's: nothing to save. */
	static const struct vdev_ops ops = {.kick = kick,
					    .complete = complete,
					    .drain = drain,
					    .save = vdev_save_nothing,
					    .load = vdev_load_nothing};

	*vrng = (struct vrng){.vdev = {.ops = &ops,
				       .id = VIRTIO_ID_RNG,
				       .n_queues = 1,
				       .queue_sizes = {VRNG_QUEUE_SIZE},
				       .mem = mem,
				       .n_ops = VRNG_OPS - 1}};
}
