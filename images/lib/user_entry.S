/* SPDX-License-Identifier: Apache-2.0 */
/* user_entry.S - to ring 3 by IRETQ, and back to the caller from the handler of its last call. */
#include <asm/processor-flags.h>

#include "images/lib/interrupts.h"

#define RFLAGS_USER (X86_EFLAGS_IF | X86_EFLAGS_FIXED)

	.text
	.global user_enter, user_leave

user_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, kernel_stack(%rip)
	pushq	$SELECTOR_USER_DATA
	push	%rsi
	pushq	$RFLAGS_USER
	pushq	$SELECTOR_USER_CODE
	push	%rdi
	iretq

user_leave:
	mov	kernel_stack(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.bss
	.balign 8
kernel_stack:
	.quad	0

	.section .note.GNU-stack, "", @progbits
