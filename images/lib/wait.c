/* SPDX-License-Identifier: Apache-2.0 */
/* wait.c - CPUs that sleep until a word in memory changes, and CPUs that work side by side. */
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define WAKE_VECTOR 0x90

static volatile uint32_t sleeping; /* bits: CPUs in sleep_until_changed() */

struct wait {
	const volatile uint32_t *word;
	uint32_t seen;
};

/* A waker looks at `sleeping` after the word has changed: it sees us there, or we see the change. */
static uint64_t sleep_until_changed(uint64_t argument)
{
	const struct wait *wait = (const struct wait *)argument;
	uint32_t self = UINT32_C(1) << lapic_id();

	__atomic_or_fetch(&sleeping, self, __ATOMIC_SEQ_CST);
	while (*wait->word == wait->seen)
		wait_for_interrupt();
	__atomic_and_fetch(&sleeping, ~self, __ATOMIC_SEQ_CST);
	return 0;
}

void wait_change(const volatile uint32_t *word, uint32_t seen)
{
	struct wait wait = {word, seen};

	if (*word == seen)
		in_ring_0(sleep_until_changed, (uintptr_t)&wait);
}

static void be_woken(struct frame *frame)
{
	(void)frame;
	lapic_eoi();
}

static uint64_t change(uint64_t word)
{
	uint32_t others;

	interrupts_handle(WAKE_VECTOR, be_woken);
	__atomic_add_fetch((volatile uint32_t *)word, 1, __ATOMIC_SEQ_CST);
	others = sleeping;
	if (others != 0)
		others &= ~(UINT32_C(1) << lapic_id());
	for (uint32_t cpu = 0; others != 0; cpu++, others >>= 1)
		if ((others & 1) != 0)
			lapic_send(cpu, WAKE_VECTOR);
	return 0;
}

void change_word(volatile uint32_t *word)
{
	in_ring_0(change, (uintptr_t)word);
}

static void (*task)(uint32_t cpu);
static volatile uint32_t n_tasks[GUEST_CPUS_MAX], n_ended;

/* A CPU of ours from its start on, in ring 3. */
static void take_tasks(uint64_t cpu)
{
	for (uint32_t seen = 0;; seen++) {
		wait_change(&n_tasks[cpu], seen);
		task((uint32_t)cpu);
		change_word(&n_ended);
	}
}

static void join(uint32_t cpu)
{
	user_run(take_tasks, cpu);
}

static uint64_t start_cpus(uint64_t n)
{
	static uint32_t n_started = 1;

	if (n > smp_count())
		guest_fail("%lu cpus wanted, %u there\n", n, smp_count());
	for (; n_started < n; n_started++)
		if (!smp_start(n_started, join))
			guest_fail("cpu %u did not start\n", n_started);
	return 0;
}

void run_on_cpus(unsigned n, void (*function)(uint32_t cpu))
{
	uint32_t seen;

	if (n > 1)
		in_ring_0(start_cpus, n);
	task = function;
	n_ended = 0;
	for (unsigned cpu = 1; cpu < n; cpu++)
		change_word(&n_tasks[cpu]);
	function(0);
	while ((seen = n_ended) < n - 1)
		wait_change(&n_ended, seen);
}
