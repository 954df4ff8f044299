/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vcon.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/le.h"
#include "base/scope.h"
#include "tests/support/faults.h"
#include "tests/support/rig.h"

enum { RECEIVE, TRANSMIT };

static struct rig rig;
static struct vcon console;
static struct vcon_config config;
static int reader, writer; /* our ends: of its output, of its input */
static unsigned n_ups;

static void on_up(void *context)
{
	cr_assert_eq(context, &n_ups);
	n_ups++;
}

static void make(int output, int input)
{
	rig_init(&rig);
	config = (struct vcon_config){.output = output,
				      .input = input,
				      .cols = 80,
				      .rows = 25,
				      .on_up = on_up,
				      .context = &n_ups};
	cr_assert_eq(vcon_init(&console, &config, &rig.mem, rig.ring), 0);
	rig_plug_in(&rig, &console.vdev);
}

static void set_up(void)
{
	int output[2], input[2];

	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input), 0);
	reader = output[0];
	writer = input[0];
	make(output[1], input[1]);
}

static void start(void)
{
	rig_start(&rig, FAKEDRV_FEATURES | UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE);
}

TestSuite(vcon, .init = set_up, .timeout = 30);

static void *memory(uint64_t gpa, size_t len)
{
	return fakedrv_hva(&rig.queues[0], gpa, len);
}

static void add_output(uint64_t gpa, const char *text)
{
	const struct fakedrv_part part = {.gpa = gpa, .len = (uint32_t)strlen(text)};

	memcpy(memory(gpa, strlen(text)), text, strlen(text));
	cr_assert_geq(fakedrv_add(&rig.queues[TRANSMIT], &part, 1), 0);
}

static void add_input(uint64_t gpa, uint32_t len)
{
	const struct fakedrv_part part = {.gpa = gpa, .len = len, .in = true};

	cr_assert_geq(fakedrv_add(&rig.queues[RECEIVE], &part, 1), 0);
	rig_publish(&rig, RECEIVE);
	rig_turn(&rig, false);
}

static void expect_output(const char *text)
{
	char got[256] = "";
	ssize_t n = read(reader, got, sizeof(got) - 1);

	cr_assert_eq(n, (ssize_t)strlen(text));
	cr_assert_str_eq(got, text);
}

static bool has_output(void)
{
	struct pollfd fd = {.fd = reader, .events = POLLIN};

	return poll(&fd, 1, 0) > 0;
}

Test(vcon, writes_what_the_guest_sends)
{
	start();
	add_output(RIG_BUFFERS, "hello");
	rig_publish(&rig, TRANSMIT);
	cr_assert_eq(rig_await(&rig, TRANSMIT).len, 0);
	expect_output("hello");
}

Test(vcon, writes_many_buffers_at_once_in_their_order)
{
	const struct fakedrv_part parts[] = {{RIG_BUFFERS + 0x3000, 2, false},
					     {RIG_BUFFERS + 0x4000, 1, false}};

	start();
	memcpy(memory(RIG_BUFFERS + 0x3000, 2), "cd", 2);
	memcpy(memory(RIG_BUFFERS + 0x4000, 1), "e", 1);
	add_output(RIG_BUFFERS, "a");
	add_output(RIG_BUFFERS + 0x1000, "b");
	cr_assert_geq(fakedrv_add_indirect(&rig.queues[TRANSMIT], parts, 2), 0);
	add_output(RIG_BUFFERS + 0x2000, "f");
	rig_publish(&rig, TRANSMIT);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(rig_await(&rig, TRANSMIT).len, 0);
	expect_output("abcdef");
	cr_assert_eq(rig.n_interrupts, 1);
}

/* A guest's buffers may be all its memory: no write keeps the loop from its other devices for long. */
Test(vcon, writes_a_large_buffer_in_pieces)
{
	const struct fakedrv_part parts[] = {{RIG_BUFFERS, 5, false},
					     {RIG_BUFFERS, 3 * VCON_WRITE_MAX, false}};
	int file = memfd_create("output", MFD_CLOEXEC);

	rig_done(&rig);
	make(file, -1);
	start();
	cr_assert_geq(fakedrv_add(&rig.queues[TRANSMIT], parts, 2), 0);
	rig_publish(&rig, TRANSMIT);
	while (console.first == 0)
		cr_assert_eq(ring_turn(rig.ring, true), 0);
	cr_assert_eq(lseek(file, 0, SEEK_END), 5);
	while (console.iov[1].iov_len == 3 * VCON_WRITE_MAX)
		cr_assert_eq(ring_turn(rig.ring, true), 0);
	cr_assert_eq(console.iov[1].iov_len, 2 * VCON_WRITE_MAX);
	(void)rig_await(&rig, TRANSMIT);
	cr_assert_eq(lseek(file, 0, SEEK_END), 5 + 3 * VCON_WRITE_MAX);
}

