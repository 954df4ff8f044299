/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers that break a rule of the queue, and what looks like it and is none. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/vq_fixture.h"

TestSuite(vq_rules, .init = set_up);

/* What is wrong, and where: in the descriptors of a chain of two. */

struct mistake {
	const char *what;
	struct vring_desc desc[2];
};

/* Whatever refers to BUFFERS as a table finds a sound one there. */
static void make_table(void)
{
	static const struct vring_desc sound = {.addr = FAR, .len = 8};

	for (uint64_t i = 0; i < SIZE; i++)
		cr_assert_eq(mem_write(&mem, BUFFERS + i * sizeof(sound), &sound, sizeof(sound)),
			     0);
}

static void each_breaks(const struct mistake *mistakes, size_t n, bool in_table)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 16, false}, {BUFFERS, 16, true}};

	for (size_t i = 0; i < n; i++) {
		struct vring_desc *at;
		int head;

		start(SIZE, FAKEDRV_FEATURES);
		make_table();
		head = (in_table ? fakedrv_add_indirect : fakedrv_add)(&drv, parts, 2);
		cr_assert_eq(head, 0);
		at = in_table ? fakedrv_table(&drv, 0) : drv.desc;
		memcpy(at, mistakes[i].desc, sizeof(mistakes[i].desc));
		/* Past the end of either table. */
		at[in_table ? 2 : SIZE] = (struct vring_desc){.addr = FAR, .len = 8};
		fakedrv_publish(&drv);
		cr_assert_eq(pop(), -EBADMSG, "%s", mistakes[i].what);
		is_broken();
	}
}

#define NEXT     VRING_DESC_F_NEXT
#define WRITE    VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static const struct mistake mistakes[] = {
	{"next is as large as the table", {{BUFFERS, 16, NEXT, SIZE}}},
	{"next is as large as can be", {{BUFFERS, 16, NEXT, 0xffff}}},
	{"a loop of one", {{BUFFERS, 16, NEXT, 0}}},
	{"a loop of two", {{BUFFERS, 16, NEXT, 1}, {BUFFERS, 16, NEXT, 0}}},
	{"the second loops", {{BUFFERS, 16, NEXT, 1}, {BUFFERS, 16, NEXT, 1}}},
	/* [virtio 1.2 §2.7.4.2] */
	{"read after written", {{BUFFERS, 16, NEXT | WRITE, 1}, {BUFFERS, 16, 0, 0}}},
	{"length zero", {{BUFFERS, 0, 0, 0}}},
	{"length zero at the end", {{BUFFERS, 16, NEXT, 1}, {BUFFERS, 0, WRITE, 0}}},
	{"length zero outside of memory", {{FAR - PAGE, 0, 0, 0}}},
	{"no memory", {{FAR - PAGE, 16, 0, 0}}},
	{"devices' registers", {{0xc0000000, 16, WRITE, 0}}},
	{"the local APIC", {{0xfee00000, 4, WRITE, 0}}},
	{"one byte past the end", {{FAR_END - 15, 16, 0, 0}}},
	{"one byte past a region that another continues", {{LOW_END + 16 * PAGE - 1, 2, 0, 0}}},
	{"one byte before the beginning", {{FAR - 1, 16, WRITE, 0}}},
	{"longer than memory", {{BUFFERS, UINT32_MAX, WRITE, 0}}},
	{"the end of all addresses", {{UINT64_MAX, 1, 0, 0}}},
	{"around the end of all addresses", {{UINT64_MAX - 7, 16, 0, 0}}},
	{"around it with all there is", {{UINT64_MAX - UINT32_MAX + 2, UINT32_MAX, 0, 0}}},
};

Test(vq_rules, a_mistake_in_the_table_breaks_the_queue)
{
	each_breaks(mistakes, ARRAY_LEN(mistakes), false);
}

/* A loop there has more descriptors than the queue, though fewer than memory. */
Test(vq_rules, a_mistake_in_an_indirect_table_breaks_the_queue)
{
	static const struct mistake past = {"next is as large as it", {{BUFFERS, 16, NEXT, 2}}};

	each_breaks(mistakes, ARRAY_LEN(mistakes), true);
	each_breaks(&past, 1, true);
}

