/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring in use: who gets which completion when, and how often the kernel is called for it.
 * ring_plain.c has the same tests for a kernel that lacks what not every kernel has.
 */
#include "iouring-io/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/faults.h"

#define N_OPS    8
#define EVENTS   4096
#define NS_LONG  UINT64_C(3600000000000)
#define NS_SHORT UINT64_C(1000)

/* Everything that an owner was called for, in its order. */
static struct event {
	uint16_t owner;
	bool is_turn;
	struct ring_tag tag;
	int32_t result;
} events[EVENTS];
static unsigned n_events;

static struct client {
	uint16_t id;
	unsigned more;         /* so many turns return that there is more to do */
	void (*on_turn)(void); /* in the next turn only */
} clients[4];

static struct ring *ring;
static struct err err;

static void complete(void *owner, struct ring_tag tag, int32_t result)
{
	const struct client *client = owner;

	cr_assert_lt(n_events, EVENTS);
	events[n_events++] = (struct event){.owner = client->id, .tag = tag, .result = result};
}

static bool turn(void *owner)
{
	struct client *client = owner;
	void (*on_turn)(void) = client->on_turn;

	cr_assert_lt(n_events, EVENTS);
	events[n_events++] = (struct event){.owner = client->id, .is_turn = true};
	client->on_turn = NULL;
	if (on_turn != NULL)
		on_turn();
	if (client->more == 0)
		return false;
	client->more--;
	return true;
}

static const struct ring_owner_ops ops = {complete, turn};

static void add_clients(unsigned n, unsigned n_ops)
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(ring_add_owner(ring, &ops, &clients[i], n_ops, &clients[i].id), 0);
}

/* Sealed, enabled, and its first turn, which every owner has, is over. */
static void start(void)
{
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_turn(ring, true), 0);
	n_events = 0;
}

#ifdef RING_IS_PLAIN
#define SUITE         ring_plain
#define FLAGS_TO_LACK (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#else
#define SUITE         ring
#define FLAGS_TO_LACK 0U
#endif

static void set_up(void)
{
	if (FLAGS_TO_LACK != 0)
		faults_refuse_setup(FLAGS_TO_LACK, EINVAL);
	cr_assert_eq(ring_new(&ring, &err), 0);
}

static void tear_down(void)
{
	ring_free(ring);
}

TestSuite(SUITE, .init = set_up, .fini = tear_down, .timeout = 20);

static struct ring_tag tag_of(unsigned client, uint16_t kind, uint32_t index)
{
	return (struct ring_tag){.owner = clients[client].id, .kind = kind, .index = index};
}

/* Turns until there are `n` completions in all; returns the nth. */
static const struct event *await(unsigned n)
{
	for (;;) {
		unsigned n_done = 0;

		for (unsigned i = 0; i < n_events; i++)
			if (!events[i].is_turn && ++n_done == n)
				return &events[i];
		cr_assert_eq(ring_turn(ring, true), 0);
	}
}

static unsigned count_turns(unsigned client)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_events; i++)
		n += events[i].is_turn && events[i].owner == clients[client].id;
	return n;
}

