/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a block device: an input is a list of moves, each one request, most of them valid. A
 * model has the disk as it should be; the device answers what the model says, and writes nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/blk_driver.h"

#define SECTORS  UINT64_C(512)
#define LEN      (SECTORS * 512)
#define DATA     BLK_BUFFER
#define DATA_MAX (64U << 10)
#define HEADER                                                                                     \
	(BLK_BUFFER + (UINT64_C(1) << 20)) /* gpa; the status follows, then what no one may write */
#define GUARD_LEN 256
#define GUARD     0x5a
#define PARTS_MAX 72

/* One request. */
struct move {
	uint8_t type;
	uint8_t sector_low, sector_high;
	uint8_t n_sectors;
	uint8_t cut;   /* into how many buffers data is cut */
	uint8_t odd;   /* bits: what is wrong with it */
	uint8_t value; /* of the data, or flags of a range */
	uint8_t queue;
};

enum {
	ODD_LEN = 1,
	ODD_SECTOR = 2,
	ODD_TYPE = 4,
	ODD_HEADER = 8,
	ODD_STATUS = 16, /* there is none */
	ODD_CUT = 32,    /* into very many */
};

static const uint32_t types[] = {
	VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,          VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID,
	VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_IN,    VIRTIO_BLK_T_OUT};

static struct blk_driver drv;
static uint8_t model[LEN];

struct request {
	uint32_t type;
	uint64_t sector;
	uint32_t len; /* bytes of data */
	bool in;      /* the device writes the data */
	bool whole;   /* header and status are there */
	unsigned n_parts;
};

static void begin(void)
{
	static bool is_made;
	struct err err;
	const struct vblk_config config = {.kind = VBLK_MEMORY,
					   .len = LEN,
					   .sector = 512,
					   .n_queues = BLK_QUEUES,
					   .serial = "fuzz",
					   .file = {.fd = -1, .direct_fd = -1},
					   .layer_fd = -1};

	if (!is_made) {
		fuzz_check(blk_driver_init(&drv, &config, UINT64_C(1) << VIRTIO_BLK_F_FLUSH,
					   &err) == 0);
		is_made = true;
		return;
	}
	fuzz_check(vdev_drain(&drv.vblk->vdev));
	vdev_reset(&drv.vblk->vdev);
	blk_driver_start(&drv, UINT64_C(1) << VIRTIO_BLK_F_FLUSH);
	memset(drv.vblk->memory.bytes, 0, LEN);
}

static struct request plan(struct move *move)
{
	struct request r = {.type = types[move->type % 8],
			    .sector = (uint64_t)(move->sector_high << 8 | move->sector_low) %
				      (SECTORS + 2),
			    .len = 512U * (move->n_sectors % 32 + 1)};

	if ((move->odd & ODD_TYPE) != 0)
		r.type = move->type;
	if ((move->odd & ODD_SECTOR) != 0)
		r.sector = UINT64_MAX / 512 - move->sector_low;
	if (r.type == VIRTIO_BLK_T_FLUSH)
		r.len = 0;
	if (r.type == VIRTIO_BLK_T_GET_ID)
		r.len = 20;
	if (r.type == VIRTIO_BLK_T_DISCARD || r.type == VIRTIO_BLK_T_WRITE_ZEROES)
		r.len = 16;
	if ((move->odd & ODD_LEN) != 0)
		r.len = (r.len + move->value) % DATA_MAX;
	r.in = r.type == VIRTIO_BLK_T_IN || r.type == VIRTIO_BLK_T_GET_ID;
	/* A header that is too short goes on in data that the device reads. */
	if (!r.in && r.len > 0)
		move->odd &= (uint8_t)~ODD_HEADER;
	r.whole = (move->odd & (ODD_HEADER | ODD_STATUS)) == 0;
	return r;
}

static void fill_memory(const struct move *move, const struct request *r, uint8_t *data,
			uint8_t *header)
{
	memset(data, move->value, r->len);
	if (r->type == VIRTIO_BLK_T_DISCARD || r->type == VIRTIO_BLK_T_WRITE_ZEROES) {
		le64_put(data, r->sector);
		le32_put(data + 8, move->n_sectors);
		le32_put(data + 12, move->value % 4 == 0 ? 1 : 0);
	}
	memset(data + r->len, GUARD, GUARD_LEN);
	le32_put(header, r->type);
	le32_put(header + 4, 0);
	le64_put(header + 8, r->sector);
	header[16] = 0xff;
	memset(header + 17, GUARD, GUARD_LEN);
}

