/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/throttle.h"

__extension__ typedef __int128 wide;

static void init(struct throttle_bucket *bucket, const struct throttle_config *config,
		 uint64_t now_ns)
{
	*bucket = (struct throttle_bucket){.config = *config,
					   .level = config->size,
					   .burst = config->burst,
					   .filled_ns = now_ns};
}

void throttle_init(struct throttle *throttle, const struct throttle_config *bandwidth,
		   const struct throttle_config *ops, uint64_t now_ns)
{
	init(&throttle->bandwidth, bandwidth, now_ns);
	init(&throttle->ops, ops, now_ns);
}

/* Adds what has come since, up to a full bucket, which keeps no fraction. */
static void fill(struct throttle_bucket *bucket, uint64_t now_ns)
{
	const struct throttle_config *config = &bucket->config;
	wide came = (wide)(now_ns - bucket->filled_ns) * config->size + bucket->fraction;
	wide level = bucket->level + came / config->refill_ns;

	bucket->filled_ns = now_ns;
	bucket->fraction = (int64_t)(came % config->refill_ns);
	if (level >= config->size) {
		level = config->size;
		bucket->fraction = 0;
	}
	bucket->level = (int64_t)level;
}

/* In how many ns `tokens` can be taken. */
static uint64_t delay(struct throttle_bucket *bucket, int64_t tokens, uint64_t now_ns)
{
	const struct throttle_config *config = &bucket->config;
	int64_t wanted;
	wide missing;

	if (config->size == 0)
		return 0;
	fill(bucket, now_ns);
	wanted = tokens - bucket->burst;
	if (wanted > config->size)
		wanted = config->size;
	if (bucket->level >= wanted)
		return 0;
	missing = (wide)(wanted - bucket->level) * config->refill_ns - bucket->fraction;
	return (uint64_t)((missing + config->size - 1) / config->size);
}

static void take(struct throttle_bucket *bucket, int64_t tokens)
{
	int64_t of_burst = tokens < bucket->burst ? tokens : bucket->burst;

	if (bucket->config.size == 0)
		return;
	bucket->burst -= of_burst;
	bucket->level -= tokens - of_burst;
}

uint64_t throttle_take(struct throttle *throttle, uint64_t bytes, uint64_t now_ns)
{
	uint64_t for_bytes = delay(&throttle->bandwidth, (int64_t)bytes, now_ns);
	uint64_t for_op = delay(&throttle->ops, 1, now_ns);

	if (for_bytes > 0 || for_op > 0)
		return for_bytes > for_op ? for_bytes : for_op;
	take(&throttle->bandwidth, (int64_t)bytes);
	take(&throttle->ops, 1);
	return 0;
}
