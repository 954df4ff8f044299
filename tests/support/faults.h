/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults.h - a kernel that fails when a test wants it to, under every ring of the process.
 *
 * The linker puts these functions between a ring and the kernel (--wrap, tests/tests.mk); without a
 * script they only count. A script is a list of faults, each for the nth operation of a kind from the
 * moment it is added:
 *
 *	faults_add(&(struct fault){.op = IORING_OP_FSYNC, .nth = 2, .kind = FAULT_ERROR, .value = EIO});
 *	faults_add(&(struct fault){.op = IORING_OP_READV, .kind = FAULT_SHORT, .value = 512});
 *
 * The first fault that fits an operation is its own. An operation that fails is not made; one that
 * never ends is not made either, and cancelling it does not help, as with a disk that has gone. Late
 * is counted in calls of io_uring_enter, never in time, and a loop with something late does not sleep:
 * every run of a script is the same. One loop at a time.
 */
#ifndef MAYFLY_TESTS_FAULTS_H
#define MAYFLY_TESTS_FAULTS_H

#include <liburing.h>
#include <stdint.h>

enum fault_kind {
	FAULT_ERROR, /* ends with -value */
	FAULT_SHORT, /* reads or writes the first `value` bytes only */
	FAULT_LATE,  /* its completion comes `value` calls of io_uring_enter later */
	FAULT_NEVER, /* no completion, until faults_release() gives it the result `value` */
};

struct fault {
	uint8_t op;   /* IORING_OP_* */
	unsigned nth; /* 1: the next one of its kind; 0: every one */
	enum fault_kind kind;
	int value;
};

struct faults_counts {
	unsigned n_enters; /* calls of io_uring_enter */
	unsigned n_waits;  /* of them, those that may sleep */
	unsigned n_made;   /* operations that reached the kernel, or were to */
};

void faults_add(const struct fault *fault);

/* The nth call of io_uring_enter from now (1: the next) returns -error and does nothing. */
void faults_fail_enter(unsigned nth, int error);

/* Completions stay in the kernel's queue until there are `n`: the queue's size makes it full. */
void faults_hoard(unsigned n);

/* What was never to end does now. */
void faults_release(void);

/* io_uring_setup fails with `error` where it is asked for any of these flags; 0: wherever. */
void faults_refuse_setup(unsigned flags, int error);

struct faults_counts faults_counts(void);

/*
 * Is told of each operation as it was asked for, before a fault strikes it, and of each completion that
 * the ring gets. An operation keeps its user_data for itself until it is done.
 */
struct faults_watcher {
	void (*made)(const struct io_uring_sqe *sqe);
	void (*done)(uint64_t user_data, int32_t result);
};

void faults_watch(const struct faults_watcher *watcher);

/* The ring that was made last. */
struct io_uring *faults_uring(void);

#endif
