/* SPDX-License-Identifier: Apache-2.0 */
/* Output to readers of every kind; the descriptor's flags stay as they are. */
#include "monitor/outlet.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct outlet outlet;

static void set_up(void)
{
	signal(SIGPIPE, SIG_IGN);
}

TestSuite(outlet, .init = set_up);

static void put(const char *text)
{
	outlet_put(&outlet, (const uint8_t *)text, strlen(text));
}

Test(outlet, without_a_descriptor_bytes_go_nowhere)
{
	outlet.kind = OUTLET_NONE;
	put("x");
	cr_assert_eq(outlet.dropped, 0u);
	cr_assert_eq(outlet.len, 0u);
}

Test(outlet, a_shared_pipe_keeps_its_flags_and_never_blocks_us)
{
	int ends[2];
	static uint8_t much[3 * OUTLET_ROOM];

	cr_assert_eq(pipe(ends), 0);
	outlet.fd = ends[1];
	outlet.kind = OUTLET_POLLED;
	outlet_put(&outlet, much, sizeof(much));
	cr_assert_eq(outlet.len, (unsigned)OUTLET_ROOM);
	cr_assert_gt(outlet.dropped, 0u);
	cr_assert_not(outlet_drain(&outlet));
	cr_assert_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

Test(outlet, a_pipe_takes_what_it_can_at_once)
{
	int ends[2];
	static uint8_t much[2 * OUTLET_ROOM];

	cr_assert_eq(pipe(ends), 0);
	outlet.fd = ends[1];
	outlet.kind = OUTLET_NOWAIT;
	outlet_put(&outlet, much, sizeof(much));
	if (outlet.kind == OUTLET_POLLED)
		cr_skip_test("pipes of this kernel do not know RWF_NOWAIT");
	cr_assert_eq(outlet.len + outlet.dropped, sizeof(much) - OUTLET_ROOM);
	cr_assert_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
}

Test(outlet, what_knows_no_nowait_is_asked_first)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	cr_assert_geq(fd, 0);
	outlet.fd = fd;
	outlet.kind = OUTLET_NOWAIT;
	put("x");
	cr_assert_eq(outlet.kind, OUTLET_POLLED);
	cr_assert_eq(outlet.len, 0u);
	cr_assert_eq(outlet.dropped, 0u);
	cr_assert_not(outlet.broken);
}

Test(outlet, a_socket_is_written_as_it_takes)
{
	int ends[2];
	char text[16] = "";

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	outlet.fd = ends[1];
	outlet.kind = OUTLET_POLLED;
	put("socket");
	cr_assert_eq(read(ends[0], text, sizeof(text)), 6);
	cr_assert_str_eq(text, "socket");
}

Test(outlet, keeps_the_order_around_the_end_of_its_buffer)
{
	static uint8_t in[OUTLET_ROOM], out[2 * OUTLET_ROOM];
	size_t got = 0;
	int ends[2];
	ssize_t n;

	cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
	cr_assert_eq(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
	outlet.fd = ends[1];
	outlet.kind = OUTLET_NONBLOCKING;
	outlet.first = OUTLET_ROOM - 100;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	outlet_put(&outlet, in, sizeof(in));
	do
		while ((n = read(ends[0], out + got, sizeof(out) - got)) > 0)
			got += (size_t)n;
	while (!outlet_drain(&outlet));
	while ((n = read(ends[0], out + got, sizeof(out) - got)) > 0)
		got += (size_t)n;
	cr_assert_eq(got, sizeof(in));
	cr_assert_arr_eq(in, out, sizeof(in));
	cr_assert_eq(outlet.dropped, 0u);
}

Test(outlet, a_full_disk_drops_and_counts)
{
	outlet.fd = open("/dev/full", O_WRONLY);
	outlet.kind = OUTLET_FILE;
	put("abc");
	put("def");
	cr_assert_eq(outlet.dropped, 6u);
}

Test(outlet, waits_for_the_reader_or_for_another_and_gives_up)
{
	static uint8_t much[OUTLET_ROOM];
	int ends[2], other[2];

	cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
	cr_assert_eq(pipe(other), 0);
	cr_assert_eq(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
	outlet.fd = ends[1];
	outlet.kind = OUTLET_NONBLOCKING;
	outlet_put(&outlet, much, sizeof(much));
	outlet_wait(&outlet, other[0], 10);
	cr_assert_not(outlet_drain(&outlet));
	cr_assert_eq(write(other[1], "x", 1), 1);
	outlet_wait(&outlet, other[0], -1);
	cr_assert_eq(read(ends[0], much, 4096), 4096);
	outlet_wait(&outlet, -1, -1);
	cr_assert_not(outlet_drain(&outlet));
	cr_assert_eq(outlet_give_up(&outlet), sizeof(much) - 8192);
	cr_assert_eq(outlet.len, 0u);
}
