/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vmmio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdatomic.h>
#include <string.h>

#include "base/le.h"

#define TRANSPORT_FEATURES                                                                         \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |              \
	 UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define INTERRUPTS ((uint32_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG))
#define STATUS_KNOWN                                                                               \
	((uint32_t)(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |                         \
		    VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |                      \
		    VIRTIO_CONFIG_S_FAILED))

/* A word of the page; the guest may read it at this moment. */
static _Atomic uint32_t *word(const struct vmmio *vmmio, unsigned reg)
{
	return (_Atomic uint32_t *)(void *)(vmmio->page + reg);
}

static void put(const struct vmmio *vmmio, unsigned reg, uint32_t value)
{
	atomic_store_explicit(word(vmmio, reg), value, memory_order_release);
}

static uint64_t offered(const struct vmmio *vmmio)
{
	return vmmio->vdev->features | TRANSPORT_FEATURES;
}

/* Publishes what DeviceFeaturesSel and QueueSel select. [virtio 1.2 §4.2.2.1] */
static void show_selected(const struct vmmio *vmmio)
{
	uint64_t features = vmmio->device_features_sel < 2
				    ? offered(vmmio) >> 32 * vmmio->device_features_sel
				    : 0;
	bool exists = vmmio->queue_sel < vmmio->vdev->n_queues;

	put(vmmio, VIRTIO_MMIO_DEVICE_FEATURES, (uint32_t)features);
	put(vmmio, VIRTIO_MMIO_QUEUE_NUM_MAX,
	    exists ? vmmio->vdev->queue_sizes[vmmio->queue_sel] : 0);
	put(vmmio, VIRTIO_MMIO_QUEUE_READY, exists ? vmmio->ready >> vmmio->queue_sel & 1 : 0);
}

static void set_status(struct vmmio *vmmio, uint32_t status)
{
	vmmio->status = status;
	put(vmmio, VIRTIO_MMIO_STATUS, status);
}

/* An edge, which no acknowledgement is waited for. Any thread. */
static void interrupt(const struct vmmio *vmmio, uint32_t why)
{
	atomic_fetch_or(word(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS), why);
	irq_set(&vmmio->irq, true);
	irq_set(&vmmio->irq, false);
}

/* [virtio 1.2 §2.1.2]: under the lock. */
static void set_needs_reset(struct vmmio *vmmio)
{
	set_status(vmmio, vmmio->status | VIRTIO_CONFIG_S_NEEDS_RESET);
	interrupt(vmmio, VIRTIO_MMIO_INT_CONFIG);
}

static void stop_queues(struct vdev *vdev)
{
	for (unsigned i = 0; i < vdev->n_queues; i++)
		vq_stop(&vdev->queues[i]);
}

/* As after a reset; under the lock. */
static void clear(struct vmmio *vmmio)
{
	vmmio->state = VMMIO_OFF;
	vmmio->started = vmmio->resetting = vmmio->changed = false;
	vmmio->stopping = vmmio->ready = 0;
	vmmio->device_features_sel = vmmio->driver_features_sel = vmmio->queue_sel = 0;
	vmmio->driver_features = 0;
	memset(vmmio->queues, 0, sizeof(vmmio->queues));
	put(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS, 0);
	show_selected(vmmio);
	set_status(vmmio, 0);
}

static void finish_drain(struct vmmio *vmmio)
{
	bool goes_on;

	pthread_mutex_lock(&vmmio->lock);
	goes_on = !vmmio->resetting;
	for (uint32_t queues = vmmio->stopping; queues != 0; queues &= queues - 1)
		vq_stop(&vmmio->vdev->queues[__builtin_ctz(queues)]);
	vmmio->ready &= ~vmmio->stopping;
	vmmio->stopping = 0;
	if (goes_on) {
		vmmio->state = VMMIO_LIVE;
		show_selected(vmmio);
	} else {
		vdev_reset(vmmio->vdev);
		clear(vmmio);
	}
	pthread_mutex_unlock(&vmmio->lock);
	if (goes_on)
		vdev_resume(vmmio->vdev);
}

void vmmio_attend(struct vmmio *vmmio)
{
	enum vmmio_state state;
	uint64_t features;
	bool starts;

	pthread_mutex_lock(&vmmio->lock);
	state = vmmio->state;
	features = vmmio->driver_features;
	starts = state != VMMIO_OFF && !vmmio->started;
	vmmio->started = state != VMMIO_OFF;
	pthread_mutex_unlock(&vmmio->lock);
	if (starts)
		vdev_start(vmmio->vdev, features);
	if (state == VMMIO_DRAINING && vdev_drain(vmmio->vdev))
		finish_drain(vmmio);
	if (vmmio->vdev->ops->attend != NULL)
		vmmio->vdev->ops->attend(vmmio->vdev);
}

