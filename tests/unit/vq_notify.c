/* SPDX-License-Identifier: Apache-2.0 */
/* What either side is told, when, and which pages of memory that changes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "tests/support/vq_fixture.h"

TestSuite(vq_notify, .init = set_up);

static bool is_dirty(const void *hva)
{
	uint64_t page = (uint64_t)((const uint8_t *)hva - mem.hva) / PAGE;

	return (dirty[page / 64] >> page % 64 & 1) != 0;
}

static unsigned n_dirty(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirty); i++)
		n += (unsigned)__builtin_popcountll(dirty[i]);
	return n;
}

/* Notifications. */

/* [virtio 1.2 §2.7.7.2]: without event indices by the flag, and used_event is ignored. */
Test(vq_notify, an_interrupt_is_wanted_by_the_flag)
{
	start(SIZE, 0);
	for (uint16_t event = 0; event < 4; event++) {
		drv.avail->ring[SIZE] = event;
		for (int wanted = 0; wanted <= 1; wanted++) {
			fakedrv_ask(&drv, wanted);
			give_one();
			cr_assert_eq(pop(), 1);
			vq_push(&vq, chain.head, 0);
			cr_assert_eq(vq_flush(&vq), wanted);
			cr_assert(fakedrv_collect(&drv, &used));
		}
	}
}

/* [virtio 1.2 §2.7.7.2]: with them by used_event, and the flag is ignored. */
Test(vq_notify, an_interrupt_is_wanted_by_the_event_index)
{
	for (unsigned batch = 1; batch <= 3; batch++)
		for (uint16_t after = 1; after <= 5; after++) {
			drv.avail->flags = after & VRING_AVAIL_F_NO_INTERRUPT;
			fakedrv_ask_after(&drv, after);
			for (unsigned i = 0; i < batch; i++) {
				give_one();
				cr_assert_eq(pop(), 1);
				vq_push(&vq, chain.head, 0);
			}
			cr_assert_eq(vq_flush(&vq), after <= batch, "%u %u", batch, after);
			while (fakedrv_collect(&drv, &used)) {
			}
		}
}

Test(vq_notify, the_event_index_goes_around)
{
	for (unsigned i = 0; i < 0x10000 + SIZE; i++) {
		fakedrv_ask(&drv, i % 3 == 0);
		give_one();
		cr_assert_eq(pop(), 1);
		vq_push(&vq, chain.head, 0);
		cr_assert_eq(vq_flush(&vq), i % 3 == 0);
		cr_assert(fakedrv_collect(&drv, &used));
	}
}

/* [virtio 1.2 §2.7.8.2]: entries are seen with the index, and not before. */
Test(vq_notify, nothing_is_used_before_the_flush)
{
	uint16_t first = give_one(), second = give_one();

	cr_assert_eq(pop(), 1);
	cr_assert_eq(pop(), 1);
	vq_push(&vq, second, 7);
	vq_push(&vq, first, UINT32_MAX);
	cr_assert_eq(drv.used->idx, 0u);
	cr_assert(!fakedrv_collect(&drv, &used));
	cr_assert(vq_flush(&vq));
	cr_assert(!vq_flush(&vq), "a second interrupt for nothing");
	cr_assert(fakedrv_collect(&drv, &used));
	cr_assert_eq(used.id, second);
	cr_assert_eq(used.len, 7u);
	cr_assert(fakedrv_collect(&drv, &used));
	cr_assert_eq(used.id, first);
	cr_assert_eq(used.len, UINT32_MAX);
	cr_assert(!fakedrv_collect(&drv, &used));
}

static void takes_kicks(bool event_idx)
{
	const struct fakedrv_part part = {BUFFERS, 1, false};

	start(SIZE, event_idx ? FAKEDRV_FEATURES : 0);
	for (int i = 0; i < 5; i++) {
		/* The first kick comes without asking. */
		fakedrv_add(&drv, &part, 1);
		cr_assert(fakedrv_publish(&drv));
		vq_disarm(&vq);
		cr_assert_eq(pop(), 1);
		use(chain.head, 0);
		fakedrv_add(&drv, &part, 1);
		cr_assert(!fakedrv_publish(&drv), "a kick while the device is looking");
		cr_assert(vq_arm(&vq), "a chain that came meanwhile");
		cr_assert_eq(pop(), 1);
		use(chain.head, 0);
		cr_assert(!vq_arm(&vq));
	}
}

Test(vq_notify, kicks_come_when_they_are_asked_for)
{
	takes_kicks(false);
	takes_kicks(true);
}

