/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)
#define HUGE (UINT64_C(2) << 20)

/* Two pages at 0, one far above, and one whose end is the end of all addresses. */
static const struct mem_region regions[] = {
	{.gpa = 0, .len = 2 * PAGE},
	{.gpa = UINT64_C(1) << 40, .len = PAGE},
	{.gpa = UINT64_MAX - PAGE + 1, .len = PAGE},
};
static struct mem mem;
static struct err err;

static void set_up(void)
{
	cr_assert_eq(mem_init(&mem, regions, 3, MEM_ANONYMOUS, &err), 0, "%s", err.text);
}

TestSuite(mem, .init = set_up);

Test(mem, regions_follow_each_other_in_one_mapping)
{
	cr_assert_eq(mem.len, 4 * PAGE);
	cr_assert_eq((uintptr_t)mem.hva % HUGE, 0u);
	cr_assert_eq(mem_get(&mem, 0, 2 * PAGE), mem.hva);
	cr_assert_eq(mem_get(&mem, 2 * PAGE - 1, 1), mem.hva + 2 * PAGE - 1);
	cr_assert_eq(mem_get(&mem, regions[1].gpa, PAGE), mem.hva + 2 * PAGE);
	cr_assert_eq(mem_get(&mem, UINT64_MAX, 1), mem.hva + 4 * PAGE - 1);
}

