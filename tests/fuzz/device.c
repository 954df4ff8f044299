/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/device.h"

#include <linux/virtio_config.h>
#include <string.h>

#include "base/le.h"
#include "tests/fuzz/fuzz.h"

#define PATIENCE  3 /* turns of a reset that waits */
#define LET_GO    200
#define PARTS_MAX 8
#define PART_LEN  512
#define STEPS     (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

static struct device_play *play;
static struct rig *rig;

static void start(const struct device_move *move)
{
	uint64_t features = (play->vdev->features | FAKEDRV_FEATURES) & ~(uint64_t)move->value;

	rig_write(rig, VIRTIO_MMIO_STATUS, 0);
	if (!rig_negotiate(rig, features))
		return;
	rig_set_up_queues(rig, DEVICE_QUEUE_SIZE, features);
	rig_write(rig, VIRTIO_MMIO_STATUS, STEPS | VIRTIO_CONFIG_S_DRIVER_OK);
	vmmio_attend(&rig->vmmio);
}

static struct fakedrv *queue_of(const struct device_move *move)
{
	return &rig->queues[move->a % play->vdev->n_queues];
}

static void add_chain(const struct device_move *move)
{
	unsigned n = move->b % PARTS_MAX + 1U, n_direct = n;
	struct fakedrv *drv = queue_of(move);
	struct fakedrv_part parts[PARTS_MAX];

	if (drv->desc == NULL)
		return;
	for (unsigned i = 0; i < n; i++)
		parts[i] = (struct fakedrv_part){
			RIG_BUFFERS + (uint64_t)((move->a + i) % 64) * PART_LEN,
			(move->c & CHAIN_LONG) != 0 ? 3U << 19 : 1 + (move->value >> i) % PART_LEN,
			(move->c & CHAIN_IN) != 0};
	if ((move->c & CHAIN_INDIRECT) != 0)
		n_direct = (move->c & CHAIN_MIXED) != 0 ? 1 : 0;
	(void)fakedrv_add_mixed(drv, parts, n, n_direct);
	rig_publish(rig, move->a % play->vdev->n_queues);
}

/* Its buffers are its own again as far as it can tell. */
static void collect(void)
{
	struct vring_used_elem used;

	for (unsigned i = 0; i < play->vdev->n_queues; i++)
		for (unsigned n = 0; rig->queues[i].desc != NULL && n < DEVICE_QUEUE_SIZE; n++)
			if (!fakedrv_collect(&rig->queues[i], &used))
				break;
}

static void put(const struct device_move *move)
{
	struct fakedrv *drv = queue_of(move);

	if (drv->desc == NULL)
		return;
	fakedrv_put(drv, (uint16_t)move->value);
	rig_publish(rig, move->a % play->vdev->n_queues);
}

/* Descriptors, available ring, used ring and tables lie one after the other. */
static void corrupt(const struct device_move *move)
{
	struct fakedrv *drv = queue_of(move);
	unsigned page = move->b % 4U;
	uint64_t at = page * UINT64_C(4096) + move->c * UINT64_C(2);

	if (drv->desc == NULL)
		return;
	memcpy(fakedrv_hva(drv, drv->geometry.desc + at, 4), &move->value,
	       (move->b & 0x80) != 0 ? 4 : 2);
}

static void access_oddly(const struct device_move *move)
{
	unsigned len = 1U << move->a % 4;
	unsigned offset = (unsigned)(move->b << 8 | move->c) % (VMMIO_PAGE_LEN - len);
	uint8_t bytes[8] = {0};

	le32_put(bytes, move->value);
	if ((move->a & 0x80) != 0)
		vmmio_write(&rig->vmmio, offset, bytes, len);
	else
		vmmio_read(&rig->vmmio, offset, bytes, len);
}

static void stop_queue(const struct device_move *move)
{
	rig_write(rig, VIRTIO_MMIO_QUEUE_SEL, move->a);
	rig_write(rig, VIRTIO_MMIO_QUEUE_READY, move->value & 1);
}

static bool is_quiet(const struct vdev *vdev)
{
	for (unsigned i = 0; i < vdev->n_queues; i++)
		if (vq_n_in_flight(&vdev->queues[i]) > 0 ||
		    vdev->queues[i].published != vdev->queues[i].next_used)
			return false;
	return !vdev->draining;
}

static void check_same(const struct vq_geometry *a, const struct vq_geometry *b)
{
	fuzz_check(a->size == b->size && a->desc == b->desc && a->driver == b->driver &&
		   a->device == b->device);
}

/* Another transport takes over the state, or refuses it and is as it was. */
static void load(const struct vmmio_saved *saved)
{
	static _Alignas(4096) uint8_t page[VMMIO_PAGE_LEN], before[VMMIO_PAGE_LEN];
	static struct vdev vdev;
	static struct vmmio other;
	struct vmmio_saved again;

	vdev = play->pristine;
	memset(page, 0, sizeof(page));
	vmmio_init(&other, &vdev, page);
	other.host = rig;
	other.host_ops = rig->vmmio.host_ops;
	memcpy(before, page, sizeof(page));
	if (vmmio_load(&other, saved) < 0) {
		fuzz_check(memcmp(before, page, sizeof(page)) == 0);
		fuzz_check(other.state == VMMIO_OFF && vdev.queues[0].desc == NULL);
		return;
	}
	vmmio_save(&other, &again);
	fuzz_check(again.status == saved->status && again.ready == saved->ready);
	for (unsigned i = 0; i < VDEV_QUEUES_MAX; i++)
		check_same(&again.geometry[i], &saved->geometry[i]);
}

