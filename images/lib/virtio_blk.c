/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_blk.c - a driver for disks. */
#include "images/lib/virtio_blk.h"

#include "images/lib/guest.h"

#define BIT(n) (UINT64_C(1) << (n))

static const uint64_t wanted = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_RO) |
			       BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH) |
			       BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_MQ) |
			       BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES);

static void read_config(struct vblk *disk)
{
	struct virtio *device = &disk->device;

	disk->capacity = VIRTIO_CONFIG(device, struct virtio_blk_config, capacity);
	disk->block_size = SECTOR;
	if (virtio_has(device, VIRTIO_BLK_F_BLK_SIZE))
		disk->block_size = (uint32_t)VIRTIO_CONFIG(device, struct virtio_blk_config,
							   blk_size);
	disk->queues_offered = 1;
	if (virtio_has(device, VIRTIO_BLK_F_MQ))
		disk->queues_offered = (unsigned)VIRTIO_CONFIG(device, struct virtio_blk_config,
							       num_queues);
}

void vblk_open(struct vblk *disk, unsigned nth, unsigned n_queues, uint16_t ring_size)
{
	if (!virtio_open(&disk->device, VIRTIO_ID_BLOCK, nth, wanted))
		guest_fail("there is no disk %u\n", nth);
	read_config(disk);
	if (n_queues > disk->queues_offered || n_queues > VBLK_QUEUES_MAX)
		guest_fail("%u queues wanted, %u there\n", n_queues, disk->queues_offered);
	disk->n_queues = n_queues;
	for (unsigned i = 0; i < n_queues; i++)
		vq_init(&disk->queues[i], &disk->device, (uint16_t)i, ring_size);
	virtio_ready(&disk->device);
}

static bool device_writes_data(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

/* Pieces of whole sectors, the last one takes the rest. */
static unsigned cut(const struct vblk_request *request, struct vq_buffer *ret_pieces)
{
	unsigned n = request->n_pieces > 1 ? request->n_pieces : 1;
	uint32_t step = request->len / n / SECTOR * SECTOR, at = 0;

	if (request->len == 0)
		return 0;
	if (step == 0 || n > VBLK_BUFFERS_MAX)
		n = 1;
	for (unsigned i = 0; i < n; i++, at += step)
		ret_pieces[i] = (struct vq_buffer){request->data + at,
						   i + 1 < n ? step : request->len - at,
						   device_writes_data(request->header.type)};
	return n;
}

bool vblk_add(struct vblk *disk, unsigned queue, struct vblk_request *request, uint32_t type,
	      uint64_t sector)
{
	struct vq_buffer buffers[VBLK_BUFFERS_MAX + 2];
	bool indirect = virtio_has(&disk->device, VIRTIO_RING_F_INDIRECT_DESC);
	unsigned n;

	request->header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
	request->status = VBLK_STATUS_UNSET;
	buffers[0] = (struct vq_buffer){&request->header, sizeof(request->header), false};
	n = 1 + cut(request, buffers + 1);
	buffers[n++] = (struct vq_buffer){&request->status, 1, true};
	return vq_add(&disk->queues[queue], buffers, n, indirect ? request->table : NULL, request);
}

struct vblk_request *vblk_get(struct vblk *disk, unsigned queue)
{
	uint32_t written;
	struct vblk_request *request = vq_get(&disk->queues[queue], &written);

	if (request != NULL)
		request->written = written;
	return request;
}

uint8_t vblk_do(struct vblk *disk, struct vblk_request *request, uint32_t type, uint64_t sector)
{
	if (!vblk_add(disk, 0, request, type, sector))
		guest_fail("no room for one request\n");
	vq_kick(&disk->queues[0]);
	vq_wait(&disk->queues[0], 1);
	vblk_get(disk, 0);
	return request->status;
}
