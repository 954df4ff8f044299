/* SPDX-License-Identifier: Apache-2.0 */
/* vq_fixture.h - one queue, its driver and their memory, for the tests of vq. */
#ifndef MAYFLY_TESTS_VQ_FIXTURE_H
#define MAYFLY_TESTS_VQ_FIXTURE_H

#include "tests/support/fakedrv.h"

#define PAGE    UINT64_C(4096)
#define SIZE    8
#define LOW_END (UINT64_C(1) << 20) /* where the third region continues the first */
#define FAR     (UINT64_C(1) << 30) /* the second: 64 pages */
#define FAR_END (FAR + 64 * PAGE)
#define RINGS   UINT64_C(0)
#define BUFFERS (UINT64_C(1) << 19)

extern struct mem mem;
extern struct fakedrv drv;
extern struct vq vq;
extern struct vq_chain chain;
extern struct iovec iov[2 * SIZE];
extern struct vring_used_elem used;
extern _Atomic uint64_t dirty[16]; /* what was written of a memory that is not larger */

/* Three regions, and a queue of SIZE with all features. */
void set_up(void);

void make_memory(const struct mem_region *regions, unsigned n_regions);

/* The queue and its driver anew. */
void start(uint16_t size, uint64_t features);

/* Takes the next chain into `chain` and `iov`. */
int pop(void);

/* The queue hands out nothing any more, whatever the driver does to be forgiven. */
void is_broken(void);

/* Publishes a chain of 16 bytes. Returns its head. */
uint16_t give_one(void);

/* Puts a chain from the device's hand into the driver's, and says whether that interrupts it. */
bool use(uint16_t head, uint32_t len);

#endif
