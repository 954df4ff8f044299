/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - the small library under our own guests.
 *
 * One address space, mapped one to one. Ring 0 is integer-only and sparing with instructions,
 * because some hosts emulate it one by one; what takes time belongs in ring 3 (user.c).
 */
#ifndef MAYFLY_GUEST_H
#define MAYFLY_GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/lib/io.h"

#define GUEST_CPUS_MAX   32
#define GUEST_RANGES_MAX 16

/* boot.c: what the boot protocol handed over */

struct guest_range {
	uint64_t gpa, len;
	uint32_t type; /* as in e820: 1 is RAM */
};

struct guest_boot {
	bool by_pvh; /* else Linux's 64-bit entry */
	const char *cmdline;
	uint64_t rsdp; /* 0: none */
	uint64_t initrd, initrd_len;
	unsigned n_ranges;
	struct guest_range ranges[GUEST_RANGES_MAX];
};

extern struct guest_boot guest_boot;

/* The guest's own code; what it returns becomes the exit status. */
uint32_t guest_main(void);

/* print.c */

/* On the serial port; %s %c %u %x %p and their l forms, with a width and 0. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

_Noreturn void guest_exit(uint32_t status);

/* Prints and ends with status 120. */
_Noreturn void guest_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* text.c */

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);
bool same_text(const char *a, const char *b);

/* The next word of the command line, in a static buffer; NULL after the last. */
const char *next_word(void);
/* It as a number, decimal or with 0x; ends the guest where there is none. */
uint64_t next_number(void);

/* cpu.h's larger half: paging.c, interrupts.c, lapic.c, smp.c, user.c */

/* Maps the GiB that holds `gpa` one to one, for registers above the first. */
void map_gib_of(uint64_t gpa);
/* Lets ring 3 use what is marked GUEST_USER. */
void map_for_user(void);

/* What an interrupt or exception finds; the handler may change it. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void interrupt_handler(struct frame *frame);

/* Loads descriptors and an interrupt table; exceptions without a handler end the guest. */
void interrupts_init(void);
void interrupts_handle(uint8_t vector, interrupt_handler *handler);
/* The same tables on another CPU. */
void interrupts_load(unsigned cpu);

static inline void interrupts_on(void)
{
	__asm__ volatile("sti");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli");
}

/* Sleeps until an interrupt has been handled; they must be off before. */
void wait_for_interrupt(void);

/* The LAPIC in x2APIC mode: no memory-mapped registers. */
void lapic_init(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
void lapic_send(uint32_t apic_id, uint8_t vector);
void lapic_init_cpu(uint32_t apic_id);
void lapic_start_cpu(uint32_t apic_id, uint8_t page);
/* One interrupt after about `ns`, by TSC deadline or, without it, by the divided bus clock. */
void lapic_timer(uint8_t vector, uint64_t ns);

/* Sends line `gsi` to vector `vector` of this CPU. */
void ioapic_route(unsigned gsi, uint8_t vector, bool level);
void ioapic_mask(unsigned gsi, bool masked);

/* Ticks a second, from KVM's clock; 0 where the host gives none. */
uint64_t tsc_frequency(void);

/* Starts CPU `cpu` (its APIC id) in `entry`, on a stack of its own. False: it did not come up. */
bool smp_start(uint32_t cpu, void (*entry)(uint32_t cpu));
/* How many CPUs the MADT or, without ACPI, the MP table names. */
unsigned smp_count(void);

#define GUEST_USER      __attribute__((section(".user.text")))
#define GUEST_USER_DATA __attribute__((section(".user.data")))

/* Runs `function`, marked GUEST_USER, in ring 3, where it may use user_print() and user_exit(). */
void user_run(void (*function)(void));
void user_print(const char *text);
_Noreturn void user_exit(void);

/* tables.c */

/* The ACPI table with this signature, checksum checked; NULL: none. */
const uint8_t *acpi_find(const char *signature);
/* The MP configuration table, checksums checked; NULL: none. */
const uint8_t *mp_find(void);

#endif
