/* SPDX-License-Identifier: Apache-2.0 */
/* builtin.S - the guest that boots when no image is named: images/hello, as part of the binary. */
	.section .rodata
	.global builtin_guest, builtin_guest_end
	.balign 16
builtin_guest:
	.incbin BUILTIN_GUEST
builtin_guest_end:
	.section .note.GNU-stack, "", @progbits
