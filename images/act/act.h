/* SPDX-License-Identifier: Apache-2.0 */
/* act.h - the acts, each in the file of its kind. What an act needs it takes with next_word(). */
#ifndef MAYFLY_ACT_H
#define MAYFLY_ACT_H

/* ports.c: accesses, counted out */
void act_out8(void);
void act_out16(void);
void act_out32(void);
void act_in8(void);
void act_mmio_read(void);
void act_mmio_write(void);
void act_booted(void);

/* endings.c: every way a life can end */
void act_exit(void);
void act_exit8(void);
void act_spin(void);
void act_halt(void);
void act_sleep(void);
void act_triple(void);
void act_jump(void);
void act_overflow(void);
void act_sse(void);
void act_panic(void);
void act_power_off(void);
void act_reset_acpi(void);
void act_reset_i8042(void);

/* serial.c: the serial port, both directions */
void act_say(void);
void act_flood(void);
void act_echo(void);
void act_echo_irq(void);
void act_serial_irq(void);
void act_loopback(void);

/* interrupts.c */
void act_timer(void);
void act_masked_edge(void);
void act_keyboard(void);
void act_deaf(void);
void act_user(void);
void act_all_sleep(void);

#endif
