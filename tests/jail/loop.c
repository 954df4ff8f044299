/* SPDX-License-Identifier: Apache-2.0 */
/* A ring is made under the set-up filter, and its loop does all that it may under its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "iouring-io/ring.h"
#include "seccomp/jail_stages.h"

enum { TAG_READ, TAG_DISK, TAG_SYNC, TAG_TIMEOUT };

static struct jail jail = {.mode = JAIL_DEFAULT, .socket = -1, .output = -1};
static struct ring *ring;
static uint16_t owner;
static unsigned event_file, disk_file;
static int event;
static uint64_t count;
static char text[8], bytes[8];
static const struct iovec iov = {text, sizeof(text)};
static atomic_bool is_over;
static bool (*misbehave)(void); /* on the loop's thread, when all else is done */

static struct ring_tag tag_of(uint16_t kind)
{
	return (struct ring_tag){.owner = owner, .kind = kind};
}

static void read_disk(uint16_t kind)
{
	ring_readv(ring, tag_of(kind),
		   &(struct ring_io){.file = disk_file, .iov = &iov, .n_iov = 1});
}

/* One after another, so that each has been seen to end. */
static void complete(void *unused, struct ring_tag tag, int32_t result)
{
	(void)unused;
	if (tag.kind == TAG_READ && result == 8 && count == 1)
		read_disk(TAG_DISK);
	else if (tag.kind == TAG_DISK && result == 8 && memcmp(text, "the one", 8) == 0)
		ring_fsync(ring, tag_of(TAG_SYNC), disk_file);
	else if (tag.kind == TAG_SYNC && result == 0 &&
		 getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes))
		ring_timeout(ring, tag_of(TAG_TIMEOUT), 1000);
	else if (tag.kind == TAG_TIMEOUT && result == -ETIME)
		ring_stop(ring);
	else
		_exit(1); /* which kills it */
}

static bool turn(void *unused)
{
	(void)unused;
	return false;
}

static void *loop(void *unused)
{
	struct err err;

	(void)unused;
	if (ring_enable(ring, &err) < 0 || jail_seal(&jail, JAIL_LOOP, &err) < 0)
		_exit(2);
	ring_read(ring, tag_of(TAG_READ), event_file, &count, sizeof(count));
	if (ring_run(ring) == 0 && (misbehave == NULL || misbehave()))
		atomic_store(&is_over, true);
	for (;;)
		ppoll(NULL, 0, NULL, NULL);
	return NULL;
}

static int disk_of(const char content[8])
{
	int fd = memfd_create("disk", 0);

	cr_assert_eq(write(fd, content, 8), 8);
	return fd;
}

static bool make_ring(int disk, struct err *err)
{
	static const struct ring_owner_ops ops = {complete, turn};
	int unmoved = eventfd(0, EFD_CLOEXEC);

	event = fcntl(unmoved, F_DUPFD_CLOEXEC, JAIL_EVENTS);
	close(unmoved);
	return event >= JAIL_EVENTS && ring_add_owner(ring, &ops, NULL, 4, &owner) == 0 &&
	       ring_add_file(ring, event, &event_file) == 0 &&
	       ring_add_file(ring, disk, &disk_file) == 0 && ring_seal(ring, err) == 0;
}

/* A cell, as far as it is about loops. */
static void live(int disk)
{
	static const uint64_t one = 1;
	const struct timespec moment = {.tv_nsec = 1000000};
	pthread_t thread;
	struct err err;

	if (ring_new(&ring, &err) < 0 || ring_make(ring, 4, &err) < 0 ||
	    jail_filter(&jail, NULL, &err) < 0 || !make_ring(disk, &err) ||
	    pthread_create(&thread, NULL, loop, NULL) != 0 ||
	    jail_seal(&jail, JAIL_CONTROL, &err) < 0)
		_exit(3);
	if (write(event, &one, sizeof(one)) != sizeof(one))
		_exit(4);
	while (!atomic_load(&is_over))
		ppoll(NULL, 0, &moment, NULL);
	_exit(0);
}

static int run(void)
{
	int status, disk = disk_of("the one");
	pid_t pid;

	if (WITH_SANITIZER)
		cr_skip_test("the sanitizers make calls of their own");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		prctl(PR_SET_DUMPABLE, 0);
		live(disk);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

TestSuite(loop, .timeout = 20);

Test(loop, does_all_it_may)
{
	int status = run();

	cr_assert_eq(status, 0, "%#x", status);
}

static bool write_to_event(void)
{
	return write(event, &count, sizeof(count)) == sizeof(count);
}

static bool make_another_ring(void)
{
	char params[256] = {0};

	return syscall(SYS_io_uring_setup, 4, params) < 0;
}

static bool register_eventfd(void)
{
	return syscall(SYS_io_uring_register, 3, 4 /* IORING_REGISTER_EVENTFD */, &event, 1) < 0;
}

static bool end_the_cell(void)
{
	_exit(0);
}

Test(loop, does_nothing_else)
{
	static bool (*const attempts[])(void) = {write_to_event, make_another_ring,
						 register_eventfd, end_the_cell};

	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int status;

		misbehave = attempts[i];
		status = run();
		cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%zu: %#x", i, status);
	}
}

/* Whoever takes the cell over by its image: a ring without restrictions does what no filter sees. */
Test(loop, no_ring_is_made_once_there_is_a_filter)
{
	int status;
	pid_t pid;

	if (WITH_SANITIZER)
		cr_skip_test("the sanitizers make calls of their own");
	pid = fork();
	if (pid == 0) {
		struct err err;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		prctl(PR_SET_DUMPABLE, 0);
		_exit(jail_filter(&jail, NULL, &err) < 0 || make_another_ring());
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%#x", status);
}