static void save(const struct device_move *move)
{
	unsigned at = (unsigned)(move->b << 8 | move->c);
	struct vmmio_saved saved;
	uint8_t bytes[1];
	size_t len;

	if (!is_quiet(play->vdev) || rig->vmmio.state == VMMIO_DRAINING)
		return;
	vmmio_save(&rig->vmmio, &saved);
	load(&saved);
	if (at < sizeof(saved))
		((uint8_t *)&saved)[at] ^= (uint8_t)move->value;
	load(&saved);
	if (play->vdev->ops->save == NULL)
		return;
	len = play->vdev->ops->save(play->vdev, bytes, 0);
	fuzz_check(len == 0 && play->vdev->ops->load(play->vdev, bytes, 1) < 0);
}

static void make(const struct device_move *move)
{
	switch (move->kind % N_MOVES) {
	case MOVE_START:
		start(move);
		break;
	case MOVE_CHAIN:
		add_chain(move);
		break;
	case MOVE_EVENT:
		play->event(move);
		break;
	case MOVE_REGISTER:
		rig_write(rig, move->a % 64U * 4, move->value);
		break;
	case MOVE_NOTIFY:
		rig_write(rig, VIRTIO_MMIO_QUEUE_NOTIFY, move->value);
		break;
	case MOVE_RESET:
		rig_write(rig, VIRTIO_MMIO_STATUS, 0);
		break;
	case MOVE_STOP:
		stop_queue(move);
		break;
	case MOVE_CORRUPT:
		corrupt(move);
		break;
	case MOVE_ODD:
		access_oddly(move);
		break;
	case MOVE_PUT:
		put(move);
		break;
	case MOVE_ATTEND:
		vmmio_attend(&rig->vmmio);
		break;
	case MOVE_ARM:
		vmmio_arm(&rig->vmmio);
		break;
	case MOVE_SAVE:
		save(move);
		break;
	case MOVE_TURN:
	default:
		rig_turn(rig, false);
		collect();
		break;
	}
}

/* What no driver can bring about. */
static void check(void)
{
	struct vmmio *vmmio = &rig->vmmio;
	uint32_t status = rig_read(rig, VIRTIO_MMIO_STATUS);
	const uint32_t alive = STEPS | VIRTIO_CONFIG_S_DRIVER_OK;

	fuzz_check(pthread_mutex_trylock(&vmmio->lock) == 0);
	pthread_mutex_unlock(&vmmio->lock);
	fuzz_check(!rig->is_closed);
	fuzz_check(status == vmmio->status);
	fuzz_check(vmmio->state == VMMIO_OFF ||
		   (status & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)) ==
			   (alive & (VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)));
	fuzz_check(vmmio->state != VMMIO_OFF || (!play->vdev->live && is_quiet(play->vdev)));
	/* One that is being reset need not ask for it. */
	fuzz_check(!play->vdev->failed || vmmio->resetting ||
		   (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
	fuzz_check(rig_read(rig, VIRTIO_MMIO_MAGIC_VALUE) == VMMIO_MAGIC);
	fuzz_check(rig_read(rig, VIRTIO_MMIO_DEVICE_ID) == play->vdev->id);
	fuzz_check(memcmp(rig->page + VIRTIO_MMIO_CONFIG, play->vdev->config,
			  play->vdev->config_len) == 0);
	fuzz_check(vmmio->ready >> play->vdev->n_queues == 0);
	fuzz_check((vmmio->driver_features & ~(play->vdev->features | FAKEDRV_FEATURES |
					       UINT64_C(1) << VIRTIO_F_VERSION_1)) == 0 ||
		   (status & VIRTIO_CONFIG_S_FEATURES_OK) == 0);
}

/* However it was treated, a reset makes it a device again. */
static void end(void)
{
	play->let_go();
	for (unsigned i = 0; i < LET_GO && rig_read(rig, VIRTIO_MMIO_STATUS) != 0; i++) {
		rig_write(rig, VIRTIO_MMIO_STATUS, 0);
		rig_turn(rig, false);
	}
	fuzz_check(rig_read(rig, VIRTIO_MMIO_STATUS) == 0);
	fuzz_check(rig_read(rig, VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
	start(&(struct device_move){0});
	rig_turn(rig, false);
	fuzz_check(rig_read(rig, VIRTIO_MMIO_STATUS) == (STEPS | VIRTIO_CONFIG_S_DRIVER_OK));
}

struct job {
	void (*run)(const uint8_t *data, size_t size);
	const uint8_t *data;
	size_t size;
};

static void *run_job(void *argument)
{
	const struct job *job = argument;

	job->run(job->data, job->size);
	return NULL;
}

void device_on_thread(void (*run)(const uint8_t *data, size_t size), const uint8_t *data,
		      size_t size)
{
	struct job job = {run, data, size};
	pthread_t thread;

	fuzz_check(pthread_create(&thread, NULL, run_job, &job) == 0);
	fuzz_check(pthread_join(thread, NULL) == 0);
}

void device_play(struct device_play *which, const uint8_t *data, size_t size)
{
	struct device_move move;

	play = which;
	rig = which->rig;
	rig->patience = PATIENCE;
	for (; size >= sizeof(move); data += sizeof(move), size -= sizeof(move)) {
		memcpy(&move, data, sizeof(move));
		make(&move);
		check();
	}
	end();
}
