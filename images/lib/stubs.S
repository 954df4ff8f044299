/* SPDX-License-Identifier: Apache-2.0 */
/* stubs.S - one stub a vector, INTERRUPT_STUB_LEN bytes apart; all end in interrupt_dispatch(). */
#include "images/lib/interrupts.h"

/* Bit v set: the CPU pushes an error code for exception v. [Intel SDM 3A table 6-1] */
#define WITH_ERROR_CODE 0x60227d00

	.text
	.balign INTERRUPT_STUB_LEN
	.global interrupt_stubs
interrupt_stubs:
	.set	vector, 0
	.rept	256
	.balign INTERRUPT_STUB_LEN
	.if	vector > 31
	push	$0
	.elseif	!(WITH_ERROR_CODE >> vector & 1)
	push	$0
	.endif
	pushq	$vector
	jmp	common
	.set	vector, vector + 1
	.endr

common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	interrupt_dispatch
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/*
 * Between STI and HLT no interrupt comes [Intel SDM 2B "STI"], except where QEMU emulates SVM: its
 * VMRUN does not restore the shadow of STI that an exit between the two has saved. After such an
 * interrupt the HLT would sleep for ever, so interrupt_dispatch() steps over it.
 */
	.global wait_for_interrupt, wait_for_interrupt_hlt
wait_for_interrupt:
	sti
wait_for_interrupt_hlt:
	hlt
	cli
	ret

	.section .note.GNU-stack, "", @progbits
