/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/outlet.h"

#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"

#define POLLED_CHUNK 256 /* what a terminal or pipe that polls as writable takes without waiting */

static bool wait_for(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	const struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

	return ppoll(fds, n, &timeout, NULL) > 0;
}

static bool is_writable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return wait_for(&poll_fd, 1, 0);
}

static ssize_t write_once(struct outlet *outlet, const uint8_t *bytes, size_t len)
{
	const struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	ssize_t n;

	if (outlet->kind == OUTLET_NOWAIT) {
		n = pwritev2(outlet->fd, &part, 1, -1, RWF_NOWAIT);
		if (n >= 0 || errno != EOPNOTSUPP)
			return n;
		outlet->kind = OUTLET_POLLED;
	}
	if (outlet->kind == OUTLET_POLLED) {
		if (!is_writable(outlet->fd)) {
			errno = EAGAIN;
			return -1;
		}
		len = len < POLLED_CHUNK ? len : POLLED_CHUNK;
	}
	return write(outlet->fd, bytes, len);
}

/* Writes what goes without waiting; returns how much. A reader that is gone takes all. */
static size_t write_some(struct outlet *outlet, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	do
		n = write_once(outlet, bytes, len);
	while (n < 0 && errno == EINTR && outlet->kind != OUTLET_POLLED);
	if (n >= 0)
		return (size_t)n;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	outlet->broken = true;
	outlet->error = errno;
	return 0;
}

static void drop(struct outlet *outlet, size_t len)
{
	outlet->dropped += len;
}

static void keep(struct outlet *outlet, const uint8_t *bytes, size_t len)
{
	for (; len > 0 && outlet->len < OUTLET_ROOM; len--, outlet->len++)
		outlet->kept[(outlet->first + outlet->len) % OUTLET_ROOM] = *bytes++;
	drop(outlet, len);
}

bool outlet_drain(struct outlet *outlet)
{
	while (outlet->len > 0 && !outlet->broken) {
		uint32_t straight = OUTLET_ROOM - outlet->first;
		uint32_t len = outlet->len < straight ? outlet->len : straight;
		size_t n = write_some(outlet, outlet->kept + outlet->first, len);

		if (n == 0 && !outlet->broken)
			return false;
		outlet->first = (uint32_t)((outlet->first + n) % OUTLET_ROOM);
		outlet->len -= (uint32_t)n;
	}
	if (outlet->broken) {
		drop(outlet, outlet->len);
		outlet->len = 0;
	}
	return true;
}

void outlet_put(struct outlet *outlet, const uint8_t *bytes, size_t len)
{
	size_t n = 0;

	if (outlet->kind == OUTLET_NONE)
		return;
	if (outlet->len == 0 && !outlet->broken)
		n = write_some(outlet, bytes, len);
	if (outlet->broken)
		drop(outlet, len - n);
	else
		keep(outlet, bytes + n, len - n);
}

void outlet_wait(const struct outlet *outlet, int other_fd, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = outlet->fd, .events = POLLOUT},
			       {.fd = other_fd, .events = POLLIN}};

	wait_for(fds, ARRAY_LEN(fds), timeout_ms);
}

uint64_t outlet_give_up(struct outlet *outlet)
{
	drop(outlet, outlet->len);
	outlet->len = 0;
	return outlet->dropped;
}
