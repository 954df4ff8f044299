/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vdev.h"

#include <assert.h>
#include <errno.h>

/* Kinds of tags that are not the device's own: the doorbell of queue `index`. */
#define TAG_DOORBELL UINT16_MAX

static_assert(VDEV_QUEUES_MAX <= 32, "a bit for each queue");

static void listen_to_doorbell(struct vdev *vdev, unsigned queue)
{
	ring_read(vdev->ring, vdev_tag(vdev, TAG_DOORBELL, queue), vdev->doorbells[queue],
		  &vdev->rung[queue], sizeof(vdev->rung[queue]));
}

void vdev_listen(struct vdev *vdev)
{
	for (unsigned i = 0; i < vdev->n_queues; i++)
		listen_to_doorbell(vdev, i);
}

void vdev_fail(struct vdev *vdev)
{
	if (vdev->failed)
		return;
	vdev->failed = true;
	vdev->transport_ops->need_reset(vdev->transport);
}

bool vdev_pop(struct vdev *vdev, unsigned queue, struct vq_chain *chain)
{
	struct vq *vq = &vdev->queues[queue];
	int ret;

	if (!vdev->live || vdev->draining || vdev->failed)
		return false;
	do {
		ret = vq_pop(vq, chain);
	} while (ret == 0 && vq_arm(vq));
	if (ret < 0)
		vdev_fail(vdev);
	return ret == 1;
}

void vdev_push(struct vdev *vdev, unsigned queue, uint16_t head, uint32_t len)
{
	vq_push(&vdev->queues[queue], head, len);
	vdev->used |= 1U << queue;
	ring_wake(vdev->ring, vdev->owner);
}

void vdev_kick(struct vdev *vdev, unsigned queue)
{
	vdev->kicked |= 1U << queue;
	ring_wake(vdev->ring, vdev->owner);
}

void vdev_change_config(struct vdev *vdev, const void *config)
{
	vdev->transport_ops->change_config(vdev->transport, config);
}

size_t vdev_save_nothing(const struct vdev *vdev, void *bytes, size_t capacity)
{
	(void)vdev;
	(void)bytes;
	(void)capacity;
	return 0;
}

int vdev_load_nothing(struct vdev *vdev, const void *bytes, size_t len)
{
	(void)vdev;
	(void)bytes;
	return len == 0 ? 0 : -EINVAL;
}

void vdev_start(struct vdev *vdev, uint64_t driver_features)
{
	vdev->driver_features = driver_features;
	vdev->live = true;
	vdev->failed = false;
	if (vdev->ops->start != NULL)
		vdev->ops->start(vdev);
	/* A driver may have made buffers available before; and its kicks are wanted from now on. */
	for (unsigned i = 0; i < vdev->n_queues; i++)
		if (vdev->queues[i].desc != NULL)
			vdev_kick(vdev, i);
}

static void complete(void *owner, struct ring_tag tag, int32_t result)
{
	struct vdev *vdev = owner;

	if (tag.kind != TAG_DOORBELL) {
		vdev->ops->complete(vdev, tag, result);
		ring_wake(vdev->ring, vdev->owner);
		return;
	}
	if (result == -ECANCELED)
		return;
	listen_to_doorbell(vdev, tag.index);
	vdev_kick(vdev, tag.index);
}

static bool can_kick(const struct vdev *vdev, unsigned queue)
{
	return vdev->live && !vdev->draining && !vdev->failed && vdev->queues[queue].desc != NULL;
}

static bool kick_queues(struct vdev *vdev)
{
	uint32_t kicked = vdev->kicked;

	vdev->kicked = 0;
	for (; kicked != 0; kicked &= kicked - 1) {
		unsigned queue = (unsigned)__builtin_ctz(kicked);

		if (can_kick(vdev, queue) && vdev->ops->kick(vdev, queue))
			vdev->kicked |= 1U << queue;
	}
	return vdev->kicked != 0;
}

static void publish_used(struct vdev *vdev)
{
	bool wanted = false;

	for (; vdev->used != 0; vdev->used &= vdev->used - 1)
		wanted |= vq_flush(&vdev->queues[__builtin_ctz(vdev->used)]);
	if (wanted)
		vdev->transport_ops->interrupt(vdev->transport);
}

static bool turn(void *owner)
{
	struct vdev *vdev = owner;
	bool more = kick_queues(vdev);

	publish_used(vdev);
	if (vdev->draining)
		vdev->transport_ops->look_again(vdev->transport);
	return more;
}

bool vdev_drain(struct vdev *vdev)
{
	vdev->draining = true;
	return vdev->ops->drain(vdev);
}

void vdev_resume(struct vdev *vdev)
{
	vdev->draining = false;
	for (unsigned i = 0; i < vdev->n_queues; i++)
		if (vdev->queues[i].desc != NULL)
			vdev_kick(vdev, i);
}

void vdev_reset(struct vdev *vdev)
{
	for (unsigned i = 0; i < vdev->n_queues; i++)
		vq_stop(&vdev->queues[i]);
	vdev->kicked = vdev->used = 0;
	vdev->live = vdev->draining = vdev->failed = false;
	vdev->driver_features = 0;
	if (vdev->ops->reset != NULL)
		vdev->ops->reset(vdev);
}

int vdev_add_to_ring(struct vdev *vdev, struct ring *ring, const int *doorbells)
{
	static const struct ring_owner_ops ops = {.complete = complete, .turn = turn};
	int ret;

	vdev->ring = ring;
	ret = ring_add_owner(ring, &ops, vdev, vdev->n_queues + vdev->n_ops, &vdev->owner);
	for (unsigned i = 0; i < vdev->n_queues && ret == 0; i++)
		ret = ring_add_file(ring, doorbells[i], &vdev->doorbells[i]);
	return ret;
}
