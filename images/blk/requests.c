/* SPDX-License-Identifier: Apache-2.0 */
/* requests.c - what the disk says of itself, and requests that come one by one. */
#include "images/blk/blk.h"

#include "images/lib/guest.h"

static uint64_t config_if(unsigned feature, unsigned offset, unsigned len)
{
	return virtio_has(&disk.device, feature) ? virtio_config(&disk.device, offset, len) : 0;
}

#define CONFIG_IF(feature, field)                                                                  \
	config_if(feature, offsetof(struct virtio_blk_config, field),                              \
		  sizeof(((struct virtio_blk_config *)NULL)->field))

static void tell_serial(void)
{
	struct vblk_request *request = new_request(VIRTIO_BLK_ID_BYTES + 1);
	uint8_t status;

	request->len = VIRTIO_BLK_ID_BYTES;
	status = vblk_do(&disk, request, VIRTIO_BLK_T_GET_ID, 0);
	if (status == VIRTIO_BLK_S_OK)
		print(" serial=%s\n", (const char *)request->data);
	else
		print(" no-serial=%u\n", status);
}

bool blk_info(void)
{
	print("blk info capacity=%lu block=%u offered=0x%lx features=0x%lx queues=%u ring=%u "
	      "segments=%lu read-only=%u discard-max=%lu zeroes-max=%lu physical-exp=%lu",
	      disk.capacity, disk.block_size, disk.device.offered, disk.device.features,
	      disk.queues_offered, disk.queues[0].size, CONFIG_IF(VIRTIO_BLK_F_SEG_MAX, seg_max),
	      virtio_has(&disk.device, VIRTIO_BLK_F_RO),
	      CONFIG_IF(VIRTIO_BLK_F_DISCARD, max_discard_sectors),
	      CONFIG_IF(VIRTIO_BLK_F_WRITE_ZEROES, max_write_zeroes_sectors),
	      CONFIG_IF(VIRTIO_BLK_F_TOPOLOGY, physical_block_exp));
	tell_serial();
	return true;
}

bool blk_flush(void)
{
	uint8_t status = vblk_do(&disk, new_request(0), VIRTIO_BLK_T_FLUSH, 0);

	print("blk flush status=%u\n", status);
	return status == VIRTIO_BLK_S_OK;
}

/* Reads that the device is to find all at once, and to answer by one interrupt, for the last. */
bool blk_batch(void)
{
	struct vq *q = &disk.queues[0];
	const struct vblk_request *done;
	uint64_t n_failed = 0;

	for (uint64_t i = 0; i < options.n; i++)
		if (!vblk_add(&disk, 0, new_request(options.size), VIRTIO_BLK_T_IN,
			      options.sector + i * options.size / SECTOR))
			guest_fail("the queue has no room for n=%lu\n", options.n);
	if (!disk.device.polls)
		vq_interrupt_after(q, (unsigned)options.n);
	vq_kick(q);
	vq_wait(q, (unsigned)options.n);
	while ((done = vblk_get(&disk, 0)) != NULL)
		n_failed += done->status != VIRTIO_BLK_S_OK;
	print("blk batch n=%lu failed=%lu kicks=%lu interrupts=%u\n", options.n, n_failed,
	      q->n_kicks, disk.device.n_used);
	return n_failed == 0;
}

static bool do_range(const char *name, uint32_t type, uint32_t flags)
{
	struct vblk_request *request = new_request(sizeof(struct virtio_blk_discard_write_zeroes));
	uint8_t status;

	*(struct virtio_blk_discard_write_zeroes *)request->data =
		(struct virtio_blk_discard_write_zeroes){options.sector,
							 (uint32_t)(options.size / SECTOR), flags};
	status = vblk_do(&disk, request, type, 0);
	print("blk %s sector=%lu sectors=%lu status=%u\n", name, options.sector,
	      options.size / SECTOR, status);
	return status == VIRTIO_BLK_S_OK;
}

bool blk_discard(void)
{
	return do_range("discard", VIRTIO_BLK_T_DISCARD, 0);
}

bool blk_zeroes(void)
{
	return do_range("zeroes", VIRTIO_BLK_T_WRITE_ZEROES,
			options.unmap ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0);
}

bool blk_watch(void)
{
	print("blk watch capacity=%lu\n", disk.capacity);
	for (uint32_t seen = 0; seen < options.count; seen++) {
		wait_change(&disk.device.n_changed, seen);
		print("blk watch capacity=%lu\n",
		      VIRTIO_CONFIG(&disk.device, struct virtio_blk_config, capacity));
	}
	return true;
}
