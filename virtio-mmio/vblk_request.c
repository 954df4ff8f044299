/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vblk_request.h"

#include "base/le.h"
#include "iouring-io/block.h"

/* Where in struct virtio_blk_outhdr, and in struct virtio_blk_discard_write_zeroes, what stands. */
enum {
	HEADER_LEN = 16,
	HEADER_TYPE = 0,
	HEADER_SECTOR = 8,
	RANGE_LEN = 16,
	RANGE_SECTOR = 0,
	RANGE_N_SECTORS = 8,
	RANGE_FLAGS = 12,
};

/*
 * The next `len` bytes of buffers that begin at `cursor`, in `iov`. False where they are in more
 * pieces than there is room for.
 */
static bool collect(const struct iov_cursor *cursor, uint64_t len, struct iovec *iov,
		    unsigned *ret_n)
{
	size_t skip = cursor->offset;
	unsigned n = 0;

	for (unsigned i = cursor->index; len > 0; i++) {
		uint64_t here = cursor->iov[i].iov_len - skip;

		if (n == VBLK_SEG_MAX)
			return false;
		here = here < len ? here : len;
		iov[n++] = (struct iovec){(uint8_t *)cursor->iov[i].iov_base + skip, here};
		len -= here;
		skip = 0;
	}
	*ret_n = n;
	return true;
}

/* [virtio 1.2 §5.2.6.2] What is not inside the disk is answered with IOERR. */
static bool is_inside(const struct vblk_disk *disk, uint64_t sector, uint64_t len)
{
	uint64_t end;

	return !__builtin_mul_overflow(sector, BLOCK_SECTOR, &sector) &&
	       !__builtin_add_overflow(sector, len, &end) && end <= disk->len;
}

static uint8_t parse_transfer(const struct vblk_disk *disk, const struct iov_cursor *data,
			      uint64_t sector, struct iovec *iov, struct vblk_parsed *parsed)
{
	if (parsed->len == 0 || parsed->len % BLOCK_SECTOR != 0 || parsed->len > VBLK_LEN_MAX ||
	    !is_inside(disk, sector, parsed->len) ||
	    !collect(data, parsed->len, iov, &parsed->n_iov))
		return VIRTIO_BLK_S_IOERR;
	parsed->offset = sector * BLOCK_SECTOR;
	return VIRTIO_BLK_S_OK;
}

/* [virtio 1.2 §5.2.6.2] One range, since we say that there is no more than one. */
static uint8_t parse_range(const struct vblk_disk *disk, struct iov_cursor *data,
			   struct vblk_parsed *parsed)
{
	bool zeroes = parsed->type == VIRTIO_BLK_T_WRITE_ZEROES;
	uint8_t range[RANGE_LEN];
	uint32_t n_sectors, flags;
	uint64_t sector;

	if (parsed->len != RANGE_LEN)
		return VIRTIO_BLK_S_IOERR;
	iov_gather(data, range, sizeof(range));
	sector = le64_get(range + RANGE_SECTOR);
	n_sectors = le32_get(range + RANGE_N_SECTORS);
	flags = le32_get(range + RANGE_FLAGS);
	if ((flags & ~(zeroes ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0U)) != 0)
		return VIRTIO_BLK_S_UNSUPP;
	parsed->len = (uint64_t)n_sectors * BLOCK_SECTOR;
	if (n_sectors == 0 || n_sectors > (zeroes ? VBLK_ZERO_SECTORS : VBLK_DISCARD_SECTORS) ||
	    !is_inside(disk, sector, parsed->len))
		return VIRTIO_BLK_S_IOERR;
	parsed->offset = sector * BLOCK_SECTOR;
	parsed->unmap = flags != 0;
	return VIRTIO_BLK_S_OK;
}

static bool is_write(uint32_t type)
{
	return type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD ||
	       type == VIRTIO_BLK_T_WRITE_ZEROES;
}

/* `out` stands behind the header, `in` at the first buffer for the device to write. */
static uint8_t parse_type(const struct vq_chain *chain, const struct vblk_disk *disk,
			  struct iov_cursor *out, uint64_t sector, struct iovec *iov,
			  struct vblk_parsed *parsed)
{
	struct iov_cursor in;

	iov_init(&in, chain->iov + chain->n_out, chain->n_in);
	parsed->len = is_write(parsed->type) ? chain->out_len - HEADER_LEN : chain->in_len - 1;
	if (disk->read_only && is_write(parsed->type))
		return VIRTIO_BLK_S_IOERR;
	switch (parsed->type) {
	case VIRTIO_BLK_T_IN:
		return parse_transfer(disk, &in, sector, iov, parsed);
	case VIRTIO_BLK_T_OUT:
		return parse_transfer(disk, out, sector, iov, parsed);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return parse_range(disk, out, parsed);
	case VIRTIO_BLK_T_GET_ID:
		if (parsed->len < VIRTIO_BLK_ID_BYTES)
			return VIRTIO_BLK_S_IOERR;
		parsed->len = VIRTIO_BLK_ID_BYTES;
		return collect(&in, parsed->len, iov, &parsed->n_iov) ? VIRTIO_BLK_S_OK
								      : VIRTIO_BLK_S_IOERR;
	case VIRTIO_BLK_T_FLUSH:
		parsed->len = 0;
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

void vblk_parse(const struct vq_chain *chain, const struct vblk_disk *disk, struct iovec *iov,
		struct vblk_parsed *ret_parsed)
{
	uint8_t header[HEADER_LEN];
	const struct iovec *last;
	struct iov_cursor out;

	*ret_parsed = (struct vblk_parsed){.status = VIRTIO_BLK_S_IOERR};
	/* The status is the last byte that the device may write; in what did not fit, it is unknown. */
	if (chain->in_len == 0 || chain->too_long)
		return;
	last = &chain->iov[chain->n_out + chain->n_in - 1];
	ret_parsed->status_byte = (uint8_t *)last->iov_base + last->iov_len - 1;
	if (chain->out_len < HEADER_LEN)
		return;
	iov_init(&out, chain->iov, chain->n_out);
	iov_gather(&out, header, sizeof(header));
	ret_parsed->type = le32_get(header + HEADER_TYPE);
	ret_parsed->status = parse_type(chain, disk, &out, le64_get(header + HEADER_SECTOR), iov,
					ret_parsed);
}
