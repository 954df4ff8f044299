/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.c - what was flushed is there, whatever happens next: numbered records, and the proof.
 *
 * Record k is sector `sector` + k, from 1 on: its kind, k, the seed, the pattern, and a checksum. Some
 * (`depth`) are written side by side, then flushed; then the marker in sector `sector` says how far,
 * and so does a line on the serial port. So whenever the host kills us or loses its cache, the
 * records up to the last line, and those up to the marker on the disk, must be there.
 */
#include "images/blk/blk.h"

#include "images/lib/guest.h"

#define RECORD    UINT64_C(0x64726f6365726d66)
#define MARKER    UINT64_C(0x72656b72616d6d66)
#define WORDS     (SECTOR / sizeof(uint64_t))
#define AT_A_TIME 128 /* records in one read */
#define FOR_EVER  0

struct record {
	uint64_t kind, number, seed;
	uint64_t words[WORDS - 4];
	uint64_t checksum;
};

static uint64_t sum_of(const struct record *record)
{
	const uint64_t *words = (const uint64_t *)record;
	uint64_t sum = 0;

	for (unsigned i = 0; i < WORDS - 1; i++)
		sum = pattern_word(sum, words[i]);
	return sum;
}

static void fill(struct record *record, uint64_t kind, uint64_t number)
{
	record->kind = kind;
	record->number = number;
	record->seed = options.pattern;
	for (unsigned i = 0; i < WORDS - 4; i++)
		record->words[i] = pattern_word(options.pattern + number, i);
	record->checksum = sum_of(record);
}

static bool is_sound(const struct record *record, uint64_t kind)
{
	return record->kind == kind && record->seed == options.pattern &&
	       record->checksum == sum_of(record);
}

static void must(uint8_t status)
{
	if (status != VIRTIO_BLK_S_OK)
		guest_fail("status %u\n", status);
}

/* Records first to first + n - 1, which are all on the way before one is waited for. */
static void write_records(struct vblk_request *const *requests, uint64_t first, uint64_t n)
{
	struct vblk_request *request;

	for (uint64_t i = 0; i < n; i++) {
		fill((struct record *)requests[i]->data, RECORD, first + i);
		if (!vblk_add(&disk, 0, requests[i], VIRTIO_BLK_T_OUT, options.sector + first + i))
			guest_fail("the queue has no room for depth=%lu\n", n);
	}
	vq_kick(&disk.queues[0]);
	vq_wait(&disk.queues[0], (unsigned)n);
	while ((request = vblk_get(&disk, 0)) != NULL)
		must(request->status);
}

bool blk_flush_order(void)
{
	uint64_t room = disk.capacity - options.sector - 1, number = 0, depth = options.depth;
	struct vblk_request **requests = memory_take(depth * sizeof(struct vblk_request *));
	struct vblk_request *flush = new_request(0), *marker = new_request(SECTOR);

	for (uint64_t i = 0; i < depth; i++)
		requests[i] = new_request(SECTOR);
	while (number + depth <= room && (options.count == FOR_EVER || number < options.count)) {
		write_records(requests, number + 1, depth);
		number += depth;
		must(vblk_do(&disk, flush, VIRTIO_BLK_T_FLUSH, 0));
		fill((struct record *)marker->data, MARKER, number);
		must(vblk_do(&disk, marker, VIRTIO_BLK_T_OUT, options.sector));
		print("flushed %lu\n", number);
	}
	return true;
}

/* How far the disk itself says that it was flushed. */
static uint64_t read_marker(void)
{
	struct vblk_request *request = new_request(SECTOR);
	const struct record *record = (const struct record *)request->data;

	must(vblk_do(&disk, request, VIRTIO_BLK_T_IN, options.sector));
	return is_sound(record, MARKER) ? record->number : 0;
}

bool blk_flush_check(void)
{
	struct vblk_request *request = new_request((uint64_t)AT_A_TIME * SECTOR);
	uint64_t marker = read_marker(), last = disk.capacity - options.sector - 1;
	uint64_t promised = marker > options.expect ? marker : options.expect;
	uint64_t missing = promised, highest = 0, at = 1;

	for (; at <= last && at <= promised + AT_A_TIME; at += AT_A_TIME) {
		uint64_t n = last - at + 1 < AT_A_TIME ? last - at + 1 : AT_A_TIME;

		request->len = (uint32_t)(n * SECTOR);
		must(vblk_do(&disk, request, VIRTIO_BLK_T_IN, options.sector + at));
		for (uint64_t i = 0; i < n; i++) {
			const struct record *record = (const struct record *)request->data + i;

			if (!is_sound(record, RECORD) || record->number != at + i)
				continue;
			highest = at + i;
			missing -= at + i <= promised;
		}
	}
	print("blk flush-check marker=%lu promised=%lu highest=%lu missing=%lu\n", marker, promised,
	      highest, missing);
	return missing == 0;
}
