/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.S - Linux's 64-bit entry: long mode, the first GiB mapped one to one, rsi = zero page.
 * [linux boot.rst "64-bit Boot Protocol"]
 *
 * Ends in guest_start(zero page or NULL, start_info or NULL) on our stack.
 */
	.section .text.start, "ax"
	.code64
	.global guest_entry_64
guest_entry_64:
	lea	guest_stack_top(%rip), %rsp
	mov	%rsi, %rdi
	xor	%esi, %esi
	call	guest_start
1:	hlt
	jmp	1b

	.section .bss
	.balign 16
	.skip	16384
	.global guest_stack_top
guest_stack_top:

	.section .note.GNU-stack, "", @progbits
