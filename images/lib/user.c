/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.c - ring 3, where code runs at full speed on every host, and its way to ring 0 and back.
 *
 * The call comes as the undefined instruction: an exception is the one way from ring 3 that every
 * substrate takes. (On kvm_pvm, SYSCALL arrives in ring 3 again, and INT n is undefined itself.)
 * Ring 3 may use all memory and may call anything: the rings of these guests are about speed.
 */
#include "images/lib/interrupts.h"

#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define CALL_VECTOR 6 /* #UD */
#define CALL_LEN    2 /* of UD2 */
#define RING_MASK   3

/* user_entry.S. user_enter() keeps its stack in `kept`, and returns when user_leave() gets that. */
extern void user_enter(void (*function)(uint64_t), uint64_t argument, void *stack, uint64_t *kept);
extern _Noreturn void user_leave(uint64_t kept);
extern uint64_t user_call(uint64_t (*function)(uint64_t), uint64_t argument);

static uint8_t stacks[GUEST_CPUS_MAX][8192] __attribute__((aligned(16)));
static uint64_t kept_stacks[GUEST_CPUS_MAX];

static void handle_call(struct frame *frame)
{
	uint64_t (*function)(uint64_t) = (uint64_t(*)(uint64_t))frame->rdi;

	if (frame->rip != (uintptr_t)user_call)
		guest_fail("undefined instruction at %lx\n", frame->rip);
	frame->rip += CALL_LEN;
	frame->rax = function(frame->rsi);
}

uint64_t in_ring_0(uint64_t (*function)(uint64_t), uint64_t argument)
{
	return (read_cs() & RING_MASK) == 0 ? function(argument) : user_call(function, argument);
}

static _Noreturn uint64_t leave(uint64_t unused)
{
	(void)unused;
	user_leave(kept_stacks[lapic_id()]);
}

/* What the function given to user_run() returns to. */
static void done(void)
{
	user_call(leave, 0);
}

void user_run(void (*function)(uint64_t), uint64_t argument)
{
	unsigned cpu = lapic_id();
	uintptr_t *top = (uintptr_t *)(stacks[cpu] + sizeof(stacks[cpu])) - 1;

	map_for_user(0, memory_end());
	interrupts_handle(CALL_VECTOR, handle_call);
	*top = (uintptr_t)done;
	user_enter(function, argument, top, &kept_stacks[cpu]);
}
