/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blk.h - what the files of blk share: options, the disk, and work for its queues. All in ring 3.
 *
 * The pattern: bytes 8i to 8i+7 of sector s are the number pattern_word(seed, s * 64 + i).
 */
#ifndef MAYFLY_BLK_H
#define MAYFLY_BLK_H

#include "images/lib/virtio_blk.h"

/* Words NAME=NUMBER after a verb; each verb begins with the defaults in blk.c. */
struct blk_options {
	uint64_t disk;     /* which */
	uint64_t sector;   /* where it begins */
	uint64_t count;    /* requests, records, changes */
	uint64_t size;     /* bytes of a request */
	uint64_t depth;    /* requests in flight on each queue */
	uint64_t queues;   /* each with a CPU of its own */
	uint64_t pattern;  /* seed */
	uint64_t poll;     /* 1: no interrupts */
	uint64_t ring;     /* entries of a queue, at most */
	uint64_t segments; /* buffers of a request */
	uint64_t without;  /* features not to take */
	uint64_t seconds;  /* of a benchmark, instead of a count */
	uint64_t random;   /* 1: sectors of a benchmark in no order */
	uint64_t unmap;    /* 1: zeroes may free the sectors */
	uint64_t n;        /* of a batch */
	uint64_t expect;   /* records that must be there */
};

extern struct blk_options options;
extern struct vblk disk;

/* Opens the disk as the options say. */
void open_disk(void);
/* Takes a request, and room for its data. */
struct vblk_request *new_request(uint64_t len);

static inline uint64_t pattern_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* work.c: one type of request, again and again, on all queues */

#define LATENCY_BUCKETS 1024

/* What came of it on one queue, or on all. */
struct tally {
	uint64_t n_done, n_failed; /* requests */
	uint64_t n_bad, first_bad; /* sectors whose data are not what they should be */
	uint64_t sum;              /* of all 64-bit words of data that were read */
	uint64_t n_kicks;
	uint64_t ticks;                      /* from the first to the last */
	uint32_t latencies[LATENCY_BUCKETS]; /* requests by their time, see latency_of() */
};

struct work {
	uint32_t type;  /* VIRTIO_BLK_T_ */
	bool timed;     /* for a benchmark: fills latencies, looks at no data, may wrap around */
	uint64_t limit; /* ticks after which no more are sent, instead of a count; 0: none */
	void (*prepare)(struct vblk_request *request); /* fills the data; may be NULL */
	void (*check)(const struct vblk_request *request, struct tally *tally); /* may be NULL */
};

/* Does it as the options say, and adds up. */
void do_work(const struct work *work, struct tally *ret_tally);
/* The longest time, in ticks, of the requests in a bucket. */
uint64_t latency_of(unsigned bucket);

/* The verbs. They return whether all went well. */

/* transfer.c */
bool blk_read(void);
bool blk_write(void);
bool blk_verify(void);
bool blk_bench_read(void);
bool blk_bench_write(void);
bool blk_bench_flush(void);

/* requests.c */
bool blk_info(void);
bool blk_flush(void);
bool blk_batch(void);
bool blk_discard(void);
bool blk_zeroes(void);
bool blk_watch(void);

/* records.c */
bool blk_flush_order(void);
bool blk_flush_check(void);

#endif
