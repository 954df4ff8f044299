/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp_trampoline.S - real mode to long mode, copied to 0x2000. Addresses are relative to its start,
 * because it runs at another place than it is linked for.
 */
#include <asm/processor-flags.h>

#define BASE                0x2000
#define CR0_PROTECTED_PAGED (X86_CR0_PE | X86_CR0_ET | X86_CR0_PG)
#define MSR_EFER            0xc0000080
#define EFER_LONG_MODE      0x100

	.section .rodata
	.balign 8
	.global smp_trampoline, smp_trampoline_end
smp_trampoline:
	.code16
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	pointer - smp_trampoline
	mov	$X86_CR4_PAE, %eax
	mov	%eax, %cr4
	mov	cr3 - smp_trampoline, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	mov	$EFER_LONG_MODE, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_PROTECTED_PAGED, %eax
	mov	%eax, %cr0
	ljmpl	$0x10, $(long_mode - smp_trampoline + BASE)

	.code64
long_mode:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	stack(%rip), %rsp
	mov	cpu(%rip), %rdi
	mov	entry(%rip), %rax
	push	$0
	jmp	*%rax

	.balign 8
gdt:
	.quad	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
pointer:
	.word	pointer - gdt - 1
	.long	gdt - smp_trampoline + BASE
	.balign 8
cr3:
	.quad	0
stack:
	.quad	0
entry:
	.quad	0
cpu:
	.quad	0
smp_trampoline_end:

	.section .note.GNU-stack, "", @progbits
