/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/rig.h"

#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/le.h"

#define PATIENCE 200

static void must(bool holds, const char *what, const struct err *err)
{
	if (holds)
		return;
	fprintf(stderr, "rig: %s: %s\n", what, err != NULL ? err->text : "");
	abort();
}

static void on_line(void *chip, unsigned gsi, bool level)
{
	struct rig *rig = chip;

	(void)gsi;
	rig->n_interrupts += level;
}

static void ring_doorbell(void *host, const struct vmmio *vmmio, unsigned queue)
{
	const struct rig *rig = host;
	const uint64_t one = 1;

	must(vmmio == &rig->vmmio && write(rig->doorbells[queue], &one, sizeof(one)) == sizeof(one),
	     "doorbell", NULL);
}

static void arm(void *host, const struct vmmio *vmmio)
{
	(void)vmmio;
	((struct rig *)host)->n_armed++;
}

static void call_loop(void *host, const struct vmmio *vmmio)
{
	(void)vmmio;
	((struct rig *)host)->n_calls++;
}

/* There is one thread: while a vCPU waits, the loop has its turns. */
static bool wait_for_loop(void *host, unsigned n_waits)
{
	struct rig *rig = host;

	vmmio_attend(&rig->vmmio);
	rig_turn(rig, false);
	return n_waits < rig->patience;
}

static void close_gate(void *host)
{
	struct rig *rig = host;

	rig->is_closed = true;
	rig->n_closed++;
}

static void open_gate(void *host)
{
	((struct rig *)host)->is_closed = false;
}

void rig_init(struct rig *rig)
{
	const struct mem_region ram = {.gpa = 0, .len = RIG_MEMORY};
	struct err err = {0};

	*rig = (struct rig){.patience = PATIENCE};
	must(mem_init(&rig->mem, &ram, 1, MEM_ANONYMOUS, &err) == 0, "memory", &err);
	must(ring_new(&rig->ring, &err) == 0, "ring", &err);
}

void rig_plug_in(struct rig *rig, struct vdev *vdev)
{
	static const struct vmmio_host_ops ops = {.ring_doorbell = ring_doorbell,
						  .arm = arm,
						  .call_loop = call_loop,
						  .wait = wait_for_loop,
						  .close_gate = close_gate,
						  .open_gate = open_gate};
	struct err err = {0};

	rig->vdev = vdev;
	vmmio_init(&rig->vmmio, vdev, rig->page);
	rig->vmmio.host = rig;
	rig->vmmio.host_ops = &ops;
	rig->vmmio.sticky = true;
	rig->vmmio.irq = (struct irq_line){.set = on_line, .chip = rig};
	for (unsigned i = 0; i < vdev->n_queues; i++)
		must((rig->doorbells[i] = eventfd(0, EFD_CLOEXEC)) >= 0, "eventfd", NULL);
	must(vdev_add_to_ring(vdev, rig->ring, rig->doorbells) == 0, "owner", NULL);
	must(ring_seal(rig->ring, &err) == 0 && ring_enable(rig->ring, &err) == 0, "seal", &err);
	vdev_listen(vdev);
}

void rig_done(struct rig *rig)
{
	for (unsigned i = 0; i < rig->vdev->n_queues; i++)
		close(rig->doorbells[i]);
	ring_free(rig->ring);
	mem_done(&rig->mem);
}

void rig_write(struct rig *rig, unsigned reg, uint32_t value)
{
	uint8_t bytes[4];

	le32_put(bytes, value);
	vmmio_write(&rig->vmmio, reg, bytes, sizeof(bytes));
}

uint32_t rig_read(struct rig *rig, unsigned reg)
{
	uint8_t bytes[4];

	vmmio_read(&rig->vmmio, reg, bytes, sizeof(bytes));
	return le32_get(bytes);
}

bool rig_negotiate(struct rig *rig, uint64_t features)
{
	features |= UINT64_C(1) << VIRTIO_F_VERSION_1;
	rig_write(rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	rig_write(rig, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		rig_write(rig, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		rig_write(rig, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	rig_write(rig, VIRTIO_MMIO_STATUS,
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			  VIRTIO_CONFIG_S_FEATURES_OK);
	return (rig_read(rig, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK) != 0;
}

static void write_address(struct rig *rig, unsigned low, uint64_t gpa)
{
	rig_write(rig, low, (uint32_t)gpa);
	rig_write(rig, low + 4, (uint32_t)(gpa >> 32));
}

void rig_set_up_queues(struct rig *rig, uint16_t size, uint64_t features)
{
	for (unsigned i = 0; i < rig->vdev->n_queues; i++) {
		struct fakedrv *drv = &rig->queues[i];

		fakedrv_init(drv, &rig->mem, RIG_QUEUES + i * RIG_QUEUE_LEN, size, features);
		rig_write(rig, VIRTIO_MMIO_QUEUE_SEL, i);
		rig_write(rig, VIRTIO_MMIO_QUEUE_NUM, size);
		write_address(rig, VIRTIO_MMIO_QUEUE_DESC_LOW, drv->geometry.desc);
		write_address(rig, VIRTIO_MMIO_QUEUE_AVAIL_LOW, drv->geometry.driver);
		write_address(rig, VIRTIO_MMIO_QUEUE_USED_LOW, drv->geometry.device);
		rig_write(rig, VIRTIO_MMIO_QUEUE_READY, 1);
	}
}

void rig_start(struct rig *rig, uint64_t features)
{
	must(rig_negotiate(rig, features), "features", NULL);
	rig_set_up_queues(rig, 16, features);
	rig_write(rig, VIRTIO_MMIO_STATUS,
		  rig_read(rig, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	vmmio_attend(&rig->vmmio);
	rig_turn(rig, false);
}

void rig_publish(struct rig *rig, unsigned queue)
{
	if (fakedrv_publish(&rig->queues[queue]))
		rig_write(rig, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

void rig_turn(struct rig *rig, bool wait)
{
	/* What a turn starts is done in the next one, or the one after that. */
	for (unsigned i = 0; i < 4; i++)
		must(ring_turn(rig->ring, wait && i == 0) == 0, "turn", NULL);
}

struct vring_used_elem rig_await(struct rig *rig, unsigned queue)
{
	struct vring_used_elem used;

	while (!fakedrv_collect(&rig->queues[queue], &used))
		must(ring_turn(rig->ring, true) == 0, "turn", NULL);
	return used;
}
