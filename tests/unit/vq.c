/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio-mmio/vq.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/vq_fixture.h"

TestSuite(vq, .init = set_up);

/* Is it what it was? */
static bool is_same(const struct vq *a, const struct vq *b)
{
	return a->mem == b->mem && a->desc == b->desc && a->avail == b->avail &&
	       a->used == b->used && a->size == b->size && a->event_idx == b->event_idx &&
	       a->indirect == b->indirect && a->broken == b->broken &&
	       a->seen_avail == b->seen_avail && a->next_avail == b->next_avail &&
	       a->next_used == b->next_used && a->published == b->published &&
	       memcmp(a->in_flight, b->in_flight, sizeof(a->in_flight)) == 0 &&
	       a->geometry.desc == b->geometry.desc && a->geometry.driver == b->geometry.driver &&
	       a->geometry.device == b->geometry.device && a->geometry.size == b->geometry.size;
}

/* Geometry. */

Test(vq, sound_geometry_is_taken)
{
	for (uint16_t size = 1; size <= VQ_SIZE_MAX; size = (uint16_t)(size * 2)) {
		struct vq_geometry at_end = {
			.size = size,
			.desc = FAR_END - UINT64_C(16) * size,
			.driver = LOW_END + 16 * PAGE - 6 - UINT64_C(2) * size,
			.device = (LOW_END - 6 - UINT64_C(8) * size) & ~UINT64_C(3),
		};

		cr_assert_eq(vq_start(&vq, &mem, &at_end, 0), 0, "%u", size);
		cr_assert_eq(pop(), 0);
	}
}

/* [virtio 1.2 §2.7]: sizes and alignments of the three parts. */
Test(vq, unsound_geometry_is_refused)
{
	static const struct vq_geometry bad[] = {
		{.size = 0, .desc = 0, .driver = PAGE, .device = 2 * PAGE},
		{.size = 3, .desc = 0, .driver = PAGE, .device = 2 * PAGE},
		{.size = 255, .desc = 0, .driver = PAGE, .device = 2 * PAGE},
		{.size = 512, .desc = 0, .driver = 4 * PAGE, .device = 8 * PAGE},
		{.size = 0x8000, .desc = 0, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = 8, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = 1, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = PAGE + 1, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = PAGE, .device = 2 * PAGE + 2},
		/* Out of memory, at its end, across two regions, around the end of all addresses. */
		{.size = 8, .desc = FAR - PAGE, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = FAR_END - 112, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = LOW_END - 64, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = FAR_END - 20, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = PAGE, .device = FAR_END - 68},
		{.size = 8, .desc = UINT64_MAX - 15, .driver = PAGE, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = UINT64_MAX - 1, .device = 2 * PAGE},
		{.size = 8, .desc = 0, .driver = PAGE, .device = UINT64_MAX - 3},
	};
	struct vq before = vq;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_assert_eq(vq_start(&vq, &mem, &bad[i], FAKEDRV_FEATURES), -EINVAL, "%zu", i);
		cr_assert(is_same(&vq, &before));
	}
}

Test(vq, what_is_not_started_has_nothing)
{
	give_one();
	vq_stop(&vq);
	cr_assert_eq(pop(), 0);
	cr_assert(!vq_has_next(&vq));
	cr_assert(!vq_arm(&vq));
	vq_disarm(&vq);
	cr_assert(!vq_flush(&vq));
	cr_assert_eq(vq_n_in_flight(&vq), 0u);
	vq_stop(&vq);
}

/* Chains. */

Test(vq, a_chain_is_handed_out_as_it_was_made)
{
	const struct fakedrv_part parts[] = {
		{BUFFERS, 16, false}, {FAR, 100, false}, {BUFFERS + 77, 512, true}};

	for (int indirect = 0; indirect <= 1; indirect++) {
		int head = (indirect ? fakedrv_add_indirect : fakedrv_add)(&drv, parts, 3);

		cr_assert_eq(pop(), 0);
		cr_assert(!vq_has_next(&vq));
		fakedrv_publish(&drv);
		cr_assert(vq_has_next(&vq));
		cr_assert_eq(pop(), 1);
		cr_assert_eq(chain.head, head);
		cr_assert_eq(chain.n_out, 2u);
		cr_assert_eq(chain.n_in, 1u);
		cr_assert_eq(chain.out_len, 116u);
		cr_assert_eq(chain.in_len, 512u);
		cr_assert(!chain.too_long);
		for (int i = 0; i < 3; i++) {
			cr_assert_eq(iov[i].iov_base, mem_get(&mem, parts[i].gpa, parts[i].len));
			cr_assert_eq(iov[i].iov_len, parts[i].len);
		}
		cr_assert_eq(pop(), 0);
		cr_assert_eq(vq_n_in_flight(&vq), 1u);
		use((uint16_t)head, 512);
		cr_assert_eq(vq_n_in_flight(&vq), 0u);
	}
}

