/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

#define STOP_INTERVAL_NS 1000000

/* Kinds of the loop's own operations. */
enum { TAG_WAKE, TAG_ARM, TAG_STOP };

static struct ring_tag own_tag(const struct loop *loop, uint16_t kind)
{
	return (struct ring_tag){.kind = kind, .owner = loop->owner};
}

static void listen(struct loop *loop)
{
	ring_read(loop->ring, own_tag(loop, TAG_WAKE), loop->wake_file, &loop->rung,
		  sizeof(loop->rung));
}

/* KVM takes kicks as soon as the VM is old enough for that to cost its end nothing. */
static void arm_devices(struct loop *loop)
{
	int64_t left = loop->arm_at - clock_ns();

	if (loop->arming)
		return;
	if (left > 0) {
		loop->arming = true;
		ring_timeout(loop->ring, own_tag(loop, TAG_ARM), (uint64_t)left);
		return;
	}
	for (unsigned i = 0; i < loop->n_devices; i++)
		vmmio_arm(loop->devices[i]);
}

/* Repeats until nothing is in flight; a reader of output may be slow. */
static void stop_devices(struct loop *loop)
{
	bool drained = true;

	for (unsigned i = 0; i < loop->n_devices; i++)
		drained = vdev_drain(loop->devices[i]->vdev) && drained;
	if (drained)
		ring_stop(loop->ring);
	else
		ring_timeout(loop->ring, own_tag(loop, TAG_STOP), STOP_INTERVAL_NS);
}

static void attend(struct loop *loop)
{
	for (uint32_t called = atomic_exchange(&loop->called, 0); called != 0; called &= called - 1)
		vmmio_attend(loop->devices[__builtin_ctz(called)]);
	arm_devices(loop);
	if (atomic_load(&loop->stopping) && !loop->draining) {
		loop->draining = true;
		stop_devices(loop);
	}
}

static void complete(void *owner, struct ring_tag tag, int32_t result)
{
	struct loop *loop = owner;

	(void)result;
	switch (tag.kind) {
	case TAG_WAKE:
		listen(loop);
		attend(loop);
		break;
	case TAG_ARM:
		loop->arming = false;
		arm_devices(loop);
		break;
	case TAG_STOP:
	default:
		stop_devices(loop);
		break;
	}
}

static bool turn(void *owner)
{
	(void)owner;
	return false;
}

int loop_open(struct loop *loop, unsigned n_ops, struct err *err)
{
	int ret = ring_new(&loop->ring, err);

	return ret == 0 ? ring_make(loop->ring, n_ops + LOOP_OPS, err) : ret;
}

int loop_init(struct loop *loop, int wake_fd, struct err *err)
{
	static const struct ring_owner_ops ops = {.complete = complete, .turn = turn};
	int ret;

	loop->wake_fd = wake_fd;
	if ((ret = ring_add_owner(loop->ring, &ops, loop, LOOP_OPS, &loop->owner)) < 0 ||
	    (ret = ring_add_file(loop->ring, wake_fd, &loop->wake_file)) < 0)
		return err_host(err, -ret, "io_uring");
	return 0;
}

int loop_add(struct loop *loop, struct vmmio *vmmio, const int *doorbells, struct err *err)
{
	int ret = vdev_add_to_ring(vmmio->vdev, loop->ring, doorbells);

	if (ret < 0)
		return err_host(err, -ret, "io_uring: device %u", vmmio->index);
	loop->devices[loop->n_devices++] = vmmio;
	return 0;
}

int loop_seal(struct loop *loop, struct err *err)
{
	return ring_seal(loop->ring, err);
}

/* The rest of its life is the guest's. */
static int work(struct loop *loop)
{
	listen(loop);
	for (unsigned i = 0; i < loop->n_devices; i++)
		vdev_listen(loop->devices[i]->vdev);
	return ring_run(loop->ring);
}

/* A guest that sleeps until a device answers would never leave by itself. */
static void fail(const struct loop *loop, int error)
{
	ending_set(loop->ending, END_HOST_ERROR, (uint32_t)error);
	vcpu_kick(loop->control);
}

static void *loop_thread(void *argument)
{
	struct loop *loop = argument;
	struct err err;
	int ret;

	ret = ring_enable(loop->ring, &err);
	if (ret == 0)
		ret = jail_seal(loop->jail, JAIL_LOOP, &err);
	if (ret < 0)
		fail(loop, -ret);
	atomic_store(&loop->sealed, true);
	if (ret == 0 && (ret = work(loop)) < 0)
		fail(loop, -ret);
	atomic_store(&loop->stopped, true);
	for (;;)
		ppoll(NULL, 0, NULL, NULL); /* the end of the process ends it */
	return NULL;
}

int loop_start(struct loop *loop, struct err *err)
{
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, loop_thread, loop);

	return ret == 0 ? 0 : err_host(err, ret, "loop thread");
}

static void wake(const struct loop *loop)
{
	const uint64_t one = 1;

	/* It cannot fail: the counter never comes near its end. */
	if (write(loop->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void loop_call(struct loop *loop, const struct vmmio *vmmio)
{
	for (unsigned i = 0; i < loop->n_devices; i++)
		if (loop->devices[i] == vmmio)
			atomic_fetch_or(&loop->called, 1U << i);
	wake(loop);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	wake(loop);
}
