/* SPDX-License-Identifier: Apache-2.0 */
/* The console, with a reader and somebody who types: both may stop, or go. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/device.h"
#include "tests/fuzz/fuzz.h"
#include "virtio-mmio/vcon.h"

static struct rig rig;
static struct vcon console;
static struct vcon_config config;
static int reader, typist; /* -1: gone */

static unsigned n_ups;

static void on_up(void *context)
{
	fuzz_check(context == &n_ups && n_ups++ == 0);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void read_output(void)
{
	static char bytes[1 << 16];

	if (reader >= 0 && read(reader, bytes, sizeof(bytes)) < 0)
		return;
}

static void type(const struct device_move *move)
{
	char text[64];

	memset(text, 'a', sizeof(text));
	if (typist >= 0)
		fuzz_check(send(typist, text, move->b % sizeof(text) + 1U,
				MSG_DONTWAIT | MSG_NOSIGNAL) != 0);
}

static void event(const struct device_move *move)
{
	switch (move->a % 5) {
	case 0:
		read_output();
		break;
	case 1:
		type(move);
		break;
	case 2:
		vcon_resize(&console, move->b, move->c);
		vmmio_attend(&rig.vmmio);
		break;
	case 3:
		close_end(&reader);
		break;
	default:
		close_end(&typist);
		break;
	}
}

static void let_go(void)
{
	close_end(&reader);
}

static void make_ends(unsigned how)
{
	int output[2], input[2];

	signal(SIGPIPE, SIG_IGN);
	fuzz_check(pipe2(output, O_CLOEXEC) == 0);
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) == 0);
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	if ((how & 1) != 0)
		fcntl(output[1], F_SETFL, O_NONBLOCK);
	reader = output[0];
	typist = input[0];
	config = (struct vcon_config){.output = (how & 6) == 6 ? -1 : output[1],
				      .input = (how & 24) == 24 ? -1 : input[1],
				      .cols = (how & 32) != 0 ? 0 : 80,
				      .rows = 25,
				      .on_up = on_up,
				      .context = &n_ups};
	n_ups = 0;
	fuzz_check(vcon_init(&console, &config, &rig.mem, rig.ring) == 0);
	rig_plug_in(&rig, &console.vdev);
	close(output[1]);
	close(input[1]);
}

static void run(const uint8_t *data, size_t size)
{
	struct device_play play = {
		.rig = &rig, .vdev = &console.vdev, .event = event, .let_go = let_go};

	rig_init(&rig);
	make_ends(size > 0 ? data[0] >> 4 << 1 | (data[0] & 1) | (size & 1) << 5 : 0);
	play.pristine = console.vdev;
	device_play(&play, data, size);
	fuzz_check(!console.writing);
	fuzz_check(vcon_n_lost(&console) >= console.dropped);
	close_end(&typist);
	rig_done(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	device_on_thread(run, data, size);
	return 0;
}
