/* SPDX-License-Identifier: Apache-2.0 */
/* A ring in use: submissions, and the loop that hands out completions. The loop's thread. */
#include <assert.h>
#include <errno.h>

#include "iouring-io/ring_priv.h"

/* Whose completions nobody waits for: those of cancellations. */
#define NOBODY UINT16_MAX

#define NS_PER_S 1000000000U

static uint64_t pack(struct ring_tag tag)
{
	return (uint64_t)tag.owner << 48 | (uint64_t)tag.kind << 32 | tag.index;
}

static struct ring_tag unpack(uint64_t user_data)
{
	return (struct ring_tag){.owner = (uint16_t)(user_data >> 48),
				 .kind = (uint16_t)(user_data >> 32),
				 .index = (uint32_t)user_data};
}

/* What goes by itself, or with completions that come: a signal, memory, a full completion queue. */
static bool is_passing(int ret)
{
	return ret == -EINTR || ret == -EAGAIN || ret == -EBUSY;
}

/* Each round gives the kernel the chance to end operations, and so to have memory again. */
static int submit_all(struct ring *ring)
{
	while (ring_n_queued(&ring->uring) > 0) {
		int ret = ring_kernel_enter(&ring->uring, 0);

		if (ret < 0 && !is_passing(ret))
			return ret;
	}
	return 0;
}

static struct io_uring_sqe *next_place(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (sqe != NULL)
		return sqe;
	if (ring->error == 0)
		ring->error = submit_all(ring);
	sqe = io_uring_get_sqe(&ring->uring);
	return sqe != NULL ? sqe : &ring->nowhere;
}

static struct io_uring_sqe *begin(struct ring *ring, struct ring_tag tag)
{
	struct ring_owner *owner;

	assert(tag.owner < ring->n_owners);
	owner = &ring->owners[tag.owner];
	assert(owner->n_in_flight < owner->n_ops);
	owner->n_in_flight++;
	return next_place(ring);
}

/* After io_uring_prep_*(), which clear both. */
static void finish(struct io_uring_sqe *sqe, uint64_t user_data)
{
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->user_data = user_data;
}

void ring_readv(struct ring *ring, struct ring_tag tag, const struct ring_io *io)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_readv(sqe, (int)io->file, io->iov, io->n_iov, io->offset);
	finish(sqe, pack(tag));
}

void ring_writev(struct ring *ring, struct ring_tag tag, const struct ring_io *io)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_writev(sqe, (int)io->file, io->iov, io->n_iov, io->offset);
	finish(sqe, pack(tag));
}

void ring_read(struct ring *ring, struct ring_tag tag, unsigned file, void *buffer, unsigned len)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_read(sqe, (int)file, buffer, len, RING_NO_OFFSET);
	finish(sqe, pack(tag));
}

void ring_fsync(struct ring *ring, struct ring_tag tag, unsigned file)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_fsync(sqe, (int)file, IORING_FSYNC_DATASYNC);
	finish(sqe, pack(tag));
}

void ring_fallocate(struct ring *ring, struct ring_tag tag, unsigned file, int mode,
		    uint64_t offset, uint64_t len)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_fallocate(sqe, (int)file, mode, (off_t)offset, (off_t)len);
	finish(sqe, pack(tag));
}

void ring_poll(struct ring *ring, struct ring_tag tag, unsigned file, short events)
{
	struct io_uring_sqe *sqe = begin(ring, tag);

	io_uring_prep_poll_add(sqe, (int)file, (unsigned short)events);
	finish(sqe, pack(tag));
}

void ring_timeout(struct ring *ring, struct ring_tag tag, uint64_t ns)
{
	struct io_uring_sqe *sqe = begin(ring, tag);
	struct __kernel_timespec *time;

	if (sqe == &ring->nowhere)
		return;
	/* The kernel reads it when it takes the submission; until then the place is not used again. */
	time = &ring->times[sqe - ring->uring.sq.sqes];
	*time = (struct __kernel_timespec){.tv_sec = (long long)(ns / NS_PER_S),
					   .tv_nsec = (long long)(ns % NS_PER_S)};
	io_uring_prep_timeout(sqe, time, 0, 0);
	finish(sqe, pack(tag));
}

void ring_cancel(struct ring *ring, struct ring_tag tag)
{
	struct io_uring_sqe *sqe = next_place(ring);

	io_uring_prep_cancel64(sqe, pack(tag), 0);
	finish(sqe, pack((struct ring_tag){.owner = NOBODY}));
}

int ring_swap_file(struct ring *ring, unsigned file, int fd)
{
	/* What is queued was meant for the old file. */
	int ret = submit_all(ring);

	if (ret == 0)
		ret = io_uring_register_files_update(&ring->uring, file, &fd, 1);
	return ret < 0 ? ret : 0;
}

void ring_wake(struct ring *ring, uint16_t owner)
{
	ring->due |= UINT32_C(1) << owner;
}

void ring_stop(struct ring *ring)
{
	ring->is_stopped = true;
}

static void hand_out(struct ring *ring, const struct ring_done *done)
{
	struct ring_tag tag = unpack(done->user_data);
	struct ring_owner *owner;

	if (tag.owner == NOBODY)
		return;
	owner = &ring->owners[tag.owner];
	owner->n_in_flight--;
	ring_wake(ring, tag.owner);
	owner->ops->complete(owner->owner, tag, done->result);
}

/* Each that is due once, another one first every time. What is due again then waits for the next. */
static void give_turns(struct ring *ring)
{
	ring->first = ring->first + 1 < ring->n_owners ? ring->first + 1 : 0;
	for (unsigned i = 0; i < ring->n_owners; i++) {
		unsigned id = (ring->first + i) % ring->n_owners;
		const struct ring_owner *owner = &ring->owners[id];

		if ((ring->due & UINT32_C(1) << id) == 0)
			continue;
		ring->due &= ~(UINT32_C(1) << id);
		if (owner->ops->turn(owner->owner))
			ring_wake(ring, (uint16_t)id);
	}
}

int ring_turn(struct ring *ring, bool wait)
{
	unsigned n;
	int ret;

	ret = ring_kernel_enter(&ring->uring, wait && ring->due == 0 ? 1 : 0);
	if (ret < 0 && !is_passing(ret))
		return ret;
	n = ring_kernel_reap(&ring->uring, ring->done, RING_BUDGET);
	for (unsigned i = 0; i < n; i++)
		hand_out(ring, &ring->done[i]);
	give_turns(ring);
	return ring->error;
}

int ring_run(struct ring *ring)
{
	int ret = 0;

	while (ret == 0 && !ring->is_stopped)
		ret = ring_turn(ring, true);
	return ret;
}
