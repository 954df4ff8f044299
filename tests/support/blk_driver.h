/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blk_driver.h - a block device on a ring of its own, a transport that only counts, and a driver of its
 * queues in plain memory. Plain C: the fuzz harness uses it, too; what cannot be aborts.
 */
#ifndef MAYFLY_TESTS_BLK_DRIVER_H
#define MAYFLY_TESTS_BLK_DRIVER_H

#include "tests/support/fakedrv.h"
#include "virtio-mmio/vblk.h"

#define BLK_QUEUES 2
#define BLK_RAM    (UINT64_C(4) << 20)
#define BLK_BUFFER (UINT64_C(2) << 20) /* gpa: from here on memory is the test's */
#define BLK_SIZE   VBLK_QUEUE_SIZE

struct blk_driver {
	struct mem mem;
	struct ring *ring;
	struct vblk *vblk;
	struct fakedrv queues[BLK_QUEUES];
	unsigned n_interrupts, n_configs, n_resets;
	uint64_t next; /* gpa of the next free header */
};

/* Makes the device; `features` beside those that it needs. Returns its vblk_init()'s error. */
int blk_driver_init(struct blk_driver *drv, const struct vblk_config *config, uint64_t features,
		    struct err *err);
void blk_driver_done(struct blk_driver *drv);

/* A driver comes, or comes again after a reset. */
void blk_driver_start(struct blk_driver *drv, uint64_t features);

/* A request on its way. */
struct blk_request {
	unsigned queue;
	int head;
	uint8_t *status;
	bool is_done;
	uint32_t len; /* of the used entry */
};

/* Header, data, status, each in a buffer of its own; nothing is published. */
struct blk_request blk_add(struct blk_driver *drv, unsigned queue, uint32_t type, uint64_t sector,
			   const struct fakedrv_part *data, unsigned n_data);

/* The device sees what was added. */
void blk_publish(struct blk_driver *drv, unsigned queue);

/* One turn; what is used since then is noted in the `n` requests. */
void blk_turn(struct blk_driver *drv, struct blk_request *requests, unsigned n, bool wait);

/* Turns until all are done. */
void blk_await(struct blk_driver *drv, struct blk_request *requests, unsigned n);

/* Does one request with one buffer at BLK_BUFFER. Returns its status. */
uint8_t blk_do(struct blk_driver *drv, uint32_t type, uint64_t sector, uint32_t len);

/* Host address of the test's memory. */
uint8_t *blk_buffer(struct blk_driver *drv);

#endif
