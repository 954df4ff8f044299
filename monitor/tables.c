/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/tables.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/names.h"

#define ROWS_MAX  1024      /* that are told: each costs a KiB as JSON */
#define COUNT_MAX INT64_MAX /* what JSON can say */

/* The rows of all vCPUs, merged by key, and the sums beside them. */
struct exits {
	struct exit_row *rows; /* malloc()ed; NULL where the host has no memory */
	size_t n_rows;
	uint64_t n_exits;
	uint64_t n_lost; /* exits of which no row tells */
	struct kvm_counts kvm;
};

static int by_key(const void *a, const void *b)
{
	return memcmp(&((const struct exit_row *)a)->key, &((const struct exit_row *)b)->key,
		      sizeof(struct exit_key));
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = ((const struct exit_row *)a)->count, y = ((const struct exit_row *)b)->count;

	if (x != y)
		return x < y ? 1 : -1;
	return by_key(a, b);
}

/* A sum of claims: it does not come round to a small number again. */
static void add(uint64_t *sum, uint64_t count)
{
	*sum = count > COUNT_MAX - *sum ? COUNT_MAX : *sum + count;
}

static void add_vcpu(struct exits *exits, const struct vcpu_counters *vcpu)
{
	add(&exits->n_exits, vcpu->n_exits);
	add(&exits->n_lost, vcpu->n_lost);
	add(&exits->kvm.exits, vcpu->kvm.exits);
	add(&exits->kvm.io_exits, vcpu->kvm.io_exits);
	add(&exits->kvm.mmio_exits, vcpu->kvm.mmio_exits);
	add(&exits->kvm.halt_exits, vcpu->kvm.halt_exits);
	add(&exits->kvm.irq_exits, vcpu->kvm.irq_exits);
	for (size_t i = 0; i < COUNTERS_ROWS; i++) {
		struct exit_row *row = &exits->rows[exits->n_rows];

		*row = (struct exit_row){.key = vcpu->rows[i].key};
		add(&row->count, vcpu->rows[i].count);
		exits->n_rows += row->count > 0;
	}
}

/* Adds up rows of the same key; the rows are sorted by it. */
static void merge(struct exits *exits)
{
	size_t n = 0;

	for (size_t i = 0; i < exits->n_rows; i++) {
		if (n > 0 && by_key(&exits->rows[n - 1], &exits->rows[i]) == 0)
			add(&exits->rows[n - 1].count, exits->rows[i].count);
		else
			exits->rows[n++] = exits->rows[i];
	}
	exits->n_rows = n;
}

/* Only a guest that exits from everywhere has as many; the rows are sorted, the most exits first. */
static void cut(struct exits *exits)
{
	for (; exits->n_rows > ROWS_MAX; exits->n_rows--)
		add(&exits->n_lost, exits->rows[exits->n_rows - 1].count);
}

static struct exits collect(const struct counters *counters, unsigned n_vcpus)
{
	struct exits exits = {
		.rows = calloc(n_vcpus * (size_t)COUNTERS_ROWS, sizeof(struct exit_row))};

	for (unsigned i = 0; i < n_vcpus && exits.rows != NULL; i++)
		add_vcpu(&exits, &counters->vcpus[i]);
	if (exits.rows == NULL)
		return exits;
	qsort(exits.rows, exits.n_rows, sizeof(exits.rows[0]), by_key);
	merge(&exits);
	qsort(exits.rows, exits.n_rows, sizeof(exits.rows[0]), by_count);
	cut(&exits);
	return exits;
}

/* "lsr", "0x3fd", or the address of an access that nobody claimed. */
static void describe_register(const struct exit_key *key, char *text, size_t size)
{
	const char *name = register_name(key->device, key->reg);

	if (name != NULL)
		snprintf(text, size, "%s", name);
	else if (key->address != 0)
		snprintf(text, size, "0x%" PRIx64, key->address);
	else
		snprintf(text, size, "0x%x", key->reg);
}

void tables_print_exits(FILE *to, const struct counters *counters, unsigned n_vcpus)
{
	struct exits exits = collect(counters, n_vcpus);
	char reg[32];

	fprintf(to, "%10s  %-14s %-11s %-12s %s\n", "exits", "reason", "device", "register", "rip");
	for (size_t i = 0; i < exits.n_rows; i++) {
		const struct exit_row *row = &exits.rows[i];

		describe_register(&row->key, reg, sizeof(reg));
		fprintf(to, "%10" PRIu64 "  %-14s %-11s %-12s 0x%" PRIx64 "\n", row->count,
			exit_reason_name(row->key.reason), device_name(row->key.device), reg,
			row->key.rip);
	}
	if (exits.n_lost > 0)
		fprintf(to, "%10" PRIu64 "  in rows for which there was no room\n", exits.n_lost);
	fprintf(to, "%10" PRIu64 "  to user space; of all %" PRIu64 " that KVM counted\n",
		exits.n_exits, exits.kvm.exits);
	free(exits.rows);
}

static json_t *row_to_json(const struct exit_row *row)
{
	char reg[32], rip[32];

	describe_register(&row->key, reg, sizeof(reg));
	snprintf(rip, sizeof(rip), "0x%" PRIx64, row->key.rip);
	return json_pack("{s:I, s:s, s:s, s:s, s:s}", "count", (json_int_t)row->count, "reason",
			 exit_reason_name(row->key.reason), "device", device_name(row->key.device),
			 "register", reg, "rip", rip);
}

json_t *tables_exits_to_json(const struct counters *counters, unsigned n_vcpus)
{
	struct exits exits = collect(counters, n_vcpus);
	json_t *rows = json_array();

	for (size_t i = 0; i < exits.n_rows; i++)
		json_array_append_new(rows, row_to_json(&exits.rows[i]));
	free(exits.rows);
	return json_pack("{s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I}, s:o}", "user_space",
			 (json_int_t)exits.n_exits, "lost", (json_int_t)exits.n_lost, "kvm",
			 "exits", (json_int_t)exits.kvm.exits, "io_exits",
			 (json_int_t)exits.kvm.io_exits, "mmio_exits",
			 (json_int_t)exits.kvm.mmio_exits, "halt_exits",
			 (json_int_t)exits.kvm.halt_exits, "irq_exits",
			 (json_int_t)exits.kvm.irq_exits, "rows", rows);
}

/* Nanoseconds from the start to the phase's end; false where it was not reached. */
static bool since_start(const struct counters *counters, unsigned phase, uint64_t *ret_ns)
{
	uint64_t start = atomic_load(&counters->phases[PHASE_START]);
	uint64_t end = atomic_load(&counters->phases[phase]);

	*ret_ns = end - start;
	return end >= start && end != 0;
}

void tables_print_timeline(FILE *to, const struct counters *counters)
{
	uint64_t ns, before = 0;

	fprintf(to, "%10s %10s  phase\n", "at us", "took us");
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++) {
		if (!since_start(counters, phase, &ns))
			continue;
		fprintf(to, "%10.1f %10.1f  %s\n", (double)ns / 1000,
			((double)ns - (double)before) / 1000, phase_name(phase));
		before = ns;
	}
}

json_t *tables_timeline_to_json(const struct counters *counters)
{
	json_t *phases = json_array();
	uint64_t ns;

	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		if (since_start(counters, phase, &ns))
			json_array_append_new(phases,
					      json_pack("{s:s, s:f}", "phase", phase_name(phase),
							"at_us", (double)ns / 1000));
	return phases;
}
