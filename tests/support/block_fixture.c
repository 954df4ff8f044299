/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/block_fixture.h"

#include <criterion/criterion.h>
#include <sys/mman.h>

#include "base/fd.h"

#define PIECES_MAX 8

struct ring *ring;
struct err err;
struct block *block;
int results[REQUESTS];
void (*after_operation)(unsigned i);

static struct block_request requests[REQUESTS];
static struct iovec pieces_of[REQUESTS][PIECES_MAX];
static uint16_t owner;

static void complete(void *unused, struct ring_tag tag, int32_t result)
{
	(void)unused;
	block_step(block, &requests[tag.index], result);
	if (after_operation != NULL)
		after_operation(tag.index);
}

static bool turn(void *unused)
{
	(void)unused;
	return false;
}

static void done(void *unused, struct block_request *request, int result)
{
	unsigned i = (unsigned)(request - requests);

	(void)unused;
	cr_assert_eq(results[i], PENDING, "done twice");
	results[i] = result;
	/* The list of buffers is what it was. */
	for (unsigned n = 0; n < request->data.n_iov; n++)
		cr_assert_neq(pieces_of[i][n].iov_len, 0);
	memset(request, 0xa5, sizeof(*request));
}

struct block host_init(void)
{
	static const struct ring_owner_ops ops = {.complete = complete, .turn = turn};

	cr_assert_eq(ring_new(&ring, &err), 0);
	cr_assert_eq(ring_add_owner(ring, &ops, NULL, REQUESTS, &owner), 0);
	return (struct block){.ring = ring, .done = done};
}

void host_start(void)
{
	cr_assert_eq(ring_seal(ring, &err), 0, "%s", err.text);
	cr_assert_eq(ring_enable(ring, &err), 0, "%s", err.text);
	host_turn();
}

void host_done(void)
{
	ring_free(ring);
}

void host_submit(unsigned i, enum block_op op, uint64_t offset, void *bytes, uint64_t len,
		 unsigned pieces)
{
	uint64_t piece = len / pieces & ~UINT64_C(511);
	uint8_t *at = bytes;

	requests[i] = (struct block_request){
		.op = op, .offset = offset, .len = len, .tag = {.index = i, .owner = owner}};
	for (unsigned n = 0; n < pieces; n++, at += piece)
		pieces_of[i][n] = (struct iovec){
			at, n + 1 < pieces ? piece : len - (uint64_t)(at - (uint8_t *)bytes)};
	iov_init(&requests[i].data, pieces_of[i],
		 op == BLOCK_READ || op == BLOCK_WRITE ? pieces : 0);
	results[i] = PENDING;
	block_start(block, &requests[i]);
}

void host_turn(void)
{
	cr_assert_eq(ring_turn(ring, false), 0);
}

void host_await(unsigned i)
{
	while (results[i] == PENDING)
		cr_assert_eq(ring_turn(ring, true), 0);
}

int host_do(enum block_op op, uint64_t offset, void *bytes, uint64_t len)
{
	host_submit(0, op, offset, bytes, len, 1);
	host_await(0);
	return results[0];
}

void host_fill(uint8_t *bytes, uint64_t len, uint8_t seed)
{
	for (uint64_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed + i * 7 + i / 512);
}

int host_file(uint64_t len, uint8_t seed)
{
	int fd = memfd_create("file", 0);
	uint8_t *bytes = malloc(len);

	cr_assert_geq(fd, 0);
	host_fill(bytes, len, seed);
	cr_assert_eq(fd_write_all(fd, bytes, len), 0);
	free(bytes);
	return fd;
}
