/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guest.h - the small library under our own guests.
 *
 * One address space, mapped one to one. Ring 0 is integer-only and sparing with instructions,
 * because some hosts emulate it one by one; what takes time belongs in ring 3 (user.c). What is said
 * to be for both rings may be called there; the rest is for ring 0, or touches no privilege.
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

/* On the serial port, from both rings; %s %c %u %x %p and their l forms, with a width and 0. */
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
/* The next next_word() gives the same word again. */
void keep_word(void);
/* What follows `name=` in `word`; NULL if it is another's. */
const char *value_of(const char *word, const char *name);
/* Where `what` begins in `text`; NULL: nowhere. */
const char *find_text(const char *text, const char *what);
/* The number at `*at`, which moves behind it; ends the guest where there is none. */
uint64_t parse_number(const char **at);

/* Takes words of the form name=number for as long as they come; ends the guest at an unknown name. */
struct option {
	const char *name;
	uint64_t *value;
};
void take_options(const struct option *options, unsigned n);

/* cpu.h's larger half: paging.c, interrupts.c, lapic.c, smp.c, user.c */

/* Maps the GiB that holds `gpa` one to one, for registers above the first. */
void map_gib_of(uint64_t gpa);
/* Lets ring 3 use this memory, or these registers; all in one GiB. */
void map_for_user(uint64_t gpa, uint64_t len);

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

/* Runs `function` in ring 3 of this CPU, with interrupts on, until it returns. After lapic_init(). */
void user_run(void (*function)(uint64_t argument), uint64_t argument);
/* Calls `function` in ring 0, with interrupts off, from both rings. */
uint64_t in_ring_0(uint64_t (*function)(uint64_t argument), uint64_t argument);

/* wait.c: both rings, on CPUs with a LAPIC that is on */

/* Sleeps until `*word` is another than `seen`. Whoever changes it does so by change_word(). */
void wait_change(const volatile uint32_t *word, uint32_t seen);
/* Adds one to it, and wakes who waits. */
void change_word(volatile uint32_t *word);
/* Calls `function` on CPUs 0 (this one) to n-1, in ring 3, and returns when all have. */
void run_on_cpus(unsigned n, void (*function)(uint32_t cpu));

/* memory.c: both rings, one CPU */

/* Whole pages of zeros; ends the guest where there are none left. */
void *memory_take(uint64_t len);
/* All of it, at once. */
void memory_give_back(void);
/* Where it ends. */
uint64_t memory_end(void);

/* tables.c */

/* The ACPI table with this signature, checksum checked; NULL: none. */
const uint8_t *acpi_find(const char *signature);
/* The MP configuration table, checksums checked; NULL: none. */
const uint8_t *mp_find(void);

#endif