/* Header, data in pieces, status. */
static unsigned cut(const struct move *move, const struct request *r, struct fakedrv_part *parts)
{
	unsigned n = 0, pieces = (move->odd & ODD_CUT) != 0 ? 65 : move->cut % 5 + 1;
	uint32_t piece = r->len / pieces, at = 0;

	parts[n++] = (struct fakedrv_part){HEADER, (move->odd & ODD_HEADER) != 0 ? 15 : 16, false};
	while (at < r->len) {
		uint32_t len = piece == 0 || n == pieces ? r->len - at : piece;

		parts[n++] = (struct fakedrv_part){DATA + at, len, r->in};
		at += len;
	}
	if ((move->odd & ODD_STATUS) == 0)
		parts[n++] = (struct fakedrv_part){HEADER + 16, 1, true};
	return n;
}

static bool is_inside(uint64_t sector, uint64_t len)
{
	return len > 0 && len % 512 == 0 && sector <= SECTORS && len / 512 <= SECTORS - sector;
}

/* What the model answers, and does. Reads are compared with it afterwards. */
static uint8_t expect(const struct request *r, unsigned n_data, const uint8_t *data)
{
	uint32_t n = le32_get(data + 8), flags = le32_get(data + 12);

	switch (r->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		if (!is_inside(r->sector, r->len) || n_data > VBLK_SEG_MAX)
			return VIRTIO_BLK_S_IOERR;
		if (r->type == VIRTIO_BLK_T_OUT)
			memcpy(model + r->sector * 512, data, r->len);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return r->len >= 20 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (r->len != 16)
			return VIRTIO_BLK_S_IOERR;
		if (flags != 0 && r->type == VIRTIO_BLK_T_DISCARD)
			return VIRTIO_BLK_S_UNSUPP;
		if (!is_inside(le64_get(data), (uint64_t)n * 512))
			return VIRTIO_BLK_S_IOERR;
		memset(model + le64_get(data) * 512, 0, (size_t)n * 512);
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void check_guard(const uint8_t *bytes)
{
	for (unsigned i = 0; i < GUARD_LEN; i++)
		fuzz_check(bytes[i] == GUARD);
}

/* Returns false where the device has broken off. */
static bool play(struct move *move)
{
	unsigned queue = move->queue % BLK_QUEUES, n;
	struct request r = plan(move);
	uint8_t *data = fakedrv_hva(&drv.queues[queue], DATA, DATA_MAX + GUARD_LEN);
	uint8_t *header = fakedrv_hva(&drv.queues[queue], HEADER, 17 + GUARD_LEN);
	struct fakedrv_part parts[PARTS_MAX];
	struct blk_request request = {.queue = queue};
	uint8_t status;

	fill_memory(move, &r, data, header);
	n = cut(move, &r, parts);
	status = r.whole ? expect(&r, n - 2, data) : VIRTIO_BLK_S_IOERR;
	request.head = (move->cut & 128) != 0 ? fakedrv_add_indirect(&drv.queues[queue], parts, n)
					      : fakedrv_add(&drv.queues[queue], parts, n);
	fuzz_check(request.head >= 0);
	blk_publish(&drv, queue);
	for (unsigned i = 0; i < 4 && !request.is_done && drv.n_resets == 0; i++)
		blk_turn(&drv, &request, 1, false);
	check_guard(data + r.len);
	check_guard(header + 17);
	if (drv.n_resets > 0) {
		fuzz_check((move->odd & ODD_STATUS) != 0);
		return false;
	}
	fuzz_check(request.is_done);
	if ((move->odd & ODD_STATUS) != 0)
		return true; /* the last byte of its data was one */
	fuzz_check(header[16] == status);
	if (r.whole && r.type == VIRTIO_BLK_T_IN && status == VIRTIO_BLK_S_OK)
		fuzz_check(memcmp(data, model + r.sector * 512, r.len) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct move move;

	begin();
	memset(model, 0, sizeof(model));
	drv.n_resets = 0;
	for (size_t at = 0; size - at >= sizeof(move); at += sizeof(move)) {
		memcpy(&move, data + at, sizeof(move));
		if (!play(&move))
			break;
		/* Without a status the last byte of the data is one: the model does not follow. */
		if ((move.odd & ODD_STATUS) != 0)
			return 0;
	}
	fuzz_check(memcmp(drv.vblk->memory.bytes, model, LEN) == 0);
	fuzz_check(drv.vblk->n_busy == 0);
	return 0;
}
