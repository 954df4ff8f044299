/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell says that is not true, not whole or not its turn. None comes back: each waits for the
 * supervisor to end it.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/msg.h"
#include "monitor/protocol.h"
#include "tests/jail/attacker/attacks.h"

static struct from_cell message;
static int supervisor;

static void say(uint32_t type, size_t len)
{
	message.type = type;
	send(supervisor, &message, len, MSG_NOSIGNAL);
}

static void say_whole(uint32_t type)
{
	say(type, from_cell_len(type));
}

static int unknown_type(const struct scene *scene)
{
	supervisor = scene->socket;
	say(99, offsetof(struct from_cell, resolved));
	wait_for_the_end();
}

static int empty(const struct scene *scene)
{
	supervisor = scene->socket;
	say(0, 0);
	wait_for_the_end();
}

static int cut(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = 1;
	say(FROM_CELL_WISH, 4);
	wait_for_the_end();
}

static int long_winded(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = 1;
	say(FROM_CELL_WISH, sizeof(message));
	wait_for_the_end();
}

static int wish_for_nothing(const struct scene *scene)
{
	supervisor = scene->socket;
	say_whole(FROM_CELL_WISH);
	wait_for_the_end();
}

static int wish_for_too_much(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = UART_INPUT_MAX + 1;
	say_whole(FROM_CELL_WISH);
	wait_for_the_end();
}

static int wish_twice(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = 1;
	say_whole(FROM_CELL_WISH);
	say_whole(FROM_CELL_WISH);
	wait_for_the_end();
}

static int jailed_again(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = JAIL_HAS_ALL;
	say_whole(FROM_CELL_JAILED);
	wait_for_the_end();
}

static int resolved(const struct scene *scene)
{
	supervisor = scene->socket;
	say_whole(FROM_CELL_RESOLVED);
	wait_for_the_end();
}

static int no_keyboard(const struct scene *scene)
{
	supervisor = scene->socket;
	say_whole(FROM_CELL_NO_KEYBOARD);
	wait_for_the_end();
}

static int runs_again(const struct scene *scene)
{
	supervisor = scene->socket;
	say_whole(FROM_CELL_RUNS);
	wait_for_the_end();
}

static int failed_too_late(const struct scene *scene)
{
	supervisor = scene->socket;
	say_whole(FROM_CELL_FAILED);
	wait_for_the_end();
}

/* A text that would clear the screen, with no end, about a file that is not there. */
static int evil_text(const struct scene *scene)
{
	supervisor = scene->socket;
	memset(&message.failed, 'x', sizeof(message.failed));
	memcpy(message.failed.text, "\033[2J\n", 5);
	message.failed.subject = ERR_SUBJECT_INITRD;
	say_whole(FROM_CELL_FAILED);
	wait_for_the_end();
}

/* With a guest that has not run. */
static int wish_too_early(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = 1;
	say_whole(FROM_CELL_WISH);
	wait_for_the_end();
}

/* The final filter lets no descriptor be closed. */
static int hang_up(const struct scene *scene)
{
	close(scene->socket);
	wait_for_the_end();
}

/* Every number out of its range. */
static int evil_ending(const struct scene *scene)
{
	supervisor = scene->socket;
	memset(&message.ended, 0xff, sizeof(message.ended));
	say_whole(FROM_CELL_ENDED);
	wait_for_the_end();
}

static int stopped_by_nobody(const struct scene *scene)
{
	supervisor = scene->socket;
	message.ended.reason = END_STOPPED;
	say_whole(FROM_CELL_ENDED);
	wait_for_the_end();
}

/* Without a guest. */
static int ended_too_early(const struct scene *scene)
{
	supervisor = scene->socket;
	message.ended.reason = END_EXIT;
	say_whole(FROM_CELL_ENDED);
	wait_for_the_end();
}

static int flood(const struct scene *scene)
{
	supervisor = scene->socket;
	message.number = 1;
	for (unsigned i = 0; i < 100000; i++)
		say_whole(FROM_CELL_WISH);
	wait_for_the_end();
}

/* Takes input for ever and reads none of it: the answers pile up. */
static int deaf(const struct scene *scene)
{
	const struct timespec pause = {.tv_nsec = 200000};

	supervisor = scene->socket;
	message.number = 1;
	for (unsigned i = 0; i < 100000; i++) {
		say_whole(FROM_CELL_WISH);
		ppoll(NULL, 0, &pause, NULL);
	}
	wait_for_the_end();
}

/* As many answers as it can get. They come in a time in which the supervisor had a rest, or it won. */
static int greedy(const struct scene *scene)
{
	static struct to_cell answer;
	struct pollfd fd = {.fd = scene->socket, .events = POLLIN};
	const int64_t start = clock_ns();

	supervisor = scene->socket;
	message.number = UART_INPUT_MAX;
	for (unsigned i = 0; i < 500; i++) {
		say_whole(FROM_CELL_WISH);
		while (msg_recv(supervisor, &answer, sizeof(answer), MSG_DONTWAIT) < 0)
			ppoll(&fd, 1, NULL, NULL);
	}
	return clock_ns() - start < 300 * CLOCK_MILLISECOND ? 0 : EAGAIN;
}

/* A vCPU comes with it. */
static int pass_descriptor(const struct scene *scene)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr header = {.msg_iov = &iov,
				.msg_iovlen = 1,
				.msg_control = control,
				.msg_controllen = sizeof(control)};
	struct cmsghdr *part = CMSG_FIRSTHDR(&header);

	supervisor = scene->socket;
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &scene->vcpu->fd, sizeof(int));
	sendmsg(supervisor, &header, MSG_NOSIGNAL);
	wait_for_the_end();
}

static int silent(const struct scene *scene)
{
	supervisor = scene->socket;
	wait_for_the_end();
}

static int gone(const struct scene *scene)
{
	supervisor = scene->socket;
	_exit(0);
}

const struct attack lies[] = {
	{.name = "unknown-type", .make = unknown_type},
	{.name = "empty", .make = empty},
	{.name = "cut", .make = cut},
	{.name = "long-winded", .make = long_winded},
	{.name = "wish-for-nothing", .make = wish_for_nothing},
	{.name = "wish-for-too-much", .make = wish_for_too_much},
	{.name = "wish-twice", .make = wish_twice},
	{.name = "jailed-again", .make = jailed_again},
	{.name = "resolved", .make = resolved},
	{.name = "no-keyboard", .make = no_keyboard},
	{.name = "runs-again", .make = runs_again},
	{.name = "failed-too-late", .make = failed_too_late},
	{.name = "evil-ending", .make = evil_ending},
	{.name = "stopped-by-nobody", .make = stopped_by_nobody},
	{.name = "flood", .make = flood},
	{.name = "deaf", .make = deaf},
	{.name = "greedy", .make = greedy},
	{.name = "pass-descriptor", .make = pass_descriptor},
	{.name = "silent", .make = silent},
	{.name = "gone", .make = gone},
	{0},
};

const struct attack lies_in_set_up[] = {
	{.name = "evil-text", .make = evil_text},
	{.name = "ended-too-early", .make = ended_too_early},
	{.name = "wish-too-early", .make = wish_too_early},
	{.name = "hang-up", .make = hang_up},
	{0},
};