/* [virtio 1.2 §2.7.5.3.1] */
static const struct mistake indirect_mistakes[] = {
	{"with NEXT", {{BUFFERS, 16, INDIRECT | NEXT, 1}, {BUFFERS, 16, 0, 0}}},
	{"an empty table", {{BUFFERS, 0, INDIRECT, 0}}},
	{"a table of half a descriptor", {{BUFFERS, 8, INDIRECT, 0}}},
	{"a table of one and a half", {{BUFFERS, 24, INDIRECT, 0}}},
	{"a table of one byte too many", {{BUFFERS, 17, INDIRECT, 0}}},
	{"a table outside of memory", {{FAR - PAGE, 16, INDIRECT, 0}}},
	{"a table past the end", {{FAR_END - 8, 16, INDIRECT, 0}}},
	{"a table in two regions", {{LOW_END - 8, 16, INDIRECT, 0}}},
	{"a table that wraps", {{UINT64_MAX - 7, 16, INDIRECT, 0}}},
	{"a huge table", {{BUFFERS, UINT32_MAX - 15, INDIRECT, 0}}},
	{"a table of zeroes", {{BUFFERS + PAGE, 16, INDIRECT, 0}}},
	{"the second with NEXT", {{BUFFERS, 16, NEXT, 1}, {BUFFERS, 16, INDIRECT | NEXT, 2}}},
};

Test(vq_rules, a_mistaken_table_breaks_the_queue)
{
	each_breaks(indirect_mistakes, ARRAY_LEN(indirect_mistakes), false);
}

/* The table within would be sound. [virtio 1.2 §2.7.5.3.1] */
Test(vq_rules, a_table_within_a_table_breaks_the_queue)
{
	const struct mistake nested[] = {
		{"nested", {{BUFFERS, 16, INDIRECT, 0}}},
		{"nested after another", {{BUFFERS, 16, NEXT, 1}, {BUFFERS, 16, INDIRECT, 0}}},
	};

	each_breaks(nested, 2, true);
}

/* [virtio 1.2 §2.7.5.3.1] */
Test(vq_rules, a_table_that_was_not_negotiated_breaks_the_queue)
{
	const struct fakedrv_part part = {BUFFERS, 16, false};

	start(SIZE, 0);
	fakedrv_add_indirect(&drv, &part, 1);
	fakedrv_publish(&drv);
	is_broken();
}

/* [virtio 1.2 §2.7.5.3.1]: in the queue's table there is no room for more. */
Test(vq_rules, a_chain_longer_than_the_queue_breaks_it)
{
	struct fakedrv_part part = {.gpa = BUFFERS, .len = (SIZE + 1) * 16};
	struct vring_desc table[SIZE + 1];

	for (uint16_t i = 0; i <= SIZE; i++)
		table[i] = (struct vring_desc){.addr = FAR,
					       .len = 1,
					       .flags = i < SIZE ? NEXT : 0,
					       .next = (uint16_t)(i + 1)};
	cr_assert_eq(mem_write(&mem, BUFFERS, table, sizeof(table)), 0);
	drv.desc[fakedrv_add(&drv, &part, 1)].flags = INDIRECT;
	fakedrv_publish(&drv);
	is_broken();
}

/* Both halves count. [virtio 1.2 §2.7.5.3.1] */
Test(vq_rules, descriptors_before_a_table_count)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 1, false}, {BUFFERS, 1, false}};

	for (uint16_t n = SIZE - 1; n <= SIZE; n++) {
		struct vring_desc *table;

		start(SIZE, FAKEDRV_FEATURES);
		cr_assert_eq(fakedrv_add(&drv, parts, 2), 0);
		table = fakedrv_table(&drv, 0);
		for (uint16_t i = 0; i < n; i++)
			table[i] = (struct vring_desc){.addr = FAR,
						       .len = 1,
						       .flags = i + 1 < n ? NEXT : 0,
						       .next = (uint16_t)(i + 1)};
		drv.desc[1] = (struct vring_desc){
			.addr = drv.tables, .len = n * 16U, .flags = INDIRECT};
		fakedrv_publish(&drv);
		if (n == SIZE)
			is_broken();
		else
			cr_assert_eq(pop(), 1);
	}
}

Test(vq_rules, a_head_that_is_no_descriptor_breaks_the_queue)
{
	for (unsigned head = SIZE; head <= 0xffff; head += head < SIZE + 4 ? 1 : 251) {
		start(SIZE, FAKEDRV_FEATURES);
		fakedrv_put(&drv, (uint16_t)head);
		fakedrv_publish(&drv);
		is_broken();
	}
}

