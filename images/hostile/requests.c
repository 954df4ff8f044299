/* SPDX-License-Identifier: Apache-2.0 */
/* requests.c - sound chains with requests that a disk cannot do. [virtio 1.2 §5.2.6] */
#include "images/hostile/hostile.h"
#include "images/lib/guest.h"

#define END UINT64_MAX /* as a sector: the first that is not there */
#define ALL UINT32_MAX

struct wrong {
	const char *name;
	uint32_t type;
	uint64_t sector;
	uint32_t header_len; /* of the buffers: header, data, status */
	uint32_t data_len;
	uint32_t status_len;
	/* Of the first range of a discard; the data is two ranges then. */
	uint32_t n_sectors, flags;
};

static const struct wrong wrongs[] = {
	{"type-unknown", 0x1234, 0, 16, 512, 1, 0, 0},
	{"type-all-ones", ALL, 0, 16, 512, 1, 0, 0},
	{"type-barrier", 1U << 31, 0, 16, 512, 1, 0, 0},
	{"header-one-byte", VIRTIO_BLK_T_IN, 0, 1, 512, 1, 0, 0},
	{"header-short", VIRTIO_BLK_T_IN, 0, 15, 512, 1, 0, 0},
	{"header-long", VIRTIO_BLK_T_IN, 0, 17, 512, 1, 0, 0},
	{"data-odd", VIRTIO_BLK_T_IN, 0, 16, 511, 1, 0, 0},
	{"data-one-byte", VIRTIO_BLK_T_IN, 0, 16, 1, 1, 0, 0},
	{"sector-at-the-end", VIRTIO_BLK_T_IN, END, 16, 512, 1, 0, 0},
	{"sector-over-the-end", VIRTIO_BLK_T_IN, END - 1, 16, 1024, 1, 0, 0},
	{"sector-wraps-in-bytes", VIRTIO_BLK_T_IN, 1ULL << 55, 16, 512, 1, 0, 0},
	{"sector-wraps-by-length", VIRTIO_BLK_T_IN, (1ULL << 55) - 1, 16, 512, 1, 0, 0},
	{"sector-negative", VIRTIO_BLK_T_IN, 1ULL << 63, 16, 512, 1, 0, 0},
	{"write-at-the-end", VIRTIO_BLK_T_OUT, END, 16, 512, 1, 0, 0},
	{"write-wraps", VIRTIO_BLK_T_OUT, 1ULL << 55, 16, 512, 1, 0, 0},
	{"write-odd", VIRTIO_BLK_T_OUT, 0, 16, 513, 1, 0, 0},
	{"flush-with-data", VIRTIO_BLK_T_FLUSH, 0, 16, 512, 1, 0, 0},
	{"flush-of-a-sector", VIRTIO_BLK_T_FLUSH, 1ULL << 55, 16, 512, 1, 0, 0},
	{"id-short", VIRTIO_BLK_T_GET_ID, 0, 16, 19, 1, 0, 0},
	{"id-long", VIRTIO_BLK_T_GET_ID, 0, 16, 4096, 1, 0, 0},
	{"discard-odd", VIRTIO_BLK_T_DISCARD, 0, 16, 15, 1, 8, 0},
	{"discard-two", VIRTIO_BLK_T_DISCARD, 0, 16, 32, 1, 8, 0},
	{"discard-nothing", VIRTIO_BLK_T_DISCARD, 0, 16, 16, 1, 0, 0},
	{"discard-all", VIRTIO_BLK_T_DISCARD, 0, 16, 16, 1, ALL, 0},
	{"discard-beyond", VIRTIO_BLK_T_DISCARD, END, 16, 16, 1, 8, 0},
	{"discard-wraps", VIRTIO_BLK_T_DISCARD, 1ULL << 55, 16, 16, 1, 8, 0},
	{"discard-flags", VIRTIO_BLK_T_DISCARD, 0, 16, 16, 1, 8, 1},
	{"zeroes-all", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 16, 1, ALL, 0},
	{"zeroes-wrap", VIRTIO_BLK_T_WRITE_ZEROES, (1ULL << 55) - 1, 16, 16, 1, 8, 0},
	{"zeroes-flags", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 16, 1, 8, 2},
};

static bool reads_data(uint32_t type)
{
	return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
	       type == VIRTIO_BLK_T_WRITE_ZEROES;
}

static uint64_t place(uint64_t sector)
{
	uint64_t capacity = VIRTIO_CONFIG(&device, struct virtio_blk_config, capacity);

	return sector >= END - 1 ? capacity - (END - sector) : sector;
}

static void run_wrong(const struct wrong *wrong)
{
	volatile struct vring_desc *desc = rings[0].desc;
	bool ranges = wrong->type == VIRTIO_BLK_T_DISCARD ||
		      wrong->type == VIRTIO_BLK_T_WRITE_ZEROES;

	begin(VIRTIO_ID_BLOCK);
	sound_read();
	request.header.type = wrong->type;
	request.header.sector = place(wrong->sector);
	request.ranges[0] = (struct virtio_blk_discard_write_zeroes){
		place(wrong->sector), wrong->n_sectors, wrong->flags};
	request.ranges[1] = request.ranges[0];
	desc[0].len = wrong->header_len;
	desc[1].len = wrong->data_len;
	desc[2].len = wrong->status_len;
	if (reads_data(wrong->type))
		desc[1].flags = VRING_DESC_F_NEXT;
	if (ranges)
		desc[1].addr = (uintptr_t)request.ranges;
	offer(0, 0);
	tell_status(await(0, 1));
}

const char *request_name(unsigned i)
{
	return i < sizeof(wrongs) / sizeof(wrongs[0]) ? wrongs[i].name : NULL;
}

bool run_request(const char *name)
{
	for (unsigned i = 0; request_name(i) != NULL; i++)
		if (same_text(wrongs[i].name, name)) {
			run_wrong(&wrongs[i]);
			return true;
		}
	return false;
}
