/* SPDX-License-Identifier: Apache-2.0 */
/* virtio_console.c - a driver for a console with one port. */
#include "images/lib/virtio_console.h"

#include "images/lib/guest.h"

#define QUEUE_INPUT  0
#define QUEUE_OUTPUT 1
#define OUTPUTS      16

static void offer(struct vcon *console, uint8_t *buffer)
{
	const struct vq_buffer input = {buffer, VCON_INPUT_LEN, true};

	/* A queue may be smaller than asked for. */
	(void)vq_add(&console->input, &input, 1, NULL, buffer);
}

void vcon_open(struct vcon *console, unsigned nth)
{
	uint8_t *buffers = memory_take(VCON_INPUTS * VCON_INPUT_LEN);

	if (!virtio_open(&console->device, VIRTIO_ID_CONSOLE, nth,
			 UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE))
		guest_fail("there is no console %u\n", nth);
	vq_init(&console->input, &console->device, QUEUE_INPUT, VCON_INPUTS);
	vq_init(&console->output, &console->device, QUEUE_OUTPUT, OUTPUTS);
	virtio_ready(&console->device);
	for (unsigned i = 0; i < VCON_INPUTS; i++)
		offer(console, buffers + (size_t)i * VCON_INPUT_LEN);
	vq_kick(&console->input);
}

void vcon_write(struct vcon *console, const void *bytes, uint32_t len)
{
	const struct vq_buffer output = {bytes, len, false};
	uint32_t written;

	if (!vq_add(&console->output, &output, 1, NULL, console))
		guest_fail("console: no room for output\n");
	vq_kick(&console->output);
	vq_wait(&console->output, 1);
	(void)vq_get(&console->output, &written);
}

uint32_t vcon_read(struct vcon *console, uint8_t *to)
{
	uint8_t *buffer;
	uint32_t len;

	vq_wait(&console->input, 1);
	buffer = vq_get(&console->input, &len);
	if (len > VCON_INPUT_LEN)
		guest_fail("console: %u bytes of input in a buffer of %u\n", len, VCON_INPUT_LEN);
	memcpy(to, buffer, len);
	offer(console, buffer);
	vq_kick(&console->input);
	return len;
}
