/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vcon.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdatomic.h>

#include "base/le.h"
#include "base/scope.h"

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, N_QUEUES };
enum { TAG_READ, TAG_WRITE, TAG_WRITABLE, N_OPS };

static struct vcon *vcon_of(struct vdev *vdev)
{
	return container_of(vdev, struct vcon, vdev);
}

/* Towards the reader. */

static uint64_t n_unwritten(const struct vcon *vcon)
{
	uint64_t n = 0;

	for (unsigned i = vcon->first; i < vcon->n_iov; i++)
		n += vcon->iov[i].iov_len;
	return n;
}

/* Chooses what one write takes of the rest: whole parts, or else a piece of the first. */
static void choose_parts(struct vcon *vcon, struct ring_io *io)
{
	const struct iovec *parts = vcon->iov + vcon->first;
	size_t len = parts[0].iov_len;

	io->iov = parts;
	io->n_iov = 1;
	if (len > VCON_WRITE_MAX) {
		vcon->piece = (struct iovec){parts[0].iov_base, VCON_WRITE_MAX};
		io->iov = &vcon->piece;
		return;
	}
	while (vcon->first + io->n_iov < vcon->n_iov &&
	       parts[io->n_iov].iov_len <= VCON_WRITE_MAX - len)
		len += parts[io->n_iov++].iov_len;
}

static void write_on(struct vcon *vcon)
{
	struct ring_io io = {.file = vcon->output, .offset = RING_NO_OFFSET};

	choose_parts(vcon, &io);
	vcon->writing = true;
	atomic_store(&vcon->kept, n_unwritten(vcon));
	ring_writev(vcon->vdev.ring, vdev_tag(&vcon->vdev, TAG_WRITE, 0), &io);
}

static void push_written(struct vcon *vcon)
{
	for (unsigned i = 0; i < vcon->n_chains; i++)
		vdev_push(&vcon->vdev, QUEUE_TRANSMIT, vcon->heads[i], 0);
	vcon->n_chains = vcon->n_iov = vcon->first = 0;
	atomic_store(&vcon->kept, 0);
	vdev_kick(&vcon->vdev, QUEUE_TRANSMIT);
}

static void drop(struct vcon *vcon)
{
	atomic_store(&vcon->kept, 0);
	atomic_fetch_add(&vcon->dropped, n_unwritten(vcon));
	vcon->first = vcon->n_iov;
}

/* Takes `n` written bytes off the front. */
static void advance(struct vcon *vcon, size_t n)
{
	for (; vcon->first < vcon->n_iov; vcon->first++) {
		struct iovec *part = &vcon->iov[vcon->first];
		size_t taken = n < part->iov_len ? n : part->iov_len;

		part->iov_base = (uint8_t *)part->iov_base + taken;
		part->iov_len -= taken;
		n -= taken;
		if (part->iov_len > 0)
			return;
	}
}

/* Collects chains for one write, as many as there is room for. Returns whether there may be more. */
static bool collect(struct vcon *vcon)
{
	struct vdev *vdev = &vcon->vdev;
	struct vq_chain chain = {0};

	while (vcon->n_chains < VCON_CHAINS) {
		chain.iov = vcon->iov + vcon->n_iov;
		chain.n_iov = VCON_IOV - vcon->n_iov;
		if (!vdev_pop(vdev, QUEUE_TRANSMIT, &chain))
			return false;
		if (chain.too_long && vcon->n_chains > 0) {
			vq_unpop(&vdev->queues[QUEUE_TRANSMIT], &chain);
			return true;
		}
		vcon->n_iov += chain.n_out;
		vcon->heads[vcon->n_chains++] = chain.head;
	}
	return true;
}

static bool transmit(struct vcon *vcon)
{
	bool more;

	if (vcon->writing)
		return false;
	more = collect(vcon);
	if (vcon->n_chains == 0)
		return false;
	if (vcon->broken)
		drop(vcon);
	if (vcon->first < vcon->n_iov) {
		write_on(vcon);
		return false;
	}
	push_written(vcon);
	return more;
}

static void on_written(struct vcon *vcon, int32_t result)
{
	vcon->writing = false;
	if (result == -EAGAIN) {
		vcon->writing = true;
		ring_poll(vcon->vdev.ring, vdev_tag(&vcon->vdev, TAG_WRITABLE, 0), vcon->output,
			  POLLOUT);
		return;
	}
	if (result > 0) {
		advance(vcon, (size_t)result);
	} else if (result != -EINTR) {
		vcon->broken = true;
		atomic_store(&vcon->error, -result);
		drop(vcon);
	}
	if (vcon->first < vcon->n_iov)
		write_on(vcon);
	else
		push_written(vcon);
}

/* From whoever types. */