static int file_of(const char *text)
{
	int fd = memfd_create("file", 0);

	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void add_event(unsigned *ret_file, int *ret_fd)
{
	*ret_fd = eventfd(0, 0);
	cr_assert_geq(*ret_fd, 0);
	cr_assert_eq(ring_add_file(ring, *ret_fd, ret_file), 0);
}

static void signal_event(int fd)
{
	const uint64_t one = 1;

	cr_assert_eq(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
}

Test(SUITE, every_owner_has_the_first_turn)
{
	add_clients(3, N_OPS);
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(n_events, 3u);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(count_turns(i), 1u);
}

Test(SUITE, asks_for_all_that_this_kernel_has)
{
	add_clients(1, N_OPS);
	start();
	cr_assert_eq((faults_uring()->flags & IORING_SETUP_DEFER_TASKRUN) == 0, FLAGS_TO_LACK != 0);
}

Test(SUITE, a_tag_comes_back_whole_and_to_its_owner)
{
	add_clients(2, N_OPS);
	start();
	ring_timeout(ring, tag_of(1, UINT16_MAX, UINT32_MAX), NS_SHORT);
	ring_timeout(ring, tag_of(0, 0x1234, 0x56789abc), NS_SHORT);
	await(2);
	for (unsigned i = 0; i < n_events; i++) {
		bool is_first = events[i].owner == clients[0].id;

		if (events[i].is_turn)
			continue;
		cr_assert_eq(events[i].result, -ETIME);
		cr_assert_eq(events[i].tag.owner, events[i].owner);
		cr_assert_eq(events[i].tag.kind, is_first ? 0x1234 : UINT16_MAX);
		cr_assert_eq(events[i].tag.index, is_first ? 0x56789abc : UINT32_MAX);
	}
}

Test(SUITE, reads_writes_and_changes_files)
{
	char text[8] = {0}, other[4] = "WXYZ";
	struct iovec iov[] = {{text, 2}, {text + 2, 4}}, out[] = {{other, 3}, {other + 3, 1}};
	int fd = file_of("abcdefgh");
	struct ring_io io = {.iov = iov, .n_iov = 2, .offset = 1};

	add_clients(1, N_OPS);
	cr_assert_eq(ring_add_file(ring, fd, &io.file), 0);
	start();
	ring_readv(ring, tag_of(0, 0, 0), &io);
	cr_assert_eq(await(1)->result, 6);
	cr_assert_str_eq(text, "bcdefg");
	io = (struct ring_io){.file = io.file, .iov = out, .n_iov = 2, .offset = 6};
	ring_writev(ring, tag_of(0, 0, 0), &io);
	cr_assert_eq(await(2)->result, 4);
	cr_assert_eq(pread(fd, text, 4, 6), 4);
	cr_assert_eq(memcmp(text, "WXYZ", 4), 0);
	ring_fallocate(ring, tag_of(0, 0, 0), io.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       7, 2);
	cr_assert_eq(await(3)->result, 0);
	cr_assert_eq(pread(fd, text, 4, 6), 4);
	cr_assert_eq(memcmp(text, "W\0\0Z", 4), 0);
	ring_fsync(ring, tag_of(0, 0, 0), io.file);
	cr_assert_eq(await(4)->result, 0);
}

Test(SUITE, a_read_waits_for_a_doorbell)
{
	uint64_t count = 0;
	unsigned file;
	int fd;

	add_clients(1, N_OPS);
	add_event(&file, &fd);
	start();
	ring_read(ring, tag_of(0, 1, 0), file, &count, sizeof(count));
	cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_events, 0u);
	signal_event(fd);
	cr_assert_eq(await(1)->result, 8);
	cr_assert_eq(count, 1u);
}

Test(SUITE, polls_once)
{
	unsigned file;
	int fd;

	add_clients(1, N_OPS);
	add_event(&file, &fd);
	start();
	ring_poll(ring, tag_of(0, 1, 0), file, POLLIN);
	cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_events, 0u);
	signal_event(fd);
	cr_assert_eq(await(1)->result, POLLIN);
	signal_event(fd);
	cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_events, 2u, "one completion and one turn");
}

Test(SUITE, cancels_what_waits_and_nothing_else)
{
	add_clients(1, N_OPS);
	start();
	ring_timeout(ring, tag_of(0, 1, 1), NS_LONG);
	ring_timeout(ring, tag_of(0, 1, 2), NS_LONG);
	ring_cancel(ring, tag_of(0, 1, 2));
	ring_cancel(ring, tag_of(0, 1, 3)); /* there is no such thing */
	cr_assert_eq(await(1)->result, -ECANCELED);
	cr_assert_eq(events[0].tag.index, 2u);
	cr_assert_eq(ring_turn(ring, false), 0);
	cr_assert_eq(n_events, 2u);
	ring_cancel(ring, tag_of(0, 1, 1));
	cr_assert_eq(await(2)->tag.index, 1u);
}

