/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.c - uses each device once: reads a block of the disk, takes bytes from the entropy device, and
 * says so on the console. For benchmarks: `mayfly run -d a.img --rng=on --console=stdio devices`
 *
 * With the word "none" it uses none, and says so on the serial port: what the guest itself costs.
 *
 * It polls: to take an interrupt costs a guest whose ring 0 is emulated more than all else here.
 */
#include "images/lib/guest.h"
#include "images/lib/virtio_blk.h"
#include "images/lib/virtio_console.h"
#include "images/lib/virtio_rng.h"

#define BLOCK   4096
#define ENTROPY 16

static const char greeting[] = "Hello from a mayfly.\n";

static bool read_block(void)
{
	static struct vblk disk = {.device = {.polls = true}};
	static struct vblk_request request = {.len = BLOCK};

	vblk_open(&disk, 0, 1, 16);
	request.data = memory_take(BLOCK);
	return vblk_do(&disk, &request, VIRTIO_BLK_T_IN, 0) == VIRTIO_BLK_S_OK;
}

static bool take_entropy(void)
{
	static struct vrng rng = {.device = {.polls = true}};

	vrng_open(&rng, 0);
	return vrng_read(&rng, memory_take(ENTROPY), ENTROPY) > 0;
}

static void greet(void)
{
	static struct vcon console = {.device = {.polls = true}};

	vcon_open(&console, 0);
	vcon_write(&console, greeting, sizeof(greeting) - 1);
}

static void act(uint64_t unused)
{
	const char *word = next_word();
	bool ok = true;

	(void)unused;
	if (word != NULL && same_text(word, "none")) {
		print("%s", greeting);
	} else {
		ok = read_block() && take_entropy();
		greet();
	}
	guest_exit(ok ? 0 : 1);
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	user_run(act, 0);
	return 1;
}
