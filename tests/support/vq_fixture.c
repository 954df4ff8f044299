/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vq_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>

/* The third continues the first, but lies behind the second in the mapping. */
static const struct mem_region regions[] = {
	{.gpa = 0, .len = LOW_END},
	{.gpa = FAR, .len = 64 * PAGE},
	{.gpa = LOW_END, .len = 16 * PAGE},
};

struct mem mem;
struct fakedrv drv;
struct vq vq;
struct iovec iov[2 * SIZE];
struct vq_chain chain;
struct vring_used_elem used;
_Atomic uint64_t dirty[16];

void make_memory(const struct mem_region *of, unsigned n)
{
	struct err err;

	cr_assert_eq(mem_init(&mem, of, n, MEM_ANONYMOUS, &err), 0, "%s", err.text);
	if (mem_dirty_words(&mem) <= ARRAY_LEN(dirty))
		mem_track(&mem, dirty);
}

void start(uint16_t size, uint64_t features)
{
	fakedrv_init(&drv, &mem, RINGS, size, features);
	cr_assert_eq(vq_start(&vq, &mem, &drv.geometry, features), 0);
}

void set_up(void)
{
	make_memory(regions, 3);
	start(SIZE, FAKEDRV_FEATURES);
}

int pop(void)
{
	chain = (struct vq_chain){.iov = iov, .n_iov = ARRAY_LEN(iov)};
	return vq_pop(&vq, &chain);
}

void is_broken(void)
{
	struct fakedrv_part part = {.gpa = BUFFERS, .len = 1};

	cr_assert_eq(pop(), -EBADMSG);
	cr_assert(vq.broken);
	cr_assert_eq(chain.n_out + chain.n_in, 0u);
	fakedrv_add(&drv, &part, 1);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), -EBADMSG);
	cr_assert(!vq_has_next(&vq));
	cr_assert(!vq_arm(&vq));
}

uint16_t give_one(void)
{
	struct fakedrv_part part = {.gpa = BUFFERS, .len = 16};
	int head = fakedrv_add(&drv, &part, 1);

	cr_assert_geq(head, 0);
	fakedrv_publish(&drv);
	return (uint16_t)head;
}

bool use(uint16_t head, uint32_t len)
{
	bool wanted;

	vq_push(&vq, head, len);
	wanted = vq_flush(&vq);
	cr_assert(fakedrv_collect(&drv, &used));
	cr_assert_eq(used.id, head);
	cr_assert_eq(used.len, len);
	return wanted;
}
