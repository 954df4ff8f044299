/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.c - ring 3, and its two system calls: print a text, and be done.
 *
 * They come as the undefined instruction: an exception is the one way from ring 3 that every
 * substrate takes. (On kvm_pvm, SYSCALL arrives in ring 3 again, and INT n is undefined itself.)
 * Everything that runs there is marked GUEST_USER: ring 3 sees no other page.
 */
#include "images/lib/interrupts.h"

#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define CALL_VECTOR 6 /* #UD */
#define CALL_LEN    2 /* of UD2 */
#define RING_MASK   3

enum { CALL_PRINT, CALL_EXIT };

/* user_entry.S: returns when user_leave() is called. */
extern void user_enter(void (*function)(void), void *stack);
extern void user_leave(void);

static GUEST_USER_DATA uint8_t stack[8192] __attribute__((aligned(16)));

static void handle_call(struct frame *frame)
{
	if ((frame->cs & RING_MASK) == 0)
		guest_fail("undefined instruction at %lx\n", frame->rip);
	if (frame->rdi == CALL_EXIT)
		user_leave();
	print("%s", (const char *)frame->rsi);
	frame->rip += CALL_LEN;
}

void user_run(void (*function)(void))
{
	map_for_user();
	interrupts_handle(CALL_VECTOR, handle_call);
	user_enter(function, stack + sizeof(stack) - 8);
}

GUEST_USER static void system_call(uint64_t call, const char *text)
{
	__asm__ volatile("ud2" : : "D"(call), "S"(text) : "memory");
}

GUEST_USER void user_print(const char *text)
{
	system_call(CALL_PRINT, text);
}

GUEST_USER _Noreturn void user_exit(void)
{
	system_call(CALL_EXIT, "");
	__builtin_unreachable();
}