/* A buffer that the device may write, or one without a byte, has nothing to send. */
Test(vcon, gives_back_what_holds_nothing_to_send)
{
	const struct fakedrv_part part = {.gpa = RIG_BUFFERS, .len = 8, .in = true};

	start();
	cr_assert_geq(fakedrv_add(&rig.queues[TRANSMIT], &part, 1), 0);
	rig_publish(&rig, TRANSMIT);
	cr_assert_eq(rig_await(&rig, TRANSMIT).len, 0);
	cr_assert_not(has_output());
}

/*
 * The driver's buffers wait as long as the reader does, and so the driver does; whether the descriptor
 * says so (`nonblocking`) or the kernel has to wait.
 */
static void keep_and_deliver(bool nonblocking)
{
	static char chunk[4096], got[4096];
	struct vring_used_elem used;
	size_t filled = 0, total = 0;
	int output[2];
	ssize_t n;

	rig_done(&rig);
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	reader = output[0];
	fcntl(output[1], F_SETFL, O_NONBLOCK);
	while ((n = write(output[1], chunk, sizeof(chunk))) > 0)
		filled += (size_t)n;
	fcntl(output[1], F_SETFL, nonblocking ? O_NONBLOCK : 0);
	make(output[1], -1);
	start();
	add_output(RIG_BUFFERS, "late");
	rig_publish(&rig, TRANSMIT);
	rig_turn(&rig, true);
	cr_assert_not(fakedrv_collect(&rig.queues[TRANSMIT], &used));
	cr_assert_eq(vcon_n_lost(&console), 4); /* should the run end now */
	while (total < filled && (n = read(reader, got, sizeof(got))) > 0)
		total += (size_t)n;
	(void)rig_await(&rig, TRANSMIT);
	expect_output("late");
	cr_assert_eq(vcon_n_lost(&console), 0);
}

Test(vcon, keeps_buffers_that_its_reader_does_not_take)
{
	keep_and_deliver(true);
}

Test(vcon, keeps_buffers_where_the_kernel_has_to_wait)
{
	keep_and_deliver(false);
}

Test(vcon, drops_and_counts_what_no_reader_is_left_for)
{
	start();
	close(reader);
	signal(SIGPIPE, SIG_IGN);
	add_output(RIG_BUFFERS, "gone");
	rig_publish(&rig, TRANSMIT);
	(void)rig_await(&rig, TRANSMIT);
	add_output(RIG_BUFFERS, "as well");
	rig_publish(&rig, TRANSMIT);
	(void)rig_await(&rig, TRANSMIT);
	cr_assert_eq(vcon_n_lost(&console), 11);
	cr_assert_eq(console.error, EPIPE);
}

Test(vcon, gives_the_guest_what_is_typed)
{
	start();
	add_input(RIG_BUFFERS, 16);
	cr_assert_eq(write(writer, "typed", 5), 5);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 5);
	cr_assert_eq(memcmp(memory(RIG_BUFFERS, 5), "typed", 5), 0);
}

Test(vcon, input_waits_for_a_buffer)
{
	start();
	cr_assert_eq(write(writer, "abcdef", 6), 6);
	rig_turn(&rig, false);
	add_input(RIG_BUFFERS, 4);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 4);
	add_input(RIG_BUFFERS, 4);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 2);
	cr_assert_eq(memcmp(memory(RIG_BUFFERS, 2), "ef", 2), 0);
}

/* A buffer that cannot be written is given back empty, and does no harm to the next. */
Test(vcon, input_into_what_cannot_be_written)
{
	const struct fakedrv_part part = {.gpa = RIG_BUFFERS, .len = 8, .in = false};

	start();
	cr_assert_geq(fakedrv_add(&rig.queues[RECEIVE], &part, 1), 0);
	add_input(RIG_BUFFERS + 0x1000, 8);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 0);
	cr_assert_eq(write(writer, "x", 1), 1);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 1);
}

