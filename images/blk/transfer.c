/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.c - reading, writing, comparing, and how fast. */
#include "images/blk/blk.h"

#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define WORDS       (SECTOR / sizeof(uint64_t))
#define NS_A_SECOND UINT64_C(1000000000)

static struct tally tally; /* too large for a stack */

static void add_words(const struct vblk_request *request, struct tally *to)
{
	const uint64_t *words = (const uint64_t *)request->data;

	for (uint32_t i = 0; i < request->len / sizeof(uint64_t); i++)
		to->sum += words[i];
}

static void fill_pattern(struct vblk_request *request)
{
	uint64_t *words = (uint64_t *)request->data, first = request->header.sector * WORDS;

	for (uint32_t i = 0; i < request->len / sizeof(uint64_t); i++)
		words[i] = pattern_word(options.pattern, first + i);
}

static bool has_pattern(const uint64_t *words, uint64_t sector)
{
	for (uint32_t i = 0; i < WORDS; i++)
		if (words[i] != pattern_word(options.pattern, sector * WORDS + i))
			return false;
	return true;
}

static void compare_pattern(const struct vblk_request *request, struct tally *to)
{
	for (uint32_t at = 0; at < request->len; at += SECTOR) {
		uint64_t sector = request->header.sector + at / SECTOR;

		if (has_pattern((const uint64_t *)(request->data + at), sector))
			continue;
		if (to->n_bad == 0 || sector < to->first_bad)
			to->first_bad = sector;
		to->n_bad++;
	}
}

static bool transfer(const char *name, const struct work *given, struct tally *ret_tally)
{
	do_work(given, ret_tally);
	print("blk %s requests=%lu failed=%lu kicks=%lu interrupts=%u", name, ret_tally->n_done,
	      ret_tally->n_failed, ret_tally->n_kicks, disk.device.n_used);
	return ret_tally->n_failed == 0;
}

bool blk_read(void)
{
	const struct work given = {.type = VIRTIO_BLK_T_IN, .check = add_words};
	bool ok = transfer("read", &given, &tally);

	print(" sum=0x%lx\n", tally.sum);
	return ok;
}

bool blk_write(void)
{
	const struct work given = {.type = VIRTIO_BLK_T_OUT, .prepare = fill_pattern};
	bool ok = transfer("write", &given, &tally);

	print("\n");
	return ok;
}

bool blk_verify(void)
{
	const struct work given = {.type = VIRTIO_BLK_T_IN, .check = compare_pattern};
	bool ok = transfer("verify", &given, &tally);

	print(" bad=%lu first-bad=%lu\n", tally.n_bad, tally.first_bad);
	return ok && tally.n_bad == 0;
}

/* Where the host gives no clock, a tick is taken for a nanosecond. */
static uint64_t ticks_a_second(void)
{
	uint64_t frequency = tsc_frequency();

	return frequency != 0 ? frequency : NS_A_SECOND;
}

static uint64_t ns_of(uint64_t ticks)
{
	uint64_t second = ticks_a_second();

	return ticks / second * NS_A_SECOND + ticks % second * NS_A_SECOND / second;
}

/* The time that `permille` of the requests did not take longer than. */
static uint64_t quantile(uint64_t permille)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		n += tally.latencies[i];
		if (n * 1000 >= tally.n_done * permille)
			return ns_of(latency_of(i));
	}
	return 0;
}

static bool bench(const char *name, uint32_t type)
{
	struct work work = {.type = type, .timed = true};
	uint64_t ns;

	work.limit = options.seconds * ticks_a_second();
	do_work(&work, &tally);
	ns = ns_of(tally.ticks);
	print("blk %s requests=%lu failed=%lu ns=%lu per-second=%lu p50-ns=%lu p99-ns=%lu kicks=%lu "
	      "interrupts=%u\n",
	      name, tally.n_done, tally.n_failed, ns, ns > 0 ? tally.n_done * NS_A_SECOND / ns : 0,
	      quantile(500), quantile(990), tally.n_kicks, disk.device.n_used);
	return tally.n_failed == 0;
}

bool blk_bench_read(void)
{
	return bench("bench-read", VIRTIO_BLK_T_IN);
}

bool blk_bench_write(void)
{
	return bench("bench-write", VIRTIO_BLK_T_OUT);
}

bool blk_bench_flush(void)
{
	return bench("bench-flush", VIRTIO_BLK_T_FLUSH);
}