Test(vq, indices_go_around)
{
	struct fakedrv_part parts[SIZE];

	for (uint16_t i = 0; i < SIZE; i++)
		parts[i] = (struct fakedrv_part){.gpa = BUFFERS + i, .len = 1};
	for (unsigned i = 0; i < 0x10000 + 3; i++) {
		int head = fakedrv_add(&drv, parts, 1 + i % SIZE);

		fakedrv_publish(&drv);
		cr_assert_eq(pop(), 1);
		cr_assert_eq(chain.n_out, 1 + i % SIZE);
		use((uint16_t)head, i);
	}
}

/* [virtio 1.2 §2.7.5.3.1]: as long as the queue, and no longer. */
Test(vq, a_chain_may_be_as_long_as_the_queue)
{
	struct fakedrv_part parts[SIZE];

	for (int i = 0; i < SIZE; i++)
		parts[i] = (struct fakedrv_part){.gpa = BUFFERS, .len = 1, .in = i > 3};
	cr_assert_geq(fakedrv_add(&drv, parts, SIZE), 0);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.n_out, 4u);
	cr_assert_eq(chain.n_in, 4u);
	use(chain.head, 0);
	cr_assert_geq(fakedrv_add_indirect(&drv, parts, SIZE), 0);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.n_in, 4u);
}

/* [virtio 1.2 §2.7.5.3.2]: zero or more descriptors, then one for a table, whose WRITE is ignored. */
Test(vq, a_table_may_follow_other_descriptors)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 16, false}, {0, 32, true}};
	struct vring_desc *table;
	int head = fakedrv_add(&drv, parts, 2);

	table = fakedrv_table(&drv, (uint16_t)head);
	table[0] = (struct vring_desc){
		.addr = FAR, .len = 8, .flags = VRING_DESC_F_NEXT, .next = 1};
	table[1] = (struct vring_desc){.addr = FAR + 8, .len = 8, .flags = VRING_DESC_F_WRITE};
	drv.desc[drv.next[head]] = (struct vring_desc){
		.addr = drv.tables + (uint64_t)head * SIZE * sizeof(*table),
		.len = 2 * sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE};
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.n_out, 2u);
	cr_assert_eq(chain.n_in, 1u);
	cr_assert_eq(chain.out_len, 24u);
	cr_assert_eq(iov[2].iov_base, mem_get(&mem, FAR + 8, 8));
}

Test(vq, flags_without_a_meaning_are_not_looked_at)
{
	const uint16_t known = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT;
	const struct fakedrv_part part = {BUFFERS, 16, false};

	drv.desc[fakedrv_add(&drv, &part, 1)].flags |= (uint16_t)~known;
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.n_out, 1u);
}

/* Nothing says how a table is aligned, or that all of it is used, or in which order. */
Test(vq, a_table_may_lie_anywhere)
{
	for (uint64_t at = BUFFERS; at < BUFFERS + 17; at++) {
		struct vring_desc table[SIZE + 1] = {
			{.addr = FAR, .len = 8, .flags = VRING_DESC_F_NEXT, .next = SIZE},
			{.addr = FAR + 8, .len = 4, .flags = VRING_DESC_F_WRITE},
		};
		struct fakedrv_part part = {.gpa = at, .len = sizeof(table)};
		int head = fakedrv_add(&drv, &part, 1);

		table[SIZE] = table[0];
		table[SIZE].next = 1;
		drv.desc[head].flags = VRING_DESC_F_INDIRECT;
		cr_assert_eq(mem_write(&mem, at, table, sizeof(table)), 0);
		fakedrv_publish(&drv);
		cr_assert_eq(pop(), 1, "%#lx", at);
		cr_assert_eq(chain.n_out, 2u);
		cr_assert_eq(chain.in_len, 4u);
		use((uint16_t)head, 4);
	}
}

Test(vq, a_buffer_over_regions_that_touch_is_in_parts)
{
	const struct fakedrv_part parts[] = {{LOW_END - 5, 20, false}, {LOW_END - 1, 2, true}};

	fakedrv_add(&drv, parts, 2);
	fakedrv_publish(&drv);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.n_out, 2u);
	cr_assert_eq(chain.n_in, 2u);
	cr_assert_eq(chain.out_len, 20u);
	cr_assert_eq(iov[0].iov_base, mem.hva + LOW_END - 5);
	cr_assert_eq(iov[0].iov_len, 5u);
	cr_assert_eq(iov[1].iov_base, mem_get(&mem, LOW_END, 15));
	cr_assert_eq(iov[1].iov_len, 15u);
	cr_assert_eq(iov[2].iov_len, 1u);
	cr_assert_eq(iov[3].iov_len, 1u);
}

