/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counters.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/clock.h"

#define PROBES_MAX 64 /* what a guest that exits from everywhere can cost */

struct counters *counters_new(unsigned n_vcpus)
{
	size_t len = sizeof(struct counters) + n_vcpus * sizeof(struct vcpu_counters);
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return map == MAP_FAILED ? NULL : map;
}

void counters_start(struct counters *counters, int64_t started_ns)
{
	atomic_store(&counters->phases[PHASE_START], (uint64_t)started_ns);
}

void counters_stamp(struct counters *counters, enum phase phase)
{
	uint64_t none = 0;

	if (counters == NULL || atomic_load(&counters->phases[phase]) != 0)
		return;
	atomic_compare_exchange_strong(&counters->phases[phase], &none, (uint64_t)clock_ns());
}

static bool same(const struct exit_key *a, const struct exit_key *b)
{
	return a->reason == b->reason && a->device == b->device && a->reg == b->reg &&
	       a->address == b->address && a->rip == b->rip;
}

static uint64_t hash(const struct exit_key *key)
{
	uint64_t mix = key->rip ^ key->address ^ (uint64_t)key->reg << 32 ^
		       (uint64_t)key->reason << 8 ^ key->device;

	/* Fibonacci hashing: the multiplier is 2^64 divided by the golden ratio. */
	return mix * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

void counters_count(struct vcpu_counters *vcpu, const struct exit_key *key)
{
	uint64_t slot = hash(key);

	vcpu->n_exits++;
	for (unsigned probe = 0; probe < PROBES_MAX; probe++, slot++) {
		struct exit_row *row = &vcpu->rows[slot % COUNTERS_ROWS];

		if (row->count == 0)
			row->key = *key;
		else if (!same(&row->key, key))
			continue;
		row->count++;
		return;
	}
	vcpu->n_lost++;
}
