/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h - token buckets: so much in a time, and so much at once. Pure; the caller has the clock.
 *
 * A bucket holds `size` tokens and is filled evenly in `refill_ns`; a burst comes on top, once. What
 * is larger than the bucket passes once it is full, and the bucket goes below empty, so that the rate
 * over time is exact whatever the sizes are. No fraction of a token is lost.
 */
#ifndef MAYFLY_IOURING_THROTTLE_H
#define MAYFLY_IOURING_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_SIZE_MAX   (INT64_C(1) << 50)            /* tokens */
#define THROTTLE_REFILL_MAX (INT64_C(86400) * 1000000000) /* ns */

struct throttle_config {
	int64_t size;      /* tokens; 0: no limit */
	int64_t refill_ns; /* the time in which as many come */
	int64_t burst;     /* tokens, once */
};

struct throttle_bucket {
	struct throttle_config config;
	int64_t level;      /* tokens; below 0: they are owed */
	int64_t burst;      /* that is left */
	int64_t fraction;   /* of a token: out of config.refill_ns */
	uint64_t filled_ns; /* when `level` was right */
};

/* Bytes and operations. */
struct throttle {
	struct throttle_bucket bandwidth, ops;
};

void throttle_init(struct throttle *throttle, const struct throttle_config *bandwidth,
		   const struct throttle_config *ops, uint64_t now_ns);

static inline bool throttle_limits(const struct throttle *throttle)
{
	return throttle->bandwidth.config.size > 0 || throttle->ops.config.size > 0;
}

/*
 * One operation over so many bytes: takes their tokens and returns 0, or takes none and returns in
 * how many ns they are there.
 */
uint64_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t now_ns);

#endif
