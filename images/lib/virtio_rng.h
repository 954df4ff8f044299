/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_rng.h - a driver for an entropy device. [virtio 1.2 §5.4] For both rings. */
#ifndef MAYFLY_GUEST_VIRTIO_RNG_H
#define MAYFLY_GUEST_VIRTIO_RNG_H

#include "images/lib/virtio.h"

struct vrng {
	struct virtio device;
	struct vq queue;
};

/* Opens entropy device `nth`; ends the guest where there is none. `device` may say polls and without. */
void vrng_open(struct vrng *rng, unsigned nth);
/* One request. Returns how many bytes the device gave: at least 1, `len` at most. */
uint32_t vrng_read(struct vrng *rng, void *to, uint32_t len);

#endif