/* The calling vCPU's driver frees its buffers next; the lock is held, and let go meanwhile. */
static void await_drain(struct vmmio *vmmio)
{
	unsigned n_waits = 0;
	bool goes_on = true;

	vmmio->host_ops->call_loop(vmmio->host, vmmio);
	while (vmmio->state == VMMIO_DRAINING && goes_on) {
		pthread_mutex_unlock(&vmmio->lock);
		goes_on = vmmio->host_ops->wait(vmmio->host, n_waits++);
		pthread_mutex_lock(&vmmio->lock);
	}
}

static void reset(struct vmmio *vmmio)
{
	if (vmmio->state == VMMIO_OFF) {
		stop_queues(vmmio->vdev);
		clear(vmmio);
		return;
	}
	vmmio->state = VMMIO_DRAINING;
	vmmio->resetting = true;
	await_drain(vmmio);
}

static bool start_queues(struct vmmio *vmmio)
{
	struct vdev *vdev = vmmio->vdev;

	for (unsigned i = 0; i < vdev->n_queues; i++)
		if ((vmmio->ready & 1U << i) != 0 &&
		    (vmmio->queues[i].size > vdev->queue_sizes[i] ||
		     vq_start(&vdev->queues[i], vdev->mem, &vmmio->queues[i],
			      vmmio->driver_features) < 0))
			return false;
	return true;
}

/* DRIVER_OK: from now on the loop has the queues. [virtio 1.2 §3.1.1] */
static void go_live(struct vmmio *vmmio)
{
	if ((vmmio->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0 || !start_queues(vmmio)) {
		stop_queues(vmmio->vdev);
		set_needs_reset(vmmio);
		return;
	}
	vmmio->state = VMMIO_LIVE;
	if (vmmio->sticky)
		put(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INT_VRING);
	if (vmmio->changed)
		interrupt(vmmio, VIRTIO_MMIO_INT_CONFIG);
	vmmio->host_ops->call_loop(vmmio->host, vmmio);
}

/* Who asks for what was not offered sees FEATURES_OK stay clear. [virtio 1.2 §3.1.1 step 6] */
static bool accepts_features(const struct vmmio *vmmio, uint64_t features)
{
	return (features & ~offered(vmmio)) == 0 &&
	       (features & UINT64_C(1) << VIRTIO_F_VERSION_1) != 0;
}

/* Bits are added only; 0 resets. [virtio 1.2 §2.1.1, §4.2.3.1.1] */
static void write_status(struct vmmio *vmmio, uint32_t value)
{
	uint32_t added = value & STATUS_KNOWN & ~vmmio->status;

	if (value == 0) {
		reset(vmmio);
		return;
	}
	if (vmmio->state == VMMIO_DRAINING)
		return;
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
	    !accepts_features(vmmio, vmmio->driver_features))
		added &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	set_status(vmmio, vmmio->status | added);
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		go_live(vmmio);
}

