/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act.c - does what its command line says, act by act, and ends with status 0: the guest that tests
 * are written with. `mayfly run act -- say hello out8 0x80 1000 exit 3`
 */
#include "images/act/act.h"

#include "images/lib/guest.h"

static const struct {
	const char *name;
	void (*act)(void);
} acts[] = {
	{"out8", act_out8},             /* PORT COUNT */
	{"out16", act_out16},           /* PORT COUNT */
	{"out32", act_out32},           /* PORT COUNT */
	{"in8", act_in8},               /* PORT COUNT */
	{"mmio-read", act_mmio_read},   /* ADDRESS COUNT */
	{"mmio-write", act_mmio_write}, /* ADDRESS COUNT */
	{"booted", act_booted},         /* writes to the boot timer */
	{"exit", act_exit},             /* STATUS, by a 32-bit write */
	{"exit8", act_exit8},           /* STATUS, by an 8-bit write */
	{"spin", act_spin},
	{"halt", act_halt},   /* with interrupts off */
	{"sleep", act_sleep}, /* with interrupts on */
	{"triple", act_triple},
	{"jump", act_jump},         /* ADDRESS */
	{"overflow", act_overflow}, /* the stack */
	{"sse", act_sse},           /* in ring 0 */
	{"panic", act_panic},       /* by pvpanic */
	{"power-off", act_power_off},
	{"reset-acpi", act_reset_acpi},
	{"reset-i8042", act_reset_i8042},
	{"say", act_say},               /* WORD */
	{"flood", act_flood},           /* KIB of output */
	{"echo", act_echo},             /* by polling, up to a q */
	{"echo-irq", act_echo_irq},     /* by interrupts, up to a q */
	{"serial-irq", act_serial_irq}, /* edge|level COUNT */
	{"loopback", act_loopback},
	{"timer", act_timer}, /* COUNT */
	{"masked-edge", act_masked_edge},
	{"keyboard", act_keyboard},   /* drives it, and resets at Ctrl-Alt-Del */
	{"deaf", act_deaf},           /* drives it, and does nothing */
	{"user", act_user},           /* ring 3 */
	{"all-sleep", act_all_sleep}, /* every CPU, interrupts off */
};

uint32_t guest_main(void)
{
	const char *word;

	interrupts_init();
	while ((word = next_word()) != NULL) {
		unsigned i = 0;

		while (i < sizeof(acts) / sizeof(acts[0]) && !same_text(word, acts[i].name))
			i++;
		if (i == sizeof(acts) / sizeof(acts[0]))
			guest_fail("no such act: %s\n", word);
		acts[i].act();
	}
	return 0;
}
