/* SPDX-License-Identifier: Apache-2.0 */
#include "base/msg.h"

#include <errno.h>
#include <sys/socket.h>

int msg_send(int socket, const void *bytes, size_t len, int flags)
{
	ssize_t n;

	do
		n = send(socket, bytes, len, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int msg_recv(int socket, void *bytes, size_t capacity, int flags)
{
	struct iovec iov = {.iov_base = bytes, .iov_len = capacity};
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* Without a control buffer the kernel drops descriptors and sets MSG_CTRUNC. */
	return (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? -EBADMSG : (int)n;
}