/* Many completions, one turn: the interrupt at its end is one, too. */
Test(SUITE, completions_of_one_turn_share_it_and_one_call)
{
	struct faults_counts before;
	unsigned file;
	int fd;

	add_clients(2, N_OPS);
	add_event(&file, &fd);
	signal_event(fd);
	start();
	before = faults_counts();
	for (unsigned i = 0; i < N_OPS; i++)
		ring_poll(ring, tag_of(0, 0, i), file, POLLIN);
	cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(n_events, N_OPS + 1u);
	for (unsigned i = 0; i < N_OPS; i++)
		cr_assert_eq(events[i].tag.index, i);
	cr_assert_eq(count_turns(0), 1u);
	cr_assert(events[N_OPS].is_turn);
	cr_assert_eq(count_turns(1), 0u, "nothing was done for it");
	cr_assert_eq(faults_counts().n_enters - before.n_enters, 1u);
	cr_assert_eq(faults_counts().n_made - before.n_made, N_OPS);
}

Test(SUITE, who_has_more_to_do_lets_others_in_and_does_not_sleep)
{
	struct faults_counts before;

	add_clients(3, N_OPS);
	start();
	clients[0].more = 5;
	clients[1].more = 5;
	ring_wake(ring, clients[0].id);
	ring_wake(ring, clients[1].id);
	ring_timeout(ring, tag_of(2, 0, 0), NS_SHORT);
	before = faults_counts();
	for (unsigned i = 0; i < 6; i++) {
		cr_assert_eq(ring_turn(ring, true), 0);
		cr_assert_eq(count_turns(0), i + 1);
		cr_assert_eq(count_turns(1), i + 1);
	}
	cr_assert_eq(faults_counts().n_waits, before.n_waits);
	cr_assert_eq(await(1)->owner, clients[2].id);
}

Test(SUITE, another_owner_is_first_every_time)
{
	unsigned n_first[3] = {0};

	add_clients(3, N_OPS);
	start();
	for (unsigned i = 0; i < 6; i++) {
		n_events = 0;
		for (unsigned j = 0; j < 3; j++)
			ring_wake(ring, clients[j].id);
		cr_assert_eq(ring_turn(ring, true), 0);
		cr_assert_eq(n_events, 3u);
		n_first[events[0].owner]++;
	}
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(n_first[i], 2u);
}

static void wake_first(void)
{
	ring_wake(ring, clients[0].id);
}

static void wake_second(void)
{
	ring_wake(ring, clients[1].id);
}

/* Whose time has gone by in this turn has the next, and nobody has two. */
Test(SUITE, wakes_in_a_turn_lose_nothing)
{
	add_clients(2, N_OPS);
	start();
	for (unsigned i = 0; i < 2; i++) {
		n_events = 0;
		clients[0].on_turn = wake_second;
		clients[1].on_turn = wake_first;
		ring_wake(ring, clients[0].id);
		for (unsigned j = 0; j < 4; j++)
			cr_assert_eq(ring_turn(ring, false), 0);
		cr_assert_eq(count_turns(0), 2u);
		cr_assert_eq(count_turns(1), 1u);
	}
}

/* One owner's flood is taken in parts; what another waits for is not behind all of it. */
Test(SUITE, a_turn_takes_a_bounded_number_of_completions)
{
	unsigned n = RING_BUDGET + 10;

	add_clients(2, RING_BUDGET + 10);
	start();
	for (unsigned i = 0; i < n; i++)
		ring_timeout(ring, tag_of(0, 0, i), 0);
	faults_hoard(n);
	while (n_events == 0)
		cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(n_events, RING_BUDGET + 1u);
	cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(n_events, n + 2);
	cr_assert_eq(count_turns(0), 2u);
}

