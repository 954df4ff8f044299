/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmmio.h - the virtio-mmio transport, version 2, of one device. [virtio 1.2 §4.2] Cell.
 *
 * Theory of operation. The driver sees one page of registers. The monitor puts the pages of all
 * devices into one read-only memory slot, so that a read is a plain load of the page and no exit; or,
 * with `--mmio=trap`, leaves them out, and every read is an exit that is answered from the same page.
 * Therefore the page always holds what a read may see: whatever a write selects is put there before
 * that write's vCPU goes on.
 *
 * Who publishes what. Registers that follow from the driver's own writes are published by the vCPU
 * that wrote, under the transport's lock. From DRIVER_OK to the reset the queues belong to the loop's
 * thread, and their geometry is frozen; DEVICE_NEEDS_RESET and interrupt status are one word each and
 * may change under a running guest. Configuration space is several words: it changes while the gate
 * is closed, which keeps every vCPU out of the guest.
 *
 *                  DRIVER_OK                     need_reset()
 *     OFF  ---------------------------->  LIVE  -------------->  LIVE, failed
 *      ^                                   |  write of 0 to Status, or to QueueReady
 *      |  drained: the loop resets it      v
 *      +------------------------------- DRAINING
 *
 * The vCPU that resets waits until the loop says it is done, because drivers free their buffers next.
 * It does not wait for ever: a disk may never answer. Then the device stays DRAINING, and what the
 * driver wrote 0 to, Status or QueueReady, is not 0 until it has drained, however often it looks.
 *
 * Interrupts are edges. With `isr=sticky` bit 0 of InterruptStatus stays set from DRIVER_OK to the
 * reset, so that its acknowledgement may go to an eventfd that nobody reads; a driver that reads the
 * register until it is 0 needs `isr=exact`. [departs from virtio 1.2 §4.2.2.1]
 *
 * A doorbell is an eventfd of its queue. At first the vCPU that exits for it writes it; after
 * VMMIO_KICKS_BEFORE_ARMING kicks, or once the microVM is old enough, KVM does (the host's `arm`).
 */
#ifndef MAYFLY_VIRTIO_VMMIO_H
#define MAYFLY_VIRTIO_VMMIO_H

#include <linux/virtio_mmio.h>
#include <pthread.h>

#include "base/irq.h"
#include "virtio-mmio/vdev.h"

#define VMMIO_PAGE_LEN            0x1000U
#define VMMIO_MAGIC               0x74726976U
#define VMMIO_VERSION             2
#define VMMIO_VENDOR              0x4c46594dU /* "MYFL" */
#define VMMIO_KICKS_BEFORE_ARMING 8

struct vmmio;

/* What the monitor does for its transports. */
struct vmmio_host_ops {
	/* Rings the doorbell of `queue`. [vcpu] */
	void (*ring_doorbell)(void *host, const struct vmmio *vmmio, unsigned queue);
	/* From now on KVM takes kicks and acknowledgements. Any thread, under the lock. */
	void (*arm)(void *host, const struct vmmio *vmmio);
	/* Has the loop call vmmio_attend() soon. [vcpu] */
	void (*call_loop)(void *host, const struct vmmio *vmmio);
	/* Waits a moment for it; false: not any longer. [vcpu], not under the lock */
	bool (*wait)(void *host, unsigned n_waits);
	/* Keeps every vCPU out of the guest, and lets them in again. [io] */
	void (*close_gate)(void *host);
	void (*open_gate)(void *host);
};

enum vmmio_state { VMMIO_OFF, VMMIO_LIVE, VMMIO_DRAINING };

struct vmmio {
	struct vdev *vdev;                     /* [ro] */
	const struct vmmio_host_ops *host_ops; /* [ro] */
	void *host;                            /* [ro] */
	unsigned index;                        /* [ro] among the transports */
	bool sticky;                           /* [ro] isr=sticky */
	struct irq_line irq;                   /* [ro]; moved by any thread */
	uint8_t *page;                         /* [ro]; its words: any thread, as above */
	pthread_mutex_t lock;
	/* All below: under the lock. */
	enum vmmio_state state;
	bool started;      /* the loop has seen it LIVE */
	bool armed;        /* KVM takes kicks, for good */
	bool resetting;    /* a drain ends in a reset */
	bool changed;      /* configuration did, while a driver was on its way to DRIVER_OK */
	uint32_t stopping; /* bits: queues that end with the drain */
	unsigned n_kicks;  /* that were exits */
	uint32_t status;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint32_t ready; /* bits: queues */
	struct vq_geometry queues[VDEV_QUEUES_MAX];
};

/* Makes the transport of `vdev` over `page`, as after a reset. Set-up. */
void vmmio_init(struct vmmio *vmmio, struct vdev *vdev, uint8_t *page);

/* A register access of a vCPU's, `len` bytes inside the page. Reads come with --mmio=trap only. */
void vmmio_read(struct vmmio *vmmio, uint64_t offset, uint8_t *data, unsigned len);
void vmmio_write(struct vmmio *vmmio, uint64_t offset, const uint8_t *data, unsigned len);

/* The loop looks what became of it: a driver that came, or goes. [io] */
void vmmio_attend(struct vmmio *vmmio);

/* KVM is to take kicks from now on, if there is a driver. [io] */
void vmmio_arm(struct vmmio *vmmio);

/* What of it outlives the process. */
struct vmmio_saved {
	uint32_t status, interrupt_status, generation;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint32_t ready;
	uint32_t n_queues;
	uint8_t is_live;
	struct vq_geometry geometry[VDEV_QUEUES_MAX];
	struct vq_state queues[VDEV_QUEUES_MAX];
};

/* Drained, and no vCPU runs. */
void vmmio_save(const struct vmmio *vmmio, struct vmmio_saved *ret_saved);

/* Into a transport as vmmio_init() leaves it. The state may be hostile: -EINVAL, nothing changed. */
MUST_CHECK int vmmio_load(struct vmmio *vmmio, const struct vmmio_saved *saved);

#endif