static void write_driver_features(struct vmmio *vmmio, uint32_t value)
{
	unsigned shift = 32 * vmmio->driver_features_sel;

	if (vmmio->driver_features_sel > 1 || (vmmio->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0)
		return;
	vmmio->driver_features &= ~(UINT64_C(0xffffffff) << shift);
	vmmio->driver_features |= (uint64_t)value << shift;
}

/* In a live device a queue can only be stopped; it is ready until all that is in flight is done. */
static void write_queue_ready(struct vmmio *vmmio, bool ready)
{
	uint32_t bit = 1U << vmmio->queue_sel;

	if (vmmio->state == VMMIO_OFF) {
		vmmio->ready = ready ? vmmio->ready | bit : vmmio->ready & ~bit;
		show_selected(vmmio);
	} else if (vmmio->state == VMMIO_LIVE && !ready && (vmmio->ready & bit) != 0) {
		vmmio->state = VMMIO_DRAINING;
		vmmio->stopping = bit;
		await_drain(vmmio);
	}
}

static void put_low(uint64_t *address, uint32_t value)
{
	*address = (*address & ~UINT64_C(0xffffffff)) | value;
}

static void put_high(uint64_t *address, uint32_t value)
{
	*address = (*address & UINT64_C(0xffffffff)) | (uint64_t)value << 32;
}

/* What QueueSel selects. */
static void write_queue(struct vmmio *vmmio, uint64_t reg, uint32_t value)
{
	struct vq_geometry *queue = &vmmio->queues[vmmio->queue_sel];

	if (reg == VIRTIO_MMIO_QUEUE_READY) {
		write_queue_ready(vmmio, (value & 1) != 0);
		return;
	}
	if (vmmio->state != VMMIO_OFF || (vmmio->ready & 1U << vmmio->queue_sel) != 0)
		return;
	switch (reg) {
	case VIRTIO_MMIO_QUEUE_NUM:
		queue->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		put_low(&queue->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		put_high(&queue->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		put_low(&queue->driver, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		put_high(&queue->driver, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		put_low(&queue->device, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		put_high(&queue->device, value);
		break;
	default:
		break;
	}
}

/* Enough exits for what KVM can take; once for both. Under the lock. */
static void count_kick(struct vmmio *vmmio)
{
	if (!vmmio->armed && ++vmmio->n_kicks >= VMMIO_KICKS_BEFORE_ARMING) {
		vmmio->armed = true;
		vmmio->host_ops->arm(vmmio->host, vmmio);
	}
}

static void notify(struct vmmio *vmmio, uint32_t queue)
{
	if (vmmio->state != VMMIO_LIVE || queue >= vmmio->vdev->n_queues)
		return;
	vmmio->host_ops->ring_doorbell(vmmio->host, vmmio, queue);
	count_kick(vmmio);
}

static void acknowledge(struct vmmio *vmmio, uint32_t value)
{
	if (vmmio->sticky && vmmio->state != VMMIO_OFF)
		value &= ~(uint32_t)VIRTIO_MMIO_INT_VRING;
	atomic_fetch_and(word(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS), ~value);
	count_kick(vmmio);
}

static void write_register(struct vmmio *vmmio, uint64_t reg, uint32_t value)
{
	switch (reg) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		vmmio->device_features_sel = value;
		show_selected(vmmio);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		vmmio->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(vmmio, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		vmmio->queue_sel = value;
		show_selected(vmmio);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		notify(vmmio, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		acknowledge(vmmio, value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(vmmio, value);
		break;
	default:
		if (vmmio->queue_sel < vmmio->vdev->n_queues)
			write_queue(vmmio, reg, value);
		break;
	}
}

void vmmio_write(struct vmmio *vmmio, uint64_t offset, const uint8_t *data, unsigned len)
{
	const struct vdev_ops *ops = vmmio->vdev->ops;

	pthread_mutex_lock(&vmmio->lock);
	if (offset >= VIRTIO_MMIO_CONFIG && ops->write_config != NULL)
		ops->write_config(vmmio->vdev, (unsigned)offset - VIRTIO_MMIO_CONFIG, data, len);
	/* Registers are words. [virtio 1.2 §4.2.2.2] */
	else if (offset < VIRTIO_MMIO_CONFIG && len == 4 && offset % 4 == 0)
		write_register(vmmio, offset, le32_get(data));
	pthread_mutex_unlock(&vmmio->lock);
}

/* The loop may be changing a register; configuration changes under the lock only. */
void vmmio_read(struct vmmio *vmmio, uint64_t offset, uint8_t *data, unsigned len)
{
	pthread_mutex_lock(&vmmio->lock);
	if (offset < VIRTIO_MMIO_CONFIG && len == 4 && offset % 4 == 0)
		le32_put(data, atomic_load(word(vmmio, (unsigned)offset)));
	else
		memcpy(data, vmmio->page + offset, len);
	pthread_mutex_unlock(&vmmio->lock);
}

void vmmio_arm(struct vmmio *vmmio)
{
	pthread_mutex_lock(&vmmio->lock);
	if (vmmio->state == VMMIO_LIVE && !vmmio->armed) {
		vmmio->armed = true;
		vmmio->host_ops->arm(vmmio->host, vmmio);
	}
	pthread_mutex_unlock(&vmmio->lock);
}

static void on_interrupt(void *transport)
{
	interrupt(transport, VIRTIO_MMIO_INT_VRING);
}

static void on_change_config(void *transport, const void *config)
{
	struct vmmio *vmmio = transport;
	struct vdev *vdev = vmmio->vdev;
	bool has_driver;

	vmmio->host_ops->close_gate(vmmio->host);
	pthread_mutex_lock(&vmmio->lock);
	has_driver = vmmio->state != VMMIO_OFF;
	memcpy(vdev->config, config, vdev->config_len);
	memcpy(vmmio->page + VIRTIO_MMIO_CONFIG, config, vdev->config_len);
	atomic_fetch_add(word(vmmio, VIRTIO_MMIO_CONFIG_GENERATION), 1);
	/* One on its way may have read it already: it is told when it has arrived. */
	vmmio->changed = !has_driver && vmmio->status != 0;
	pthread_mutex_unlock(&vmmio->lock);
	vmmio->host_ops->open_gate(vmmio->host);
	if (has_driver)
		interrupt(vmmio, VIRTIO_MMIO_INT_CONFIG);
}

static void on_need_reset(void *transport)
{
	struct vmmio *vmmio = transport;

	pthread_mutex_lock(&vmmio->lock);
	if (vmmio->state != VMMIO_OFF && !vmmio->resetting)
		set_needs_reset(vmmio);
	pthread_mutex_unlock(&vmmio->lock);
}

static void on_look_again(void *transport)
{
	vmmio_attend(transport);
}

void vmmio_save(const struct vmmio *vmmio, struct vmmio_saved *ret_saved)
{
	*ret_saved = (struct vmmio_saved){
		.status = vmmio->status,
		.interrupt_status = atomic_load(word(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS)),
		.generation = atomic_load(word(vmmio, VIRTIO_MMIO_CONFIG_GENERATION)),
		.device_features_sel = vmmio->device_features_sel,
		.driver_features_sel = vmmio->driver_features_sel,
		.queue_sel = vmmio->queue_sel,
		.driver_features = vmmio->driver_features,
		.ready = vmmio->ready,
		.n_queues = vmmio->vdev->n_queues,
		.is_live = vmmio->state != VMMIO_OFF,
	};
	memcpy(ret_saved->geometry, vmmio->queues, sizeof(ret_saved->geometry));
	for (unsigned i = 0; i < vmmio->vdev->n_queues; i++)
		vq_save(&vmmio->vdev->queues[i], &ret_saved->queues[i]);
}

/* Could a transport of this device have come to this? */
static bool is_plausible(const struct vmmio *vmmio, const struct vmmio_saved *saved)
{
	const uint32_t known = STATUS_KNOWN | VIRTIO_CONFIG_S_NEEDS_RESET;
	bool agreed = (saved->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0;

	return saved->n_queues == vmmio->vdev->n_queues && (saved->status & ~known) == 0 &&
	       saved->ready >> saved->n_queues == 0 &&
	       (!agreed || accepts_features(vmmio, saved->driver_features)) &&
	       (!saved->is_live || (agreed && (saved->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0));
}

static int load_queues(struct vmmio *vmmio, const struct vmmio_saved *saved)
{
	struct vdev *vdev = vmmio->vdev;
	int ret = 0;

	for (unsigned i = 0; i < vdev->n_queues && ret == 0; i++) {
		if (saved->queues[i].size > vdev->queue_sizes[i])
			ret = -EINVAL;
		else if (saved->is_live && saved->queues[i].started)
			ret = vq_load(&vdev->queues[i], vdev->mem, &saved->queues[i],
				      saved->driver_features);
	}
	if (ret < 0)
		stop_queues(vdev);
	return ret;
}

int vmmio_load(struct vmmio *vmmio, const struct vmmio_saved *saved)
{
	int ret = is_plausible(vmmio, saved) ? load_queues(vmmio, saved) : -EINVAL;

	if (ret < 0)
		return ret;
	vmmio->device_features_sel = saved->device_features_sel;
	vmmio->driver_features_sel = saved->driver_features_sel;
	vmmio->queue_sel = saved->queue_sel;
	vmmio->driver_features = saved->driver_features;
	vmmio->ready = saved->ready;
	memcpy(vmmio->queues, saved->geometry, sizeof(vmmio->queues));
	set_status(vmmio, saved->status);
	put(vmmio, VIRTIO_MMIO_INTERRUPT_STATUS, saved->interrupt_status & INTERRUPTS);
	put(vmmio, VIRTIO_MMIO_CONFIG_GENERATION, saved->generation);
	show_selected(vmmio);
	if (saved->is_live) {
		vmmio->state = VMMIO_LIVE;
		vmmio->host_ops->call_loop(vmmio->host, vmmio);
	}
	return 0;
}

void vmmio_init(struct vmmio *vmmio, struct vdev *vdev, uint8_t *page)
{
	static const struct vdev_transport_ops ops = {.interrupt = on_interrupt,
						      .change_config = on_change_config,
						      .need_reset = on_need_reset,
						      .look_again = on_look_again};

	*vmmio = (struct vmmio){.vdev = vdev, .page = page, .lock = PTHREAD_MUTEX_INITIALIZER};
	vdev->transport = vmmio;
	vdev->transport_ops = &ops;
	put(vmmio, VIRTIO_MMIO_MAGIC_VALUE, VMMIO_MAGIC);
	put(vmmio, VIRTIO_MMIO_VERSION, VMMIO_VERSION);
	put(vmmio, VIRTIO_MMIO_DEVICE_ID, vdev->id);
	put(vmmio, VIRTIO_MMIO_VENDOR_ID, VMMIO_VENDOR);
	/* No shared memory region. [virtio 1.2 §4.2.2.1] */
	put(vmmio, VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX);
	put(vmmio, VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX);
	put(vmmio, VIRTIO_MMIO_SHM_BASE_LOW, UINT32_MAX);
	put(vmmio, VIRTIO_MMIO_SHM_BASE_HIGH, UINT32_MAX);
	memcpy(page + VIRTIO_MMIO_CONFIG, vdev->config, vdev->config_len);
	clear(vmmio);
}