static bool receive(struct vcon *vcon)
{
	struct vq_chain chain = {.iov = vcon->input_iov, .n_iov = VCON_IOV};
	struct ring_io io = {.file = vcon->input, .offset = RING_NO_OFFSET};

	if (vcon->reading || vcon->no_input || !vdev_pop(&vcon->vdev, QUEUE_RECEIVE, &chain))
		return false;
	if (chain.n_in == 0) {
		vdev_push(&vcon->vdev, QUEUE_RECEIVE, chain.head, 0);
		return true;
	}
	vcon->reading = true;
	vcon->input_head = chain.head;
	vcon->first_input_iov = chain.n_out;
	io.iov = vcon->input_iov + chain.n_out;
	io.n_iov = chain.n_in;
	ring_readv(vcon->vdev.ring, vdev_tag(&vcon->vdev, TAG_READ, 0), &io);
	return false;
}

static void tell_dirty(const struct vcon *vcon, const struct iovec *iov, size_t n)
{
	for (; n > 0; iov++) {
		size_t len = n < iov->iov_len ? n : iov->iov_len;

		mem_dirty(vcon->vdev.mem, iov->iov_base, len);
		n -= len;
	}
}

static void on_read(struct vcon *vcon, int32_t result)
{
	const struct vq_chain chain = {.head = vcon->input_head};

	vcon->reading = vcon->cancelling = false;
	if (result > 0) {
		tell_dirty(vcon, vcon->input_iov + vcon->first_input_iov, (size_t)result);
		vdev_push(&vcon->vdev, QUEUE_RECEIVE, vcon->input_head, (uint32_t)result);
	} else {
		/* The buffer is the driver's still; so it can be when the next byte comes. */
		vq_unpop(&vcon->vdev.queues[QUEUE_RECEIVE], &chain);
		vcon->no_input = result != -EINTR && result != -ECANCELED;
	}
	vdev_kick(&vcon->vdev, QUEUE_RECEIVE);
}

/* The device. */

static void start(struct vdev *vdev)
{
	struct vcon *vcon = vcon_of(vdev);

	if (!vcon->was_up && vcon->config->on_up != NULL)
		vcon->config->on_up(vcon->config->context);
	vcon->was_up = true;
}

static bool kick(struct vdev *vdev, unsigned queue)
{
	return queue == QUEUE_TRANSMIT ? transmit(vcon_of(vdev)) : receive(vcon_of(vdev));
}

static void complete(struct vdev *vdev, struct ring_tag tag, int32_t result)
{
	struct vcon *vcon = vcon_of(vdev);

	switch (tag.kind) {
	case TAG_READ:
		on_read(vcon, result);
		break;
	case TAG_WRITE:
		on_written(vcon, result);
		break;
	case TAG_WRITABLE:
	default:
		write_on(vcon);
		break;
	}
}

/* A write ends when its reader has taken it; nobody can tell how much a cancelled one wrote. */
static bool drain(struct vdev *vdev)
{
	struct vcon *vcon = vcon_of(vdev);

	if (vcon->reading && !vcon->cancelling) {
		vcon->cancelling = true;
		ring_cancel(vdev->ring, vdev_tag(vdev, TAG_READ, 0));
	}
	return !vcon->reading && !vcon->writing;
}

static void attend(struct vdev *vdev)
{
	uint32_t size = atomic_load(&vcon_of(vdev)->wanted_size);
	uint8_t config[VDEV_CONFIG_MAX];

	if (size == le32_get(vdev->config))
		return;
	memcpy(config, vdev->config, vdev->config_len);
	le32_put(config, size);
	vdev_change_config(vdev, config);
}

void vcon_resize(struct vcon *vcon, uint16_t cols, uint16_t rows)
{
	atomic_store(&vcon->wanted_size, (uint32_t)rows << 16 | cols);
}

uint64_t vcon_n_lost(const struct vcon *vcon)
{
	return atomic_load(&vcon->dropped) + atomic_load(&vcon->kept);
}

/* What the guest has not read is in the pipe: nothing to save. */
static const struct vdev_ops vcon_ops = {.start = start,
					 .kick = kick,
					 .complete = complete,
					 .drain = drain,
					 .attend = attend,
					 .save = vdev_save_nothing,
					 .load = vdev_load_nothing};

int vcon_init(struct vcon *vcon, const struct vcon_config *config, const struct mem *mem,
	      struct ring *ring)
{
	int ret;

	*vcon = (struct vcon){
		.vdev = {.ops = &vcon_ops,
			 .id = VIRTIO_ID_CONSOLE,
			 .features = config->cols > 0 ? UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE : 0,
			 .n_queues = N_QUEUES,
			 .queue_sizes = {VCON_QUEUE_SIZE, VCON_QUEUE_SIZE},
			 .config_len = sizeof(struct virtio_console_config),
			 .mem = mem,
			 .n_ops = VCON_OPS - N_QUEUES},
		.config = config,
		.no_input = config->input < 0,
		.broken = config->output < 0,
	};
	vcon_resize(vcon, config->cols, config->rows);
	le32_put(vcon->vdev.config, atomic_load(&vcon->wanted_size));
	ret = ring_add_file(ring, config->output, &vcon->output);
	return ret == 0 ? ring_add_file(ring, config->input, &vcon->input) : ret;
}
