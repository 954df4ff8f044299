/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static int ends[2];

static void set_up(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
}

TestSuite(msg, .init = set_up);

Test(msg, arrive_one_by_one_and_whole)
{
	char bytes[8] = "";

	cr_assert_eq(msg_send(ends[0], "one", 3, 0), 0);
	cr_assert_eq(msg_send(ends[0], "twelve..", 8, 0), 0);
	cr_assert_eq(msg_recv(ends[1], bytes, sizeof(bytes), 0), 3);
	cr_assert_str_eq(bytes, "one");
	cr_assert_eq(msg_recv(ends[1], bytes, sizeof(bytes), 0), 8);
	cr_assert_arr_eq(bytes, "twelve..", 8);
	cr_assert_eq(msg_recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT), -EAGAIN);
}

Test(msg, one_that_is_too_long_is_bad_and_the_next_is_not)
{
	char bytes[5] = "....";

	cr_assert_eq(msg_send(ends[0], "12345", 5, 0), 0);
	cr_assert_eq(msg_send(ends[0], "6", 1, 0), 0);
	cr_assert_eq(msg_recv(ends[1], bytes, 4, 0), -EBADMSG);
	cr_assert_eq(bytes[4], '\0');
	cr_assert_eq(msg_recv(ends[1], bytes, 4, 0), 1);
}

static void send_with_descriptor(int socket, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	char byte = 'x';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *message = CMSG_FIRSTHDR(&header);

	message->cmsg_level = SOL_SOCKET;
	message->cmsg_type = SCM_RIGHTS;
	message->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(message), &fd, sizeof(int));
	cr_assert_eq(sendmsg(socket, &header, 0), 1);
}

Test(msg, one_with_a_descriptor_is_bad_and_leaves_none_open)
{
	int lowest_free = dup(0);
	char byte;

	close(lowest_free);
	send_with_descriptor(ends[0], 0);
	cr_assert_eq(msg_recv(ends[1], &byte, 1, 0), -EBADMSG);
	cr_assert_eq(dup(0), lowest_free);
}

Test(msg, the_end_of_the_peer_is_told)
{
	char byte;

	close(ends[0]);
	cr_assert_eq(msg_send(ends[1], "x", 1, 0), -EPIPE, "and no SIGPIPE");
	cr_assert_eq(msg_recv(ends[1], &byte, 1, 0), 0);
}

Test(msg, what_is_no_socket_is_told)
{
	char byte;

	cr_assert_eq(msg_send(open("/dev/null", O_WRONLY), "x", 1, 0), -ENOTSOCK);
	cr_assert_eq(msg_recv(-1, &byte, 1, 0), -EBADF);
}