Test(vq, a_chain_beyond_the_devices_room_is_too_long_and_not_broken)
{
	static const struct fakedrv_part parts[] = {
		{BUFFERS, 1, false}, {LOW_END - 1, 3, true}, {BUFFERS, 4, true}};
	static const uint64_t in_lens[] = {0, 0, 1, 3, 7};

	for (unsigned room = 0; room <= 4; room++) {
		fakedrv_add(&drv, parts, 3);
		fakedrv_publish(&drv);
		memset(iov, 0, sizeof(iov));
		chain = (struct vq_chain){.iov = iov, .n_iov = room};
		cr_assert_eq(vq_pop(&vq, &chain), 1);
		cr_assert_eq(chain.too_long, room < 4);
		cr_assert_eq(chain.n_out + chain.n_in, room);
		cr_assert_eq(chain.out_len, room > 0 ? 1u : 0u);
		cr_assert_eq(chain.in_len, in_lens[room]);
		cr_assert(iov[room].iov_base == NULL);
		use(chain.head, 0);
	}
}

Test(vq, what_is_beyond_the_devices_room_is_judged)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 1, false}, {FAR - 1, 1, true}};

	fakedrv_add(&drv, parts, 2);
	fakedrv_publish(&drv);
	chain = (struct vq_chain){.iov = iov, .n_iov = 1};
	cr_assert_eq(vq_pop(&vq, &chain), -EBADMSG);
	is_broken();
}

Test(vq, what_is_given_back_comes_again)
{
	uint16_t first = give_one(), second = give_one();

	cr_assert_eq(pop(), 1);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.head, second);
	vq_unpop(&vq, &chain);
	cr_assert(vq_has_next(&vq));
	cr_assert_eq(vq_n_in_flight(&vq), 1u);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.head, second);
	use(second, 0);
	use(first, 0);
}

/* State. */

static struct vq_state save(void)
{
	struct vq_state state;

	memset(&state, 0xa5, sizeof(state));
	vq_save(&vq, &state);
	return state;
}

Test(vq, a_queue_goes_on_where_it_was_saved)
{
	struct vq_state state;
	struct vq before;

	for (int i = 0; i < SIZE + 3; i++) {
		give_one();
		cr_assert_eq(pop(), 1);
		use(chain.head, 0);
	}
	before = vq;
	state = save();
	vq_stop(&vq);
	cr_assert_eq(vq_load(&vq, &mem, &state, FAKEDRV_FEATURES), 0);
	cr_assert(is_same(&vq, &before));
	cr_assert_eq(pop(), 0);
	give_one();
	cr_assert_eq(pop(), 1);
	use(chain.head, 5);
}

Test(vq, what_waits_is_still_there_after_a_load)
{
	uint16_t head = give_one();
	struct vq_state state = save();

	vq_stop(&vq);
	cr_assert_eq(vq_load(&vq, &mem, &state, FAKEDRV_FEATURES), 0);
	cr_assert_eq(pop(), 1);
	cr_assert_eq(chain.head, head);
}

Test(vq, a_broken_queue_stays_so)
{
	struct vq_state state;

	drv.avail->idx = SIZE + 1;
	is_broken();
	state = save();
	vq_stop(&vq);
	cr_assert_eq(vq_load(&vq, &mem, &state, FAKEDRV_FEATURES), 0);
	is_broken();
}

Test(vq, what_is_not_started_is_saved_as_zeroes)
{
	static const struct vq_state zeroes;
	struct vq_state state;

	vq_stop(&vq);
	state = save();
	cr_assert_eq(memcmp(&state, &zeroes, sizeof(state)), 0);
	start(SIZE, FAKEDRV_FEATURES);
	cr_assert_eq(vq_load(&vq, &mem, &state, FAKEDRV_FEATURES), 0);
	cr_assert_eq(pop(), 0);
	cr_assert(!vq_has_next(&vq));
}

Test(vq, a_state_that_was_not_saved_is_refused)
{
	const struct vq_state good = save();
	struct vq_state bad[] = {good, good, good,        good,       good,
				 good, good, {.size = 1}, {.next = 1}};
	struct vq before = vq;

	bad[0].started = 0;
	bad[1].started = 2;
	bad[2].broken = 2;
	bad[3].size = 7;
	bad[4].size = 512;
	bad[5].device += 2;
	bad[6].desc = FAR - PAGE;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cr_assert_eq(vq_load(&vq, &mem, &bad[i], FAKEDRV_FEATURES), -EINVAL, "%zu", i);
		cr_assert(is_same(&vq, &before));
	}
}

/* One bit of a state is another: it is refused, or it is a queue that keeps to the rules. */
Test(vq, each_bit_of_a_state_is_refused_or_harmless)
{
	const struct vq_state good = save();
	struct vq_state flipped;

	for (size_t bit = 0; bit < sizeof(good) * 8; bit++) {
		flipped = good;
		((uint8_t *)&flipped)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (vq_load(&vq, &mem, &flipped, FAKEDRV_FEATURES) < 0)
			continue;
		cr_assert_leq(pop(), 0);
		cr_assert_eq(vq_n_in_flight(&vq), 0u);
	}
}
