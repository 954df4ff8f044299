/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define MUCH  (1U << 20) /* more than a pipe holds */
#define CHUNK 4096

static int file_of(const char *text)
{
	int fd = memfd_create("test", 0);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

Test(fd, reads_from_an_offset_and_leaves_the_position)
{
	int fd = file_of("0123456789");
	char bytes[5] = "";

	lseek(fd, 1, SEEK_SET);
	cr_assert_eq(fd_pread_all(fd, bytes, 4, 6), 0);
	cr_assert_str_eq(bytes, "6789");
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 1);
	cr_assert_eq(fd_pread_all(fd, bytes, 0, 10), 0);
}

Test(fd, a_file_that_ends_before_is_no_data)
{
	int fd = file_of("0123456789");
	char bytes[16];

	cr_assert_eq(fd_pread_all(fd, bytes, 5, 6), -ENODATA);
	cr_assert_eq(fd_pread_all(fd, bytes, 1, 10), -ENODATA);
	cr_assert_eq(fd_pread_all(fd, bytes, 1, UINT64_MAX / 2 - 1), -ENODATA);
}

Test(fd, writes_at_an_offset_and_leaves_the_position)
{
	int fd = file_of("0123456789");
	char bytes[11] = "";

	lseek(fd, 1, SEEK_SET);
	cr_assert_eq(fd_pwrite_all(fd, "abc", 3, 5), 0);
	cr_assert_eq(fd_pread_all(fd, bytes, 10, 0), 0);
	cr_assert_str_eq(bytes, "01234abc89");
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 1);
}

Test(fd, what_the_host_refuses_is_told)
{
	char byte = 0;

	cr_assert_eq(fd_pwrite_all(-1, &byte, 1, 0), -EBADF);
	cr_assert_eq(fd_pwrite_all(open("/dev/full", O_WRONLY), &byte, 1, 0), -ENOSPC);

	cr_assert_eq(fd_pread_all(-1, &byte, 1, 0), -EBADF);
	cr_assert_eq(fd_pread_all(open("/", O_RDONLY), &byte, 1, 0), -EISDIR);
	cr_assert_eq(fd_write_all(-1, &byte, 1), -EBADF);
	cr_assert_eq(fd_write_all(open("/dev/full", O_WRONLY), &byte, 1), -ENOSPC);
}

static void on_signal(int signal)
{
	(void)signal;
}

static int ends[2];
static pthread_t writer;

/* Interrupts a write that was short, and the one after it, for which there is no room at all. */
static void *read_and_disturb(void *bytes)
{
	size_t got = 0;
	ssize_t n = 1;

	for (; got < MUCH && n > 0; got += (size_t)n) {
		pthread_kill(writer, SIGUSR1);
		usleep(200);
		pthread_kill(writer, SIGUSR1);
		n = read(ends[0], (uint8_t *)bytes + got, CHUNK);
	}
	return NULL;
}

Test(fd, writes_all_through_signals_and_short_counts)
{
	const struct sigaction action = {.sa_handler = on_signal};
	static uint8_t much[MUCH], got[MUCH];
	pthread_t reader;

	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = (uint8_t)(i * 31 >> 4);
	cr_assert_eq(pipe(ends), 0);
	sigaction(SIGUSR1, &action, NULL);
	writer = pthread_self();
	cr_assert_eq(pthread_create(&reader, NULL, read_and_disturb, got), 0);
	cr_assert_eq(fd_write_all(ends[1], much, sizeof(much)), 0);
	pthread_join(reader, NULL);
	cr_assert_arr_eq(got, much, sizeof(much));
}