/* [virtio 1.2 §2.7.10.2] */
Test(vq_notify, flags_stay_0_with_event_indices)
{
	vq_disarm(&vq);
	cr_assert_eq(drv.used->flags, 0u);
	give_one();
	cr_assert_eq(pop(), 1);
	cr_assert(!vq_arm(&vq));
	vq_disarm(&vq);
	use(chain.head, 0);
	cr_assert_eq(drv.used->flags, 0u);
}

/* [virtio 1.2 §2.7.10.2]: 0 or 1. */
Test(vq_notify, flags_are_0_or_1_without_event_indices)
{
	start(SIZE, 0);
	drv.used->flags = 0xfffe;
	vq_disarm(&vq);
	cr_assert_eq(drv.used->flags, 1u);
	drv.used->flags = 0xfffe;
	cr_assert(!vq_arm(&vq));
	cr_assert_eq(drv.used->flags, 0u);
}

/* [virtio 1.2 §2.7.5.1] */
Test(vq_notify, what_is_the_drivers_is_not_written)
{
	const struct fakedrv_part parts[] = {{BUFFERS, 16, false}, {BUFFERS + 64, 16, true}};
	static uint8_t before[2 * PAGE], table[SIZE * SIZE * 16];

	for (int indirect = 0; indirect <= 1; indirect++) {
		(indirect ? fakedrv_add_indirect : fakedrv_add)(&drv, parts, 2);
		fakedrv_publish(&drv);
		memcpy(before, drv.desc, sizeof(before));
		memcpy(table, fakedrv_table(&drv, 0), sizeof(table));
		cr_assert_eq(pop(), 1);
		vq_push(&vq, chain.head, 16);
		cr_assert(vq_flush(&vq));
		cr_assert(!vq_arm(&vq));
		cr_assert_arr_eq((uint8_t *)drv.desc, before, sizeof(before));
		cr_assert_arr_eq((uint8_t *)fakedrv_table(&drv, 0), table, sizeof(table));
		cr_assert(fakedrv_collect(&drv, &used));
		fakedrv_ask(&drv, true);
	}
}

/* What is written is marked. */

/* Lays the used ring so that its first `len` bytes are the last of a page, FAR. */
static void start_across_pages(uint64_t len, uint64_t features)
{
	start(SIZE, features);
	drv.geometry.device = FAR + PAGE - len;
	drv.used = mem_get(&mem, drv.geometry.device, 6 + 8 * SIZE);
	cr_assert_eq(vq_start(&vq, &mem, &drv.geometry, features), 0);
	cr_assert_eq(n_dirty(), 0u);
}

/* What was marked of the two pages: 1, 2, or 3 for both. */
static unsigned take_dirty(void)
{
	const uint8_t *first = mem_get(&mem, FAR, 2 * PAGE);
	unsigned pages = (unsigned)is_dirty(first) | (unsigned)is_dirty(first + PAGE) << 1;

	cr_assert_eq(n_dirty(), (unsigned)__builtin_popcount(pages));
	for (size_t i = 0; i < ARRAY_LEN(dirty); i++)
		dirty[i] = 0;
	return pages;
}

Test(vq_notify, entries_and_index_are_marked)
{
	/* The first entry lies in both pages, the others in the second. */
	start_across_pages(8, FAKEDRV_FEATURES);
	give_one();
	give_one();
	cr_assert_eq(pop(), 1);
	cr_assert_eq(take_dirty(), 0u);
	vq_push(&vq, chain.head, 0);
	cr_assert_eq(take_dirty(), 3u);
	cr_assert(vq_flush(&vq));
	cr_assert_eq(take_dirty(), 1u);
	cr_assert_eq(pop(), 1);
	vq_push(&vq, chain.head, 0);
	cr_assert_eq(take_dirty(), 2u);
}

Test(vq_notify, the_event_index_is_marked)
{
	start_across_pages(4 + 8 * SIZE, FAKEDRV_FEATURES);
	cr_assert(!vq_arm(&vq));
	cr_assert_eq(take_dirty(), 2u);
	vq_disarm(&vq);
	cr_assert_eq(take_dirty(), 0u);
}

Test(vq_notify, flags_are_marked)
{
	start_across_pages(4, 0);
	vq_disarm(&vq);
	cr_assert_eq(take_dirty(), 1u);
	cr_assert(!vq_arm(&vq));
	cr_assert_eq(take_dirty(), 1u);
}
