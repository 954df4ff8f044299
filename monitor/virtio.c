/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

/* A vCPU that resets a device waits first in short steps, then in long ones, two seconds in all. */
#define SHORT_WAITS 50
#define LONG_WAITS  2000

static struct loop *loop_of(struct virtio *virtio, unsigned index)
{
	return &virtio->loops[index % virtio->config.n_loops];
}

static void ring_doorbell(void *host, const struct vmmio *vmmio, unsigned queue)
{
	const struct virtio *virtio = host;
	const uint64_t one = 1;

	/* It cannot fail: the counter never comes near its end. */
	if (write(virtio->doorbells[vmmio->index][queue], &one, sizeof(one)) < 0)
		return;
}

static void add_ioeventfd(const struct virtio *virtio, const struct vmmio *vmmio, unsigned reg,
			  uint32_t value, int fd)
{
	struct kvm_ioeventfd request = {
		.datamatch = value,
		.addr = MMIO_VIRTIO + (uint64_t)vmmio->index * MMIO_VIRTIO_LEN + reg,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	/* Where KVM does not take it, it stays an exit. */
	ioctl(virtio->vm_fd, KVM_IOEVENTFD, &request);
}

static void arm(void *host, const struct vmmio *vmmio)
{
	const struct virtio *virtio = host;

	for (unsigned i = 0; i < vmmio->vdev->n_queues; i++)
		add_ioeventfd(virtio, vmmio, VIRTIO_MMIO_QUEUE_NOTIFY, i,
			      virtio->doorbells[vmmio->index][i]);
	if (vmmio->sticky)
		add_ioeventfd(virtio, vmmio, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING,
			      virtio->sink);
}

static void call_loop(void *host, const struct vmmio *vmmio)
{
	loop_call(loop_of(host, vmmio->index), vmmio);
}

static bool wait_for_loop(void *host, unsigned n_waits)
{
	const struct virtio *virtio = host;

	virtio->config.on_wait(virtio->config.context);
	if (ending_get(virtio->ending, NULL) != END_NONE || n_waits >= SHORT_WAITS + LONG_WAITS)
		return false;
	clock_pause(n_waits < SHORT_WAITS ? CLOCK_MOMENT : CLOCK_MILLISECOND);
	return true;
}

static void close_gate(void *host)
{
	gate_close(((struct virtio *)host)->gate);
}

static void open_gate(void *host)
{
	gate_open(((struct virtio *)host)->gate);
}

static const struct vmmio_host_ops host_ops = {.ring_doorbell = ring_doorbell,
					       .arm = arm,
					       .call_loop = call_loop,
					       .wait = wait_for_loop,
					       .close_gate = close_gate,
					       .open_gate = open_gate};

static void on_read(void *device, uint64_t offset, uint8_t *data, unsigned len)
{
	vmmio_read(device, offset, data, len);
}

static void on_write(void *device, uint64_t offset, const uint8_t *data, unsigned len)
{
	vmmio_write(device, offset, data, len);
}

static const struct bus_ops vmmio_bus_ops = {.read = on_read, .write = on_write};

/* An eventfd with a number that the filters let every thread write to. */
static int make_event(struct virtio *virtio, int *ret_fd, struct err *err)
{
	int fd = eventfd(0, EFD_CLOEXEC), moved, error;

	if (fd < 0)
		return err_host(err, errno, "virtio: doorbell");
	moved = fcntl(fd, F_DUPFD_CLOEXEC, JAIL_EVENTS + (int)virtio->n_events);
	error = errno;
	close(fd);
	if (moved < 0 && error != EINVAL && error != EMFILE)
		return err_host(err, error, "virtio: doorbell");
	/* The caller's limit, or what it has given us to keep. */
	if (moved < 0 || moved >= JAIL_EVENTS + JAIL_EVENTS_MAX)
		return err_host(err, EMFILE,
				"virtio: doorbells want descriptors %d to %d (ulimit -n)",
				JAIL_EVENTS, JAIL_EVENTS + JAIL_EVENTS_MAX - 1);
	*ret_fd = moved;
	virtio->n_events++;
	return 0;
}

static int add_slot(struct virtio *virtio, uint64_t len, struct err *err)
{
	const struct kvm_userspace_memory_region slot = {
		.slot = virtio->config.slot,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = MMIO_VIRTIO,
		.memory_size = len,
		.userspace_addr = (uintptr_t)virtio->pages,
	};

	if (ioctl(virtio->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return err_host(err, errno, "virtio: read-only memory slot (see --mmio=trap)");
	return 0;
}

int virtio_open(struct virtio *virtio, unsigned n_loops, unsigned n_ops, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < n_loops && ret == 0; i++)
		ret = loop_open(&virtio->loops[i], n_ops, err);
	return ret;
}

int virtio_init(struct virtio *virtio, const struct virtio_config *config, struct err *err)
{
	uint64_t len = (uint64_t)config->n_devices * MMIO_VIRTIO_LEN;
	int ret = 0, wake_fd;

	virtio->config = *config;
	if (config->n_devices == 0)
		return 0;
	virtio->pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (virtio->pages == MAP_FAILED)
		return err_host(err, errno, "virtio: register pages");
	if (!config->trap)
		ret = add_slot(virtio, len, err);
	if (ret == 0)
		ret = make_event(virtio, &virtio->sink, err);
	for (unsigned i = 0; i < config->n_loops && ret == 0; i++) {
		ret = make_event(virtio, &wake_fd, err);
		if (ret == 0)
			ret = loop_init(&virtio->loops[i], wake_fd, err);
		virtio->loops[i].jail = config->jail;
		virtio->loops[i].ending = virtio->ending;
		virtio->loops[i].control = &virtio->gate->vcpus[0];
		virtio->loops[i].arm_at = config->vm_since + VIRTIO_ARMING_AGE;
	}
	return ret;
}

struct ring *virtio_ring(const struct virtio *virtio)
{
	return virtio->loops[virtio->n_transports % virtio->config.n_loops].ring;
}

int virtio_add(struct virtio *virtio, struct vdev *vdev, const struct virtio_place *place,
	       struct err *err)
{
	unsigned index = virtio->n_transports;
	struct vmmio *vmmio = &virtio->transports[index];
	int ret = 0;

	vmmio_init(vmmio, vdev, virtio->pages + (size_t)index * MMIO_VIRTIO_LEN);
	vmmio->host = virtio;
	vmmio->host_ops = &host_ops;
	vmmio->index = index;
	vmmio->irq = place->irq;
	vmmio->sticky = place->sticky;
	for (unsigned i = 0; i < vdev->n_queues && ret == 0; i++)
		ret = make_event(virtio, &virtio->doorbells[index][i], err);
	if (ret == 0)
		ret = loop_add(loop_of(virtio, index), vmmio, virtio->doorbells[index], err);
	if (ret < 0)
		return ret;
	virtio->n_transports++;
	bus_add(place->mmio,
		&(struct bus_range){MMIO_VIRTIO + (uint64_t)index * MMIO_VIRTIO_LEN,
				    MMIO_VIRTIO_LEN, &vmmio_bus_ops, vmmio, place->id});
	return 0;
}

static unsigned n_loops(const struct virtio *virtio)
{
	return virtio->n_transports > 0 ? virtio->config.n_loops : 0;
}

int virtio_seal(struct virtio *virtio, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < n_loops(virtio) && ret == 0; i++)
		ret = loop_seal(&virtio->loops[i], err);
	return ret;
}

int virtio_start(struct virtio *virtio, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < n_loops(virtio) && ret == 0; i++)
		ret = loop_start(&virtio->loops[i], err);
	for (unsigned i = 0; i < n_loops(virtio) && ret == 0; i++)
		while (!atomic_load(&virtio->loops[i].sealed))
			clock_pause(CLOCK_MOMENT);
	return ret;
}

void virtio_stop(struct virtio *virtio)
{
	for (unsigned i = 0; i < n_loops(virtio); i++)
		loop_stop(&virtio->loops[i]);
}

bool virtio_has_stopped(const struct virtio *virtio)
{
	for (unsigned i = 0; i < n_loops(virtio); i++)
		if (!atomic_load(&virtio->loops[i].stopped))
			return false;
	return true;
}

void virtio_call(struct virtio *virtio, const struct vdev *vdev)
{
	for (unsigned i = 0; i < virtio->n_transports; i++)
		if (virtio->transports[i].vdev == vdev)
			call_loop(virtio, &virtio->transports[i]);
}
