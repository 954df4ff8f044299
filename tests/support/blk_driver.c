/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/blk_driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HEADER_LEN  16
#define HEADERS     (UINT64_C(1) << 20)
#define HEADERS_END BLK_BUFFER
#define PARTS_MAX   130

static void insist(bool condition)
{
	if (!condition)
		abort();
}

static void on_interrupt(void *transport)
{
	((struct blk_driver *)transport)->n_interrupts++;
}

static void on_config(void *transport, const void *config)
{
	struct blk_driver *drv = transport;

	memcpy(drv->vblk->vdev.config, config, drv->vblk->vdev.config_len);
	drv->n_configs++;
}

static void on_need_reset(void *transport)
{
	((struct blk_driver *)transport)->n_resets++;
}

static void on_look_again(void *transport)
{
	(void)transport;
}

static const struct vdev_transport_ops transport_ops = {.interrupt = on_interrupt,
							.change_config = on_config,
							.need_reset = on_need_reset,
							.look_again = on_look_again};

void blk_driver_start(struct blk_driver *drv, uint64_t features)
{
	struct vdev *vdev = &drv->vblk->vdev;

	drv->next = HEADERS;
	for (unsigned i = 0; i < vdev->n_queues; i++) {
		fakedrv_init(&drv->queues[i], &drv->mem, i * (HEADERS / BLK_QUEUES), BLK_SIZE,
			     FAKEDRV_FEATURES);
		insist(vq_start(&vdev->queues[i], &drv->mem, &drv->queues[i].geometry,
				FAKEDRV_FEATURES) == 0);
	}
	vdev_start(vdev, features | FAKEDRV_FEATURES);
	insist(ring_turn(drv->ring, false) == 0);
}

int blk_driver_init(struct blk_driver *drv, const struct vblk_config *config, uint64_t features,
		    struct err *err)
{
	const struct mem_region ram = {.len = BLK_RAM};
	int doorbells[BLK_QUEUES], ret;

	*drv = (struct blk_driver){.vblk = calloc(1, sizeof(*drv->vblk))};
	insist(drv->vblk != NULL && mem_init(&drv->mem, &ram, 1, MEM_ANONYMOUS, err) == 0);
	drv->mem.dirty = calloc(BLK_RAM / 4096 / 64, sizeof(*drv->mem.dirty));
	insist(ring_new(&drv->ring, err) == 0);
	ret = vblk_init(drv->vblk, &drv->mem, drv->ring, config, err);
	if (ret < 0)
		return ret;
	drv->vblk->vdev.transport = drv;
	drv->vblk->vdev.transport_ops = &transport_ops;
	for (unsigned i = 0; i < BLK_QUEUES; i++)
		doorbells[i] = eventfd(0, EFD_CLOEXEC);
	insist(vdev_add_to_ring(&drv->vblk->vdev, drv->ring, doorbells) == 0);
	insist(ring_seal(drv->ring, err) == 0 && ring_enable(drv->ring, err) == 0);
	for (unsigned i = 0; i < BLK_QUEUES; i++)
		close(doorbells[i]);
	blk_driver_start(drv, features);
	return 0;
}

void blk_driver_done(struct blk_driver *drv)
{
	ring_free(drv->ring);
	vblk_done(drv->vblk);
	free(drv->vblk);
	free(drv->mem.dirty);
	drv->mem.dirty = NULL;
	mem_done(&drv->mem);
}

struct blk_request blk_add(struct blk_driver *drv, unsigned queue, uint32_t type, uint64_t sector,
			   const struct fakedrv_part *data, unsigned n_data)
{
	struct fakedrv_part parts[PARTS_MAX];
	uint64_t gpa = drv->next;
	uint8_t *header = fakedrv_hva(&drv->queues[queue], gpa, HEADER_LEN + 1);

	insist(n_data + 2 <= PARTS_MAX);
	drv->next = gpa + 64 < HEADERS_END ? gpa + 64 : HEADERS;
	memset(header, 0, HEADER_LEN);
	memcpy(header, &type, sizeof(type));
	memcpy(header + 8, &sector, sizeof(sector));
	header[HEADER_LEN] = 0xff;
	parts[0] = (struct fakedrv_part){.gpa = gpa, .len = HEADER_LEN};
	for (unsigned i = 0; i < n_data; i++)
		parts[1 + i] = data[i];
	parts[1 + n_data] = (struct fakedrv_part){.gpa = gpa + HEADER_LEN, .len = 1, .in = true};
	return (struct blk_request){
		.queue = queue,
		.status = header + HEADER_LEN,
		.head = fakedrv_add_indirect(&drv->queues[queue], parts, n_data + 2)};
}

void blk_publish(struct blk_driver *drv, unsigned queue)
{
	if (fakedrv_publish(&drv->queues[queue]))
		vdev_kick(&drv->vblk->vdev, queue);
}

static void note(struct blk_request *requests, unsigned n, unsigned queue,
		 const struct vring_used_elem *used)
{
	for (unsigned i = 0; i < n; i++) {
		if (requests[i].is_done || requests[i].queue != queue ||
		    requests[i].head != (int)used->id)
			continue;
		requests[i].is_done = true;
		requests[i].len = used->len;
		return;
	}
}

void blk_turn(struct blk_driver *drv, struct blk_request *requests, unsigned n, bool wait)
{
	struct vring_used_elem used;

	insist(ring_turn(drv->ring, wait) == 0);
	for (unsigned queue = 0; queue < drv->vblk->vdev.n_queues; queue++)
		while (fakedrv_collect(&drv->queues[queue], &used))
			note(requests, n, queue, &used);
}

void blk_await(struct blk_driver *drv, struct blk_request *requests, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		while (!requests[i].is_done)
			blk_turn(drv, requests, n, drv->vblk->n_busy > 0);
}

uint8_t blk_do(struct blk_driver *drv, uint32_t type, uint64_t sector, uint32_t len)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	const struct fakedrv_part data = {.gpa = BLK_BUFFER, .len = len, .in = in};
	struct blk_request request = blk_add(drv, 0, type, sector, &data, len > 0);

	blk_publish(drv, 0);
	blk_await(drv, &request, 1);
	return *request.status;
}

uint8_t *blk_buffer(struct blk_driver *drv)
{
	return fakedrv_hva(&drv->queues[0], BLK_BUFFER, BLK_RAM - BLK_BUFFER);
}
