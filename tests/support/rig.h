/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h - a virtio device on its transport and a real ring, without a guest: the test is the driver,
 * and says when the loop has a turn. For unit tests of devices and of the transport.
 */
#ifndef MAYFLY_TESTS_RIG_H
#define MAYFLY_TESTS_RIG_H

#include "tests/support/fakedrv.h"
#include "virtio-mmio/vmmio.h"

#define RIG_MEMORY    (UINT64_C(16) << 20)
#define RIG_QUEUES    UINT64_C(0x10000) /* gpa of the first queue; the next is RIG_QUEUE_LEN on */
#define RIG_QUEUE_LEN UINT64_C(0x200000)
#define RIG_BUFFERS   UINT64_C(0xc00000) /* gpa from which a test may have what it likes */

struct rig {
	struct mem mem;
	struct ring *ring;
	struct vmmio vmmio;
	struct vdev *vdev;
	_Alignas(4096) uint8_t page[VMMIO_PAGE_LEN];
	int doorbells[VDEV_QUEUES_MAX];
	struct fakedrv queues[VDEV_QUEUES_MAX];
	/* What came out of it. */
	unsigned n_interrupts; /* edges */
	unsigned n_armed;      /* calls of `arm` */
	unsigned n_calls;      /* of the loop */
	unsigned n_closed;     /* times that the gate was closed */
	unsigned patience;     /* turns that a vCPU waits for a drain */
	bool is_closed;
};

/* Memory and a ring; the test makes its device on them. Aborts where the host has none. */
void rig_init(struct rig *rig);

/* Plugs in the device, and enables the ring. */
void rig_plug_in(struct rig *rig, struct vdev *vdev);

void rig_done(struct rig *rig);

/* A register, as a vCPU accesses it. */
void rig_write(struct rig *rig, unsigned reg, uint32_t value);
uint32_t rig_read(struct rig *rig, unsigned reg);

/* Up to FEATURES_OK with these features and VERSION_1. Returns whether the device agreed. */
bool rig_negotiate(struct rig *rig, uint64_t features);

/* Sets up every queue with `size` entries, a driver in memory for each. */
void rig_set_up_queues(struct rig *rig, uint16_t size, uint64_t features);

/* All of it, up to DRIVER_OK, and the turn in which the loop sees it. */
void rig_start(struct rig *rig, uint64_t features);

/* Publishes what was added to a queue, and kicks if the device wants that. */
void rig_publish(struct rig *rig, unsigned queue);

/* Turns of the loop, as long as there is something to do at once; `wait`: the first waits. */
void rig_turn(struct rig *rig, bool wait);

/* Turns until a used buffer is there, which it takes. */
struct vring_used_elem rig_await(struct rig *rig, unsigned queue);

#endif
