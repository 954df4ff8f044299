/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a ring: what it is for comes first, then the ring itself, with all its limits, disabled; its
 * loop's thread enables it. [io_uring_setup(2), io_uring_register(2)]
 */
#include <errno.h>

#include "iouring-io/ring_priv.h"

/*
 * All operations work on registered files only. IOSQE_FIXED_FILE is required of those without a file
 * too, where it means nothing: no kernel from 6.1 on refuses it for a timeout or a cancellation.
 */
static const struct io_uring_restriction restrictions[] = {
#define RING_OP(op, why) {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_##op},
#include "iouring-io/ring_ops.def"
#undef RING_OP
	{.opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE},
	{.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES_UPDATE},
};

int ring_new(struct ring **ret_ring, struct err *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (ring == NULL)
		return err_host(err, ENOMEM, "io_uring");
	*ret_ring = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (ring == NULL)
		return;
	if (ring->capacity > 0) {
		/* Its restrictions refuse what liburing would do about this. */
		ring->uring.int_flags = 0;
		io_uring_queue_exit(&ring->uring);
	}
	free(ring);
}

int ring_add_file(struct ring *ring, int fd, unsigned *ret_file)
{
	if (ring->n_files == RING_FILES_MAX)
		return -ENFILE;
	ring->files[ring->n_files] = fd;
	*ret_file = ring->n_files++;
	return 0;
}

int ring_add_owner(struct ring *ring, const struct ring_owner_ops *ops, void *owner, unsigned n_ops,
		   uint16_t *ret_owner)
{
	if (ring->n_owners == RING_OWNERS_MAX)
		return -ENFILE;
	if (n_ops > (ring->capacity > 0 ? ring->capacity : RING_OPS_MAX) - ring->n_ops)
		return -E2BIG;
	ring->owners[ring->n_owners] = (struct ring_owner){
		.ops = ops, .owner = owner, .n_ops = n_ops};
	ring->n_ops += n_ops;
	ring->due |= UINT32_C(1) << ring->n_owners;
	*ret_owner = (uint16_t)ring->n_owners++;
	return 0;
}

static int explain(int error, struct err *err)
{
	if (error == EPERM)
		return err_host(
			err, error,
			"io_uring is forbidden here, by the sysctl kernel.io_uring_disabled "
			"or a container's filter; a microVM's devices need it");
	if (error == ENOSYS)
		return err_host(err, error,
				"this kernel has no io_uring, or a container's filter hides it; "
				"a microVM's devices need it");
	if (error == ENOMEM)
		return err_host(err, error,
				"io_uring: the limit of locked memory (ulimit -l) is counted over "
				"all rings of a user");
	return err_host(err, error, "io_uring");
}

/*
 * Completions are handled on this thread, in io_uring_enter, where the kernel has that (6.1). Where
 * not, everything works as well, with interruptions.
 */
static int make(struct ring *ring, unsigned n_ops)
{
	static const unsigned choices[] = {
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		0,
	};
	int ret = -EINVAL;

	for (size_t i = 0; i < ARRAY_LEN(choices) && ret == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = choices[i] | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
			/* An operation may be cancelled, and both have a completion. */
			.cq_entries = 2 * n_ops,
		};

		ret = io_uring_queue_init_params(n_ops < SUBMISSIONS_MAX ? n_ops : SUBMISSIONS_MAX,
						 &ring->uring, &params);
	}
	ring->capacity = ret == 0 ? n_ops : 0;
	return ret;
}

/* The kernel looks for submissions where this array says: each in its own place. */
static void prepare_queue(const struct io_uring_sq *sq)
{
	for (unsigned i = 0; i < sq->ring_entries; i++)
		sq->array[i] = i;
}

int ring_make(struct ring *ring, unsigned n_ops, struct err *err)
{
	int ret = make(ring, n_ops > 0 ? n_ops : 1);

	if (ret < 0)
		return explain(-ret, err);
	prepare_queue(&ring->uring.sq);
	/* Shared, liburing 2.3 has no function for this, nor for enabling. */
	ret = io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_RESTRICTIONS,
				restrictions, ARRAY_LEN(restrictions));
	return ret < 0 ? err_host(err, -ret, "io_uring: restrictions") : 0;
}

/* What may be registered is restricted only once the ring is enabled. */
int ring_seal(struct ring *ring, struct err *err)
{
	int ret = ring->capacity == 0 ? ring_make(ring, ring->n_ops, err) : 0;

	if (ret == 0 && ring->n_files > 0) {
		ret = io_uring_register_files(&ring->uring, ring->files, ring->n_files);
		if (ret < 0)
			ret = err_host(err, -ret, "io_uring: files");
	}
	return ret;
}

int ring_enable(struct ring *ring, struct err *err)
{
	unsigned workers[] = {RING_FILE_WORKERS, RING_OTHER_WORKERS};
	int ret;

	/* Before it is enabled, because then its restrictions hold. */
	ret = io_uring_register_ring_fd(&ring->uring);
	if (ret < 0)
		return err_host(err, -ret, "io_uring: its descriptor");
	ret = io_uring_register_iowq_max_workers(&ring->uring, workers);
	if (ret < 0)
		return err_host(err, -ret, "io_uring: number of threads");
	ret = io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
				0);
	return ret < 0 ? err_host(err, -ret, "io_uring: start") : 0;
}
