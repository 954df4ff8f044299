/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - one type of request, again and again: each queue by a CPU, each with some in flight. */
#include "images/blk/blk.h"

#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define SUB_BUCKETS_LOG 4 /* buckets for each power of two */

static const struct work *work;
static struct tally *tallies; /* by queue */
static struct vblk_request **requests;
static uint64_t deadline; /* by the TSC */

/* Bucket of a time: its highest bit, and the four below it. */
static unsigned bucket_of(uint64_t ticks)
{
	unsigned shift = 0;

	while (ticks >> shift >= 2U << SUB_BUCKETS_LOG)
		shift++;
	return shift * (1U << SUB_BUCKETS_LOG) + (unsigned)(ticks >> shift);
}

uint64_t latency_of(unsigned bucket)
{
	unsigned shift = bucket >> SUB_BUCKETS_LOG;

	if (shift < 2)
		return bucket;
	shift--;
	return (((uint64_t)bucket - (shift << SUB_BUCKETS_LOG) + 1) << shift) - 1;
}

/* Queue q of n does the requests q, q + n, q + 2n, ... */
static uint64_t sector_of(uint64_t index)
{
	uint64_t step = options.size / SECTOR;

	if (work->type == VIRTIO_BLK_T_FLUSH)
		return 0;
	if (!work->timed)
		return options.sector + index * step;
	if (disk.capacity < step)
		guest_fail("the disk is smaller than a request\n");
	if (options.random)
		index = pattern_word(options.pattern, index);
	return index % (disk.capacity / step) * step;
}

static bool more_to_send(uint64_t index)
{
	return work->limit != 0 ? read_tsc() < deadline : index < options.count;
}

static void send(unsigned queue, struct vblk_request *request, uint64_t index)
{
	request->index = index;
	request->header.sector = sector_of(index);
	if (work->prepare != NULL)
		work->prepare(request);
	if (work->timed)
		request->started = read_tsc();
	if (!vblk_add(&disk, queue, request, work->type, request->header.sector))
		guest_fail("queue %u has no room for depth=%lu\n", queue, options.depth);
}

/* The device has written the status, and before it what was read. */
static bool succeeded(const struct vblk_request *request)
{
	uint32_t data = work->type == VIRTIO_BLK_T_IN ? request->len : 0;

	return request->status == VIRTIO_BLK_S_OK && request->written == data + 1;
}

static void judge(const struct vblk_request *request, struct tally *tally)
{
	tally->n_done++;
	if (work->timed)
		tally->latencies[bucket_of(read_tsc() - request->started)]++;
	if (!succeeded(request))
		tally->n_failed++;
	else if (work->check != NULL)
		work->check(request, tally);
}

static void work_on_queue(uint32_t queue)
{
	struct vblk_request **mine = requests + queue * options.depth, *request;
	struct tally *tally = &tallies[queue];
	uint64_t index = queue, n_idle = options.depth, n_flying = 0;

	for (;;) {
		for (; n_idle > 0 && more_to_send(index); index += options.queues, n_flying++)
			send(queue, mine[--n_idle], index);
		if (n_flying == 0)
			break;
		vq_kick(&disk.queues[queue]);
		vq_wait(&disk.queues[queue], 1);
		while ((request = vblk_get(&disk, queue)) != NULL) {
			judge(request, tally);
			mine[n_idle++] = request;
			n_flying--;
		}
	}
	tally->n_kicks = disk.queues[queue].n_kicks;
}

static void add_up(struct tally *to, const struct tally *tally)
{
	if (tally->n_bad > 0 && (to->n_bad == 0 || tally->first_bad < to->first_bad))
		to->first_bad = tally->first_bad;
	to->n_done += tally->n_done;
	to->n_failed += tally->n_failed;
	to->n_bad += tally->n_bad;
	to->sum += tally->sum;
	to->n_kicks += tally->n_kicks;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		to->latencies[i] += tally->latencies[i];
}

static void just_start(uint32_t cpu)
{
	(void)cpu;
}

void do_work(const struct work *given, struct tally *ret_tally)
{
	uint64_t n = options.queues * options.depth;
	bool has_data = given->type != VIRTIO_BLK_T_FLUSH;
	uint64_t start;

	work = given;
	tallies = memory_take(options.queues * sizeof(*tallies));
	requests = memory_take(n * sizeof(struct vblk_request *));
	for (uint64_t i = 0; i < n; i++)
		requests[i] = new_request(has_data ? options.size : 0);
	run_on_cpus((unsigned)options.queues, just_start);
	start = read_tsc();
	deadline = start + work->limit;
	run_on_cpus((unsigned)options.queues, work_on_queue);
	*ret_tally = (struct tally){.ticks = read_tsc() - start};
	for (uint64_t i = 0; i < options.queues; i++)
		add_up(ret_tally, &tallies[i]);
}