Test(vcon, the_end_of_the_input_keeps_the_buffer_the_drivers)
{
	struct vring_used_elem used;

	start();
	add_input(RIG_BUFFERS, 8);
	close(writer);
	rig_turn(&rig, true);
	cr_assert_not(fakedrv_collect(&rig.queues[RECEIVE], &used));
	cr_assert(console.no_input);
	cr_assert_eq(vq_n_in_flight(&console.vdev.queues[RECEIVE]), 0);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
}

/* Nobody types; the read must not keep the reset waiting. */
Test(vcon, reset_ends_a_read_that_waits)
{
	start();
	add_input(RIG_BUFFERS, 8);
	cr_assert(console.reading);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_STATUS), 0);
	cr_assert_not(console.reading);
	start();
	add_input(RIG_BUFFERS, 8);
	cr_assert_eq(write(writer, "again", 5), 5);
	cr_assert_eq(rig_await(&rig, RECEIVE).len, 5);
}

/* A device that drains is asked again and again whether it has. */
Test(vcon, cancels_a_read_once)
{
	unsigned before;

	start();
	add_input(RIG_BUFFERS, 8);
	before = faults_counts().n_made;
	cr_assert_not(vdev_drain(&console.vdev));
	cr_assert_not(vdev_drain(&console.vdev));
	rig_turn(&rig, false);
	cr_assert_eq(faults_counts().n_made - before, 1);
	cr_assert(vdev_drain(&console.vdev));
}

Test(vcon, tells_once_that_it_is_up)
{
	n_ups = 0;
	start();
	cr_assert_eq(n_ups, 1);
	rig_write(&rig, VIRTIO_MMIO_STATUS, 0);
	start();
	cr_assert_eq(n_ups, 1);
}

/* [virtio 1.2 §5.3.4] */
Test(vcon, tells_the_size_of_its_window)
{
	cr_assert_eq(le16_get(rig.page + VIRTIO_MMIO_CONFIG), 80);
	cr_assert_eq(le16_get(rig.page + VIRTIO_MMIO_CONFIG + 2), 25);
	start();
	vcon_resize(&console, 132, 50);
	vmmio_attend(&rig.vmmio);
	cr_assert_eq(le16_get(rig.page + VIRTIO_MMIO_CONFIG), 132);
	cr_assert_eq(le16_get(rig.page + VIRTIO_MMIO_CONFIG + 2), 50);
	cr_assert_eq(rig_read(&rig, VIRTIO_MMIO_CONFIG_GENERATION), 1);
	cr_assert_eq(rig.n_interrupts, 1);
	vmmio_attend(&rig.vmmio);
	cr_assert_eq(rig.n_interrupts, 1);
}

Test(vcon, offers_no_size_that_nobody_knows)
{
	rig_done(&rig);
	rig_init(&rig);
	config = (struct vcon_config){.output = -1, .input = -1};
	cr_assert_eq(vcon_init(&console, &config, &rig.mem, rig.ring), 0);
	cr_assert_eq(console.vdev.features, 0);
}

Test(vcon, without_ends_takes_everything_and_gives_nothing)
{
	struct vring_used_elem used;

	rig_done(&rig);
	make(-1, -1);
	rig_start(&rig, FAKEDRV_FEATURES);
	add_output(RIG_BUFFERS, "nowhere");
	rig_publish(&rig, TRANSMIT);
	(void)rig_await(&rig, TRANSMIT);
	add_input(RIG_BUFFERS, 8);
	cr_assert_not(fakedrv_collect(&rig.queues[RECEIVE], &used));
}

Test(vcon, tells_what_it_wrote_into_memory)
{
	_Atomic uint64_t dirty[RIG_MEMORY / 4096 / 64] = {0};
	const uint64_t page = (RIG_BUFFERS + 0x5000) / 4096;

	start();
	rig.mem.dirty = dirty;
	add_input(RIG_BUFFERS + 0x5000, 8);
	cr_assert_eq(write(writer, "x", 1), 1);
	(void)rig_await(&rig, RECEIVE);
	rig.mem.dirty = NULL;
	cr_assert(dirty[page / 64] >> page % 64 & 1);
}
