/* SPDX-License-Identifier: Apache-2.0 */
/* interrupts.h - what interrupts.c and the assembler around it share. */
#ifndef MAYFLY_GUEST_INTERRUPTS_H
#define MAYFLY_GUEST_INTERRUPTS_H

/* Linux's numbers: kvm_pvm runs ring 3 on the host's own descriptors, and takes no others. */
#define SELECTOR_CODE      0x10
#define SELECTOR_DATA      0x18
#define SELECTOR_USER_DATA 0x2b
#define SELECTOR_USER_CODE 0x33
#define SELECTOR_TSS       0x40

#define INTERRUPT_STUB_LEN 16

#ifndef __ASSEMBLER__
extern char interrupt_stubs[], wait_for_interrupt_hlt[];
struct frame;
void interrupt_dispatch(struct frame *frame);
#endif

#endif
