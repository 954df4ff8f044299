/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the transport builds on, of the KVM that is here: a register in a read-only slot is read
 * without an exit, and a doorbell rings without one to user space, inside such a slot and outside.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "perf/access.h"
#include "tests/support/host.h"

#define TIMES 500

TestSuite(access, .init = need_kvm);

static struct access_cost cost_of(const struct access_way *way)
{
	struct access_cost cost;

	cr_assert_eq(access_measure(way, TIMES, &cost), 0, "%s: %s", way->name, strerror(errno));
	return cost;
}

Test(access, leaves_for_user_space_only_where_nothing_answers)
{
	for (unsigned i = 0; i < ACCESS_WAYS; i++) {
		const struct access_way *way = &access_ways[i];

		cr_expect_eq(cost_of(way).user_exits, way->leaves ? TIMES : 0, "%s", way->name);
	}
}

Test(access, rings_its_doorbell_each_time)
{
	for (unsigned i = 0; i < ACCESS_WAYS; i++) {
		const struct access_way *way = &access_ways[i];

		cr_expect_eq(cost_of(way).rung, way->doorbell == DOORBELL_NONE ? 0 : TIMES, "%s",
			     way->name);
	}
}

/* Some exits are not the guest's: what else the host does takes its turns. */
Test(access, to_a_slot_that_may_be_read_makes_no_exit_at_all)
{
	cr_assert_lt(cost_of(&access_ways[0]).exits, TIMES / 10);
}
