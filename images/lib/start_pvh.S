/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start_pvh.S - Xen's PVH entry: 32-bit protected mode without paging, ebx = start_info.
 * [pvh.pandoc]
 *
 * Goes to long mode on descriptors and page tables of its own, and then as start.S does.
 */
#include <asm/processor-flags.h>

#include "boot-proto/pvh_abi.h"

#define CR0_PROTECTED_PAGED (X86_CR0_PE | X86_CR0_ET | X86_CR0_PG)
#define MSR_EFER            0xc0000080
#define EFER_LONG_MODE      0x100
#define SELECTOR_CODE       0x10
#define SELECTOR_DATA       0x18

	.section .text.start, "ax"
	.code32
	.global guest_entry_pvh
guest_entry_pvh:
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$X86_CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$MSR_EFER, %ecx
	mov	$EFER_LONG_MODE, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_PROTECTED_PAGED, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$SELECTOR_CODE, $long_mode

	.code64
long_mode:
	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	lea	guest_stack_top(%rip), %rsp
	xor	%edi, %edi
	mov	%ebx, %esi
	call	guest_start
1:	hlt
	jmp	1b

	.section .rodata
	.balign 8
gdt:
	.quad	0
	.quad	0
	.quad	0x00af9b000000ffff	/* code, 64 bits */
	.quad	0x00cf93000000ffff	/* data */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt

	/* Ready made: building them would cost emulated instructions on some hosts. */
	.section .data
	.balign 4096
pml4:
	.quad	pdpt + 3
	.fill	511, 8, 0
pdpt:
	.quad	directory + 3
	.fill	511, 8, 0
directory:
	.set	page, 0x83
	.rept	512
	.quad	page
	.set	page, page + 0x200000
	.endr

	.section .note.pvh, "a", @note
	.balign 4
	.long	4, 8, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.quad	guest_entry_pvh

	.section .note.GNU-stack, "", @progbits
