/* SPDX-License-Identifier: Apache-2.0 */
/* hostile.h - what the cases of the hostile driver share. Ring 3. */
#ifndef MAYFLY_GUEST_HOSTILE_H
#define MAYFLY_GUEST_HOSTILE_H

#include "images/lib/virtio_blk.h"

#define RING_SIZE 32 /* entries of each queue */
#define QUEUES    2
#define DATA_LEN  4096U /* of the request's data; it asks for one sector */

/* One queue, each ring on a page of its own. */
struct rings {
	_Alignas(4096) struct vring_desc desc[RING_SIZE];
	_Alignas(4096) struct {
		uint16_t flags, idx, ring[RING_SIZE], used_event;
	} avail;
	_Alignas(4096) struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[RING_SIZE];
		uint16_t avail_event;
	} used;
};

/* A request to a disk; what a descriptor of a twisted chain points at. */
struct request {
	_Alignas(4096) uint8_t data[DATA_LEN];
	struct virtio_blk_outhdr header;
	struct virtio_blk_discard_write_zeroes ranges[2];
	volatile uint8_t status;
	_Alignas(16) struct vring_desc table[2 * RING_SIZE];
};

extern struct virtio device;                /* the one that is treated badly */
extern volatile struct rings rings[QUEUES]; /* its queues */
extern struct request request;
extern uint64_t rounds; /* of the cases that repeat something */
extern uint64_t ram_end;

struct hostile_case {
	const char *name;
	uint32_t id; /* of the device: VIRTIO_ID_* */
	void (*run)(void);
};

/* Each ends with a case without a name. */
extern const struct hostile_case register_cases[], ring_cases[], stream_cases[], input_cases[],
	cpu_cases[];

/* Tables of chains that differ from a sound one in one field; chains.c and requests.c. */
bool run_chain(const char *name);
bool run_request(const char *name);
/* The name of chain `i` of both; NULL after the last. */
const char *chain_name(unsigned i);
const char *request_name(unsigned i);

/* hostile.c: finds the device anew, resets it, and agrees with it on features. */
void meet(uint32_t id);
/* All of it: sets up its queues, and DRIVER_OK. */
void begin(uint32_t id);
void set_up_queue(unsigned queue, uint16_t size);
void tell_address(unsigned low_register, uint64_t gpa);

/* Three descriptors of queue 0: header, one sector of data that the device writes, status. */
void sound_read(void);
void set_desc(volatile struct vring_desc *desc, const volatile void *at, uint32_t len,
	      uint16_t flags);
/* Shows the device one more head. */
void offer(unsigned queue, uint16_t head);
/* Shows the device this index. */
void show_index(unsigned queue, uint16_t idx);

/* Waits until the device has used `n` buffers of a queue since begin(), or needs a reset, or is silent. */
enum answer { USED, NEEDS_RESET, SILENT } await(unsigned queue, unsigned n);
bool needs_reset(void);
/* Says what await() found, for a request: its status. */
void tell_status(enum answer answer);
/* For a queue of bytes: how many were written. */
void tell_len(unsigned queue, enum answer answer);

#endif