Test(SUITE, goes_on_where_the_submission_queue_is_full)
{
	unsigned n = 1000, n_enters;
	static bool has_come[1000];

	add_clients(1, 1000);
	start();
	n_enters = faults_counts().n_enters;
	for (unsigned i = 0; i < n; i++)
		ring_timeout(ring, tag_of(0, 0, i), i % 2 == 0 ? NS_LONG : 0);
	cr_assert_eq(faults_counts().n_enters - n_enters, (n - 1) / 256);
	await(n / 2);
	for (unsigned i = 0; i < n; i += 2)
		ring_cancel(ring, tag_of(0, 0, i));
	await(n);
	for (unsigned i = 0; i < n_events; i++) {
		if (events[i].is_turn)
			continue;
		cr_assert_not(has_come[events[i].tag.index]);
		has_come[events[i].tag.index] = true;
		cr_assert_eq(events[i].result, events[i].tag.index % 2 == 0 ? -ECANCELED : -ETIME);
	}
	cr_assert_eq(*faults_uring()->cq.koverflow, 0u);
}

Test(SUITE, an_owner_has_its_number_of_operations_again_and_again)
{
	add_clients(1, N_OPS);
	start();
	for (unsigned i = 1; i <= 3; i++) {
		for (unsigned j = 0; j < N_OPS; j++)
			ring_timeout(ring, tag_of(0, 0, j), 0);
		await(i * N_OPS);
	}
}

/* It would overflow what was reserved: a bug of ours. */
Test(SUITE, an_owner_has_no_more_operations_than_it_said, .signal = SIGABRT)
{
	add_clients(2, N_OPS);
	start();
	for (unsigned i = 0; i <= N_OPS; i++)
		ring_timeout(ring, tag_of(0, 0, i), 0);
}

/* All there may be, all cancelled, and nothing taken until all of it has come. */
Test(SUITE, has_room_for_every_completion)
{
	add_clients(2, 128);
	start();
	for (unsigned i = 0; i < 256; i++)
		ring_timeout(ring, tag_of(i / 128, 0, i), NS_LONG);
	for (unsigned i = 0; i < 256; i++)
		ring_cancel(ring, tag_of(i / 128, 0, i));
	cr_assert_eq(faults_uring()->cq.ring_entries, 512u);
	faults_hoard(512);
	await(256);
	cr_assert_eq(*faults_uring()->cq.koverflow, 0u);
	cr_assert_eq(*faults_uring()->sq.kflags & IORING_SQ_CQ_OVERFLOW, 0u);
}

Test(SUITE, swaps_a_file_behind_what_was_asked_of_the_old_one)
{
	char bytes[2][4];
	struct iovec iov[] = {{bytes[0], 4}, {bytes[1], 4}};
	struct ring_io io = {.iov = &iov[0], .n_iov = 1};
	unsigned empty;

	add_clients(1, N_OPS);
	cr_assert_eq(ring_add_file(ring, file_of("old!"), &io.file), 0);
	cr_assert_eq(ring_add_file(ring, -1, &empty), 0);
	start();
	ring_readv(ring, tag_of(0, 0, 0), &io);
	cr_assert_eq(ring_swap_file(ring, io.file, file_of("new!")), 0);
	io.iov = &iov[1];
	ring_readv(ring, tag_of(0, 0, 1), &io);
	await(2);
	cr_assert_eq(memcmp(bytes, "old!new!", 8), 0);

	io.file = empty;
	ring_readv(ring, tag_of(0, 0, 2), &io);
	cr_assert_eq(await(3)->result, -EBADF);
	cr_assert_eq(ring_swap_file(ring, empty, file_of("full")), 0);
	ring_readv(ring, tag_of(0, 0, 3), &io);
	cr_assert_eq(await(4)->result, 4);
	cr_assert_eq(ring_swap_file(ring, empty, 4000), -EBADF);
	cr_assert_eq(ring_swap_file(ring, RING_FILES_MAX, 0), -EINVAL);
}

