/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entropy.c - reads from virtio-rng, and counts what comes: `mayfly run entropy -- bytes=65536 size=4096`
 * It ends with status 1 if all bytes are the same.
 */
#include "images/lib/guest.h"
#include "images/lib/virtio_rng.h"

static uint64_t n_bytes = 4096, size = 4096, poll, without;

static const struct option names[] = {
	{"bytes", &n_bytes},   /* in all */
	{"size", &size},       /* of a request */
	{"poll", &poll},       /* 1: no interrupts */
	{"without", &without}, /* features not to take */
};

static uint64_t counts[256];

static uint64_t read_all(struct vrng *rng)
{
	uint8_t *bytes = memory_take(size);
	uint64_t n_requests = 0, left = n_bytes;

	for (; left > 0; n_requests++) {
		uint32_t len = vrng_read(rng, bytes, (uint32_t)(left < size ? left : size));

		for (uint32_t i = 0; i < len; i++)
			counts[bytes[i]]++;
		left -= len;
	}
	return n_requests;
}

static void act(uint64_t unused)
{
	static struct vrng rng;
	uint64_t n_requests, n_distinct = 0, most = 0;

	(void)unused;
	take_options(names, sizeof(names) / sizeof(names[0]));
	rng.device.polls = poll != 0;
	rng.device.without = without;
	vrng_open(&rng, 0);
	n_requests = read_all(&rng);
	for (unsigned i = 0; i < 256; i++) {
		n_distinct += counts[i] > 0;
		most = counts[i] > most ? counts[i] : most;
	}
	print("entropy bytes=%lu requests=%lu distinct=%lu most=%lu kicks=%lu interrupts=%u\n",
	      n_bytes, n_requests, n_distinct, most, rng.queue.n_kicks, rng.device.n_used);
	guest_exit(n_distinct > 1 || n_bytes < 2 ? 0 : 1);
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	user_run(act, 0);
	return 1;
}
