/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one clock that everything here goes by: it only runs forwards. Any thread. */
#ifndef MAYFLY_BASE_CLOCK_H
#define MAYFLY_BASE_CLOCK_H

#include <poll.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND      INT64_C(1000000000)
#define CLOCK_MILLISECOND INT64_C(1000000)
#define CLOCK_NEVER       INT64_MAX

/* For those who wait for another thread that is at it. */
#define CLOCK_MOMENT 20000

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

/* From now until then as poll() takes it: milliseconds, rounded up; 0: it is past; -1: never. */
static inline int clock_poll_ms(int64_t at_ns)
{
	int64_t left = at_ns - clock_ns();

	if (at_ns == CLOCK_NEVER)
		return -1;
	if (left <= 0)
		return 0;
	left = (left - 1) / CLOCK_MILLISECOND + 1;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Sleeps that long, less than a second; a signal ends it early. By a call that every filter lets pass. */
static inline void clock_pause(long ns)
{
	const struct timespec moment = {.tv_nsec = ns};

	ppoll(NULL, 0, &moment, NULL);
}

#endif
