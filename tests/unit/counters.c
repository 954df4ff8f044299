/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counters.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY (UINT64_C(4) * COUNTERS_ROWS)

static struct counters *counters;

static void set_up(void)
{
	counters = counters_new(COUNTERS_VCPUS_MAX);
	cr_assert(counters != NULL);
}

TestSuite(counters, .init = set_up);

static uint64_t count_of(const struct vcpu_counters *vcpu, const struct exit_key *key)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < COUNTERS_ROWS; i++)
		if (vcpu->rows[i].count != 0 && vcpu->rows[i].key.reason == key->reason &&
		    vcpu->rows[i].key.device == key->device && vcpu->rows[i].key.reg == key->reg &&
		    vcpu->rows[i].key.address == key->address && vcpu->rows[i].key.rip == key->rip)
			count += vcpu->rows[i].count;
	return count;
}

static struct exit_key key_with(unsigned part, uint16_t value)
{
	return (struct exit_key){.reason = part == 0 ? value : 1,
				 .device = part == 1 ? value : 1,
				 .reg = part == 2 ? value : 1,
				 .address = part == 3 ? value : 1,
				 .rip = part == 4 ? value : 1};
}

/* So many that some of them meet in the table, differing in one part alone. */
Test(counters, keep_exits_apart_by_every_part_of_their_key)
{
	const uint16_t n = 800;

	for (unsigned part = 0; part < 5; part++) {
		struct vcpu_counters *vcpu = &counters->vcpus[part];

		for (uint16_t turn = 0; turn < 2 * n; turn++) {
			const struct exit_key key = key_with(part, turn % n * 4);

			counters_count(vcpu, &key);
		}
		for (uint16_t i = 0; i < n; i++) {
			const struct exit_key key = key_with(part, i * 4);

			cr_assert_eq(count_of(vcpu, &key), 2u, "part %u, value %u", part, i);
		}
		cr_assert_eq(vcpu->n_exits, UINT64_C(2) * n);
	}
}

Test(counters, a_full_table_loses_no_count)
{
	struct vcpu_counters *vcpu = &counters->vcpus[COUNTERS_VCPUS_MAX - 1];
	uint64_t in_rows = 0;

	for (uint64_t rip = 0; rip < MANY; rip++)
		counters_count(vcpu, &(struct exit_key){.reason = EXIT_PIO_READ, .rip = rip});
	for (unsigned i = 0; i < COUNTERS_ROWS; i++)
		in_rows += vcpu->rows[i].count;
	cr_assert_geq(in_rows, MANY / 8);
	cr_assert_eq(in_rows + vcpu->n_lost, MANY);
	cr_assert_eq(vcpu->n_exits, MANY);
}

Test(counters, a_phase_ends_once)
{
	uint64_t first;

	counters_start(counters, 3000000007);
	cr_assert_eq(counters->phases[PHASE_START], 3000000007u);
	cr_assert_eq(counters->phases[PHASE_VM], 0u);
	counters_stamp(counters, PHASE_VM);
	first = counters->phases[PHASE_VM];
	cr_assert_gt(first, 0u);
	usleep(10);
	counters_stamp(counters, PHASE_VM);
	cr_assert_eq(counters->phases[PHASE_VM], first);
	counters_stamp(NULL, PHASE_VM);
}

Test(counters, a_parent_sees_what_its_child_counted)
{
	pid_t child = fork();

	if (child == 0) {
		counters_count(&counters->vcpus[3], &(struct exit_key){.reason = EXIT_SIGNAL});
		_exit(0);
	}
	cr_assert_eq(waitpid(child, NULL, 0), child);
	cr_assert_eq(counters->vcpus[3].n_exits, 1u);
}