Test(SUITE, has_places_for_so_many_files_owners_and_operations)
{
	unsigned file;
	uint16_t id;

	for (unsigned i = 0; i < RING_FILES_MAX; i++) {
		cr_assert_eq(ring_add_file(ring, -1, &file), 0);
		cr_assert_eq(file, i);
	}
	cr_assert_eq(ring_add_file(ring, -1, &file), -ENFILE);
	cr_assert_eq(ring_add_owner(ring, &ops, &clients[0], RING_OPS_MAX + 1, &id), -E2BIG);
	cr_assert_eq(ring_add_owner(ring, &ops, &clients[0], RING_OPS_MAX - 62, &id), 0);
	cr_assert_eq(ring_add_owner(ring, &ops, &clients[0], 63, &id), -E2BIG);
	for (unsigned i = 1; i < RING_OWNERS_MAX; i++)
		cr_assert_eq(ring_add_owner(ring, &ops, &clients[0], 2, &id), 0);
	cr_assert_eq(id, RING_OWNERS_MAX - 1);
	cr_assert_eq(ring_add_owner(ring, &ops, &clients[0], 0, &id), -ENFILE);
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
}

static void stop(void)
{
	ring_stop(ring);
}

static void stop_at_the_next(void)
{
	clients[0].on_turn = stop;
	ring_timeout(ring, tag_of(0, 0, 0), NS_SHORT);
}

Test(SUITE, runs_until_it_is_stopped)
{
	add_clients(1, N_OPS);
	clients[0].on_turn = stop_at_the_next;
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_run(ring), 0);
	cr_assert_eq(n_events, 3u, "turn, completion, turn");
}

static void *run_elsewhere(void *unused)
{
	static struct err enable_err;

	(void)unused;
	cr_assert_eq(ring_enable(ring, &enable_err), 0, "%s", enable_err.text);
	cr_assert_eq(ring_run(ring), 0);
	cr_assert_eq(n_events, 3u);
	return NULL;
}

Test(SUITE, is_made_by_one_thread_and_used_by_another)
{
	pthread_t thread;

	add_clients(1, N_OPS);
	clients[0].on_turn = stop_at_the_next;
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(pthread_create(&thread, NULL, run_elsewhere, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(ring_turn(ring, false), -EBADF, "it is that thread's");
}

static void on_alarm(int signal)
{
	(void)signal;
}

Test(SUITE, a_signal_ends_a_wait_and_nothing_else)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	add_clients(1, N_OPS);
	start();
	ring_timeout(ring, tag_of(0, 0, 0), NS_LONG);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(ring_turn(ring, true), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	cr_assert_eq(n_events, 0u);
	ring_cancel(ring, tag_of(0, 0, 0));
	cr_assert_eq(await(1)->result, -ECANCELED);
}

static bool counts_memory;
static unsigned n_allocations;
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *bytes, size_t size);
void *__wrap_realloc(void *bytes, size_t size);

void *__wrap_malloc(size_t size)
{
	n_allocations += counts_memory;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_allocations += counts_memory;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
	n_allocations += counts_memory;
	return __real_realloc(bytes, size);
}

Test(SUITE, allocates_nothing_once_it_is_sealed)
{
	char byte;
	struct iovec iov = {&byte, 1};
	struct ring_io io = {.iov = &iov, .n_iov = 1};
	int other = file_of("y");

	ring_free(ring); /* made anew, to see that it is counted */
	counts_memory = true;
	cr_assert_eq(ring_new(&ring, &err), 0);
	add_clients(1, 512);
	cr_assert_eq(ring_add_file(ring, file_of("x"), &io.file), 0);
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_gt(n_allocations, 0u, "they are counted");
	n_allocations = 0;
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	for (unsigned i = 0; i < 500; i++)
		ring_timeout(ring, tag_of(0, 0, i), 0);
	ring_readv(ring, tag_of(0, 0, 0), &io);
	ring_fsync(ring, tag_of(0, 0, 0), io.file);
	ring_cancel(ring, tag_of(0, 0, 0));
	cr_assert_eq(ring_swap_file(ring, io.file, other), 0);
	await(502);
	cr_assert_eq(n_allocations, 0u);
}
