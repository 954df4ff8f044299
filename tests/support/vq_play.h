/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vq_play.h - a driver and a device play with a queue, and with vq_model.h beside it.
 *
 * What they do is chosen by random numbers, or by the bytes of a fuzzer: mostly what is allowed, and
 * now and then a byte that is not. After each step both queues have to have said the same. Plain C.
 */
#ifndef MAYFLY_TESTS_VQ_PLAY_H
#define MAYFLY_TESTS_VQ_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vq_choices {
	uint64_t random;      /* not 0: the state of the generator; else the bytes are taken */
	const uint8_t *bytes; /* each read once */
	size_t len;
};

struct vq_counts {
	uint64_t n_chains, n_parts, n_too_long, n_broken;
};

/* From a queue's start until it is broken or nothing is left to choose. Returns what differed, or NULL. */
const char *vq_play(struct vq_choices *choices, struct vq_counts *counts);

#endif
