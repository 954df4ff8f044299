/* SPDX-License-Identifier: Apache-2.0 */
/* user_entry.S - to ring 3 by IRETQ, and back to the caller from the handler of its last call. */
#include <asm/processor-flags.h>

#include "images/lib/interrupts.h"

#define RFLAGS_USER (X86_EFLAGS_IF | X86_EFLAGS_FIXED)

	.text
	.global user_enter, user_leave, user_call

/* rdi: function, rsi: its argument, rdx: its stack, rcx: where to keep ours */
user_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rcx)
	pushq	$SELECTOR_USER_DATA
	push	%rdx
	pushq	$RFLAGS_USER
	pushq	$SELECTOR_USER_CODE
	push	%rdi
	mov	%rsi, %rdi
	iretq

/* rdi: what user_enter() kept */
user_leave:
	mov	%rdi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* rdi: function for ring 0, rsi: its argument; its result comes in rax. The handler steps over UD2. */
user_call:
	ud2
	ret

	.section .note.GNU-stack, "", @progbits