Test(vq_rules, a_head_that_is_in_flight_breaks_the_queue)
{
	uint16_t head = give_one();

	cr_assert_eq(pop(), 1);
	fakedrv_put(&drv, head);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), -EBADMSG);
	cr_assert_eq(vq_n_in_flight(&vq), 1u);
	/* What is in flight can still be given back. */
	use(head, 1);
	is_broken();
}

Test(vq_rules, a_head_may_come_again_once_it_was_used)
{
	for (int i = 0; i < 3 * SIZE; i++) {
		cr_assert_eq(give_one(), 0u);
		cr_assert_eq(pop(), 1);
		use(0, 0);
	}
}

/* Two requests may name one buffer: that is between the driver and itself. */
Test(vq_rules, one_buffer_may_be_in_two_chains)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 512, false}, {BUFFERS, 512, true}};

	fakedrv_add(&drv, parts, 2);
	fakedrv_add(&drv, parts + 1, 1);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(vq_n_in_flight(&vq), 2u);
}

Test(vq_rules, an_index_that_jumps_breaks_the_queue)
{
	static const uint16_t jumps[] = {SIZE + 1, 100, 0x7fff, 0x8000, 0xffff};

	for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
		start(SIZE, FAKEDRV_FEATURES);
		for (int j = 0; j < SIZE; j++)
			give_one();
		drv.avail->idx = jumps[i];
		cr_assert(vq_has_next(&vq));
		is_broken();
	}
}

/* [virtio 1.2 §2.7.6.1] */
Test(vq_rules, an_index_that_goes_back_breaks_the_queue)
{
	give_one();
	give_one();
	cr_assert_eq(pop(), 1);
	drv.avail->idx = 0;
	/* What it had published is published. */
	cr_assert_eq(pop(), 1);
	is_broken();
}

Test(vq_rules, a_jump_is_seen_where_the_queue_is_armed)
{
	drv.avail->idx = SIZE + 1;
	cr_assert(vq_arm(&vq));
	is_broken();
}

Test(vq_rules, a_full_ring_is_no_jump)
{
	for (int i = 0; i < SIZE; i++)
		give_one();
	for (int i = 0; i < SIZE; i++)
		cr_assert_eq(pop(), 1);
	cr_assert_eq(vq_n_in_flight(&vq), (unsigned)SIZE);
	cr_assert_eq(pop(), 0);
}

/* As many entries as there may be, but fewer heads. */
Test(vq_rules, a_ring_full_of_one_head_breaks_the_queue)
{
	uint16_t head = give_one();

	for (int i = 1; i < SIZE; i++)
		fakedrv_put(&drv, head);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	is_broken();
}

/* 2^32 bytes, in memory whose parts are large but never touched. [virtio 1.2 §2.7.5.2] */
Test(vq_rules, a_chain_of_more_than_4_gib_breaks_the_queue, .init = NULL)
{
	const struct mem_region large = {.gpa = 0, .len = UINT64_C(3) << 30};
	const struct fakedrv_part parts[] = {
		{0, 0x80000000, false}, {0, 0x7fffffff, true}, {0, 1, true}, {0, 1, true}};

	make_memory(&large, 1);
	for (unsigned n = 3; n <= 4; n++)
		for (int indirect = 0; indirect <= 1; indirect++) {
			start(SIZE, FAKEDRV_FEATURES);
			(indirect ? fakedrv_add_indirect : fakedrv_add)(&drv, parts, n);
			fakedrv_publish(&drv);
			cr_assert_eq(pop(), n == 3 ? 1 : -EBADMSG);
		}
}

/* RAM at both ends of the addresses is not RAM around them. */
Test(vq_rules, a_buffer_does_not_go_around_the_end_of_addresses, .init = NULL)
{
	const struct mem_region ends[] = {{.gpa = 0, .len = LOW_END},
					  {.gpa = UINT64_MAX - PAGE + 1, .len = PAGE}};

	make_memory(ends, 2);
	for (uint32_t len = 8; len <= 9; len++) {
		const struct fakedrv_part part = {UINT64_MAX - 7, len, false};

		start(SIZE, FAKEDRV_FEATURES);
		fakedrv_add(&drv, &part, 1);
		fakedrv_publish(&drv);
		cr_assert_eq(pop(), len == 8 ? 1 : -EBADMSG);
	}
}