Test(mem, what_is_not_all_ram_of_one_region_has_no_address)
{
	static const struct {
		uint64_t gpa, len;
	} bad[] = {
		{0, 2 * PAGE + 1},
		{1, 2 * PAGE},
		{2 * PAGE, 0},
		{2 * PAGE, 1},
		{2 * PAGE - 1, 2},
		{PAGE, UINT64_MAX},
		{1, UINT64_MAX},
		{UINT64_C(1) << 39, 1},
		{(UINT64_C(1) << 40) - 1, 2},
		{(UINT64_C(1) << 40) + PAGE, 1},
		{UINT64_MAX, 2},
		{UINT64_MAX - PAGE, 2},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(mem_get(&mem, bad[i].gpa, bad[i].len) == NULL, "%#lx %#lx", bad[i].gpa,
			  bad[i].len);
}

Test(mem, a_write_is_whole_or_not_at_all)
{
	cr_assert_eq(mem_write(&mem, 2 * PAGE - 3, "abc", 3), 0);
	cr_assert_arr_eq(mem.hva + 2 * PAGE - 3, "abc", 3);
	cr_assert_eq(mem_write(&mem, 2 * PAGE - 2, "xyz", 3), -EFAULT);
	cr_assert_arr_eq(mem.hva + 2 * PAGE - 3, "abc", 3);
}

static void is_zero_and_writable(struct mem *of)
{
	for (uint64_t i = 0; i < of->len; i++)
		cr_assert_eq(of->hva[i], 0);
	memset(of->hva, 0xa5, of->len);
}

Test(mem, every_backing_is_zero_and_writable)
{
	struct mem memfd;
	struct err ignored;

	is_zero_and_writable(&mem);
	cr_assert_eq(mem_init(&memfd, regions, 3, MEM_MEMFD, &err), 0, "%s", err.text);
	is_zero_and_writable(&memfd);
	cr_assert_eq(mem_populate(&mem, &ignored), 0);
	cr_assert_eq(mem.hva[0], 0xa5);
	mem_done(&memfd);
}

Test(mem, a_memfd_keeps_its_size)
{
	struct mem memfd;

	cr_assert_eq(mem_init(&memfd, regions, 3, MEM_MEMFD, &err), 0, "%s", err.text);
	cr_assert_eq(fcntl(memfd.fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	cr_assert_eq(lseek(memfd.fd, 0, SEEK_END), (off_t)(4 * PAGE));
	cr_assert_eq(fcntl(memfd.fd, F_GETFD), FD_CLOEXEC);
	mem_done(&memfd);
}

Test(mem, done_leaves_nothing_and_may_come_twice)
{
	int lowest_free = dup(0);
	struct mem memfd;

	close(lowest_free);
	cr_assert_eq(mem_init(&memfd, regions, 3, MEM_MEMFD, &err), 0, "%s", err.text);
	mem_done(&memfd);
	mem_done(&memfd);
	cr_assert(mem_get(&memfd, 0, 1) == NULL);
	cr_assert_eq(dup(0), lowest_free);
}

/* Sizes that no host has, among them one that wraps where the mapping is aligned. */
Test(mem, what_cannot_be_is_refused_with_its_size)
{
	static const uint64_t lens[] = {UINT64_C(1) << 60, UINT64_MAX - PAGE + 1,
					UINT64_MAX - HUGE + 1};
	struct mem none;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (int backing = MEM_ANONYMOUS; backing < MEM_BACKING_COUNT; backing++) {
			struct mem_region region = {.gpa = 0, .len = lens[i]};

			cr_assert_lt(mem_init(&none, &region, 1, (enum mem_backing)backing, &err),
				     0, "%#lx bytes, backing %d", lens[i], backing);
			cr_assert(mem_get(&none, 0, 1) == NULL);
			mem_done(&none);
		}
	cr_assert(strstr(err.text, "2 MiB") != NULL, "%s", err.text);
}

Test(mem, huge_pages_come_whole)
{
	struct mem none;

	cr_assert_eq(mem_init(&none, regions, 1, MEM_HUGETLB, &err), -EINVAL);
	cr_assert_eq(err.status, EXIT_STATUS_USAGE);
	cr_assert(strstr(err.text, "8192 bytes are no multiple of 2 MiB") != NULL, "%s", err.text);
	cr_assert(mem_get(&none, 0, 1) == NULL);
	mem_done(&none);
}

static uint64_t dirty_pages(uint64_t first, uint64_t len)
{
	_Atomic uint64_t bitmap[1] = {0};

	mem_track(&mem, bitmap);
	mem_dirty(&mem, mem.hva + first, len);
	mem_track(&mem, NULL);
	mem_dirty(&mem, mem.hva, PAGE);
	return bitmap[0];
}

Test(mem, each_page_that_was_written_is_marked_and_no_other)
{
	cr_assert_eq(mem_dirty_words(&mem), 1u);
	cr_assert_eq(dirty_pages(0, 0), 0u);
	cr_assert_eq(dirty_pages(PAGE, 0), 0u);
	cr_assert_eq(dirty_pages(0, 1), 1u);
	cr_assert_eq(dirty_pages(PAGE - 1, 1), 1u);
	cr_assert_eq(dirty_pages(PAGE - 1, 2), 3u);
	cr_assert_eq(dirty_pages(PAGE, PAGE), 2u);
	cr_assert_eq(dirty_pages(PAGE - 1, PAGE + 2), 7u);
	cr_assert_eq(dirty_pages(0, 4 * PAGE), 15u);
	cr_assert_eq(dirty_pages(4 * PAGE - 1, 1), 8u);
}

Test(mem, a_page_more_is_a_word_more)
{
	struct mem of = {.len = 64 * PAGE};

	cr_assert_eq(mem_dirty_words(&of), 1u);
	of.len += PAGE;
	cr_assert_eq(mem_dirty_words(&of), 2u);
	of.len = 128 * PAGE;
	cr_assert_eq(mem_dirty_words(&of), 2u);
}

Test(mem, bytes_are_copied_in_from_any_address)
{
	uint8_t copy[16];

	for (uint64_t at = 0; at < 17; at++) {
		cr_assert_eq(mem_write(&mem, at, "0123456789abcdef", 16), 0);
		mem_copy_in(copy, mem.hva + at, sizeof(copy));
		cr_assert_arr_eq(copy, "0123456789abcdef", 16);
	}
}
