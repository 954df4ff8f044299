/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_rng.c - a driver for an entropy device. */
#include "images/lib/virtio_rng.h"

#include "images/lib/guest.h"

#define REQUESTS 8

void vrng_open(struct vrng *rng, unsigned nth)
{
	if (!virtio_open(&rng->device, VIRTIO_ID_RNG, nth, 0))
		guest_fail("there is no entropy device %u\n", nth);
	vq_init(&rng->queue, &rng->device, 0, REQUESTS);
	virtio_ready(&rng->device);
}

uint32_t vrng_read(struct vrng *rng, void *to, uint32_t len)
{
	const struct vq_buffer buffer = {to, len, true};
	uint32_t written;

	if (!vq_add(&rng->queue, &buffer, 1, NULL, to))
		guest_fail("entropy: no room for a request\n");
	vq_kick(&rng->queue);
	vq_wait(&rng->queue, 1);
	(void)vq_get(&rng->queue, &written);
	if (written == 0 || written > len)
		guest_fail("entropy: %u bytes for a request of %u\n", written, len);
	return written;
}
