/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vdev.h - what every virtio device is to its transport, and the transport to it. Cell.
 *
 * Theory of operation. A device is data - its id, the features it offers, its configuration bytes, how
 * many queues - and a handful of functions, all of which run on the one loop thread that the device was
 * given to ([io]). It knows queues, files of its ring, and numbers; no register, no vCPU, no path.
 *
 * From DRIVER_OK to the reset its queues are its own. `kick` tells that a queue may have chains: the
 * device takes up to VDEV_BUDGET of them by vdev_pop(), starts what they ask for, and gives each back
 * by vdev_push() when it is done, now or in `complete`. What was pushed in one turn of the loop is
 * published at its end with one interrupt at most.
 *
 * A driver that breaks a rule of the queue makes the device need a reset (vdev_pop() sees to that); a
 * request that is wrong in itself is answered the way its device type has for it.
 */
#ifndef MAYFLY_VIRTIO_VDEV_H
#define MAYFLY_VIRTIO_VDEV_H

#include "iouring-io/ring.h"
#include "virtio-mmio/vq.h"

#define VDEV_QUEUES_MAX 16
#define VDEV_CONFIG_MAX 256 /* bytes of configuration space there is room for */
#define VDEV_BUDGET     64  /* chains of one queue in one turn */

struct vdev;

struct vdev_ops {
	/* A driver has come: its queues are started, `vdev->driver_features` are settled. May be NULL. */
	void (*start)(struct vdev *vdev);
	/* `queue` may have chains. Returns whether it has more than the budget let it take. */
	bool (*kick)(struct vdev *vdev, unsigned queue);
	/* An operation of the device's is done. */
	void (*complete)(struct vdev *vdev, struct ring_tag tag, int32_t result);
	/*
	 * Takes no more chains, and ends what it can end early. Returns whether nothing is in flight;
	 * else it is asked again after each completion. A drained device may be kicked again.
	 */
	bool (*drain)(struct vdev *vdev);
	/* Somebody outside of the loop wants it to look at something of its own. May be NULL. */
	void (*attend)(struct vdev *vdev);
	/* The driver is gone; nothing is in flight. The device is as it was made. May be NULL. */
	void (*reset)(struct vdev *vdev);
	/* What of its own state outlives the process; `capacity` bytes at `bytes`. Drained. */
	size_t (*save)(const struct vdev *vdev, void *bytes, size_t capacity);
	MUST_CHECK int (*load)(struct vdev *vdev, const void *bytes, size_t len);
	/* The driver wrote into configuration space. [vcpu] under the transport's lock; may be NULL. */
	void (*write_config)(struct vdev *vdev, unsigned offset, const uint8_t *data, unsigned len);
};

/* What a transport does for its device. [io] */
struct vdev_transport_ops {
	/* Interrupts the driver: it has used buffers. */
	void (*interrupt)(void *transport);
	/* `vdev->config` is to be what `config` is, all at once for every vCPU; interrupts the driver. */
	void (*change_config)(void *transport, const void *config);
	/* The driver broke a rule: sets DEVICE_NEEDS_RESET, and interrupts the driver. */
	void (*need_reset)(void *transport);
	/* A turn of a device that is draining is over: it may have drained. */
	void (*look_again)(void *transport);
};

struct vdev {
	/* Set by the device before it is given to a transport. [ro] from then on */
	const struct vdev_ops *ops;
	uint32_t id;       /* [virtio 1.2 §5] */
	uint64_t features; /* offered, without those of the transport's own */
	unsigned n_queues;
	uint16_t queue_sizes[VDEV_QUEUES_MAX]; /* the largest that a driver may choose */
	unsigned config_len;
	uint8_t config[VDEV_CONFIG_MAX]; /* [io] by change_config() only */
	const struct mem *mem;
	struct ring *ring;
	unsigned n_ops; /* that it has in flight at most */

	/* The rest is the transport's. */
	const struct vdev_transport_ops *transport_ops;
	void *transport;
	uint16_t owner; /* [ro] in the ring: for the tags of the device's operations */
	unsigned doorbells[VDEV_QUEUES_MAX]; /* [ro] files of the ring: an eventfd for each queue */
	uint64_t rung[VDEV_QUEUES_MAX];      /* [io] what is read from them */
	uint64_t driver_features;            /* [io] negotiated */
	struct vq queues[VDEV_QUEUES_MAX];   /* [io] while the driver is live */
	uint32_t kicked;                     /* [io] bits: queues to look at in this turn */
	uint32_t used;                       /* [io] bits: queues with used buffers to publish */
	bool live;                           /* [io] from DRIVER_OK to the reset */
	bool draining;                       /* [io] */
	bool failed;                         /* [io] it needs a reset */
};

/* A tag for an operation of the device's; completions come to its `complete`. */
static inline struct ring_tag vdev_tag(const struct vdev *vdev, uint16_t kind, uint32_t index)
{
	return (struct ring_tag){.index = index, .kind = kind, .owner = vdev->owner};
}

/* Was the feature bit negotiated? */
static inline bool vdev_has(const struct vdev *vdev, unsigned feature)
{
	return (vdev->driver_features & UINT64_C(1) << feature) != 0;
}

/*
 * The next chain of a queue; `chain->iov` and `chain->n_iov` are the device's room for it. False where
 * there is none: the driver has been asked to kick again. [io]
 */
MUST_CHECK bool vdev_pop(struct vdev *vdev, unsigned queue, struct vq_chain *chain);

/* Gives a chain back with `len` bytes written into it. [io] */
void vdev_push(struct vdev *vdev, unsigned queue, uint16_t head, uint32_t len);

/* `kick` for this queue comes again in this turn: there is room, or input, now. [io] */
void vdev_kick(struct vdev *vdev, unsigned queue);

/* Changes the configuration space as a whole, and tells the driver. [io] */
void vdev_change_config(struct vdev *vdev, const void *config);

/* Breaks off: the driver must reset the device. [io] */
void vdev_fail(struct vdev *vdev);

/* `save` and `load` of a device that has no state of its own. */
size_t vdev_save_nothing(const struct vdev *vdev, void *bytes, size_t capacity);
MUST_CHECK int vdev_load_nothing(struct vdev *vdev, const void *bytes, size_t len);

/*
 * The rest is for the transport.
 *
 * Set-up: makes it an owner of the ring, with one eventfd for each queue. Errors as ring_add_owner().
 */
MUST_CHECK int vdev_add_to_ring(struct vdev *vdev, struct ring *ring, const int *doorbells);

/* The loop's thread, once: listens to the doorbells from now on. */
void vdev_listen(struct vdev *vdev);

/* DRIVER_OK: the queues that the driver wants are started. [io] */
void vdev_start(struct vdev *vdev, uint64_t driver_features);

/* Has it stopped, with nothing in flight? Else the transport is asked to look_again(). [io] */
MUST_CHECK bool vdev_drain(struct vdev *vdev);

/* After a drain: goes on. [io] */
void vdev_resume(struct vdev *vdev);

/* After a drain: the driver is gone. [io] */
void vdev_reset(struct vdev *vdev);

#endif
