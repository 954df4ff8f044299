/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_console.h - a driver for a console with one port. [virtio 1.2 §5.3] For both rings. */
#ifndef MAYFLY_GUEST_VIRTIO_CONSOLE_H
#define MAYFLY_GUEST_VIRTIO_CONSOLE_H

#include <linux/virtio_console.h>

#include "images/lib/virtio.h"

#define VCON_INPUTS    16  /* buffers that wait for input */
#define VCON_INPUT_LEN 256 /* bytes of each */

struct vcon {
	struct virtio device;
	struct vq input, output;
};

/* Opens console `nth`; ends the guest where there is none. `device` may say polls and without. */
void vcon_open(struct vcon *console, unsigned nth);
/* Returns when the device has taken all of it. */
void vcon_write(struct vcon *console, const void *bytes, uint32_t len);
/* Waits for input. Returns how many bytes have come, VCON_INPUT_LEN at most. */
uint32_t vcon_read(struct vcon *console, uint8_t *to);

#endif
