/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/crash_report.h"

#include <asm/processor-flags.h>
#include <inttypes.h>
#include <string.h>

#define N_REGISTERS 28

struct named_register {
	const char *name;
	uint64_t value;
};

/* All there are, in the order in which they are told. */
static void list_registers(const struct crash *crash, struct named_register all[N_REGISTERS])
{
	const struct kvm_regs *r = &crash->regs;
	const struct kvm_sregs *s = &crash->sregs;
	const struct named_register list[N_REGISTERS] = {
		{"rip", r->rip},        {"rsp", r->rsp},        {"rbp", r->rbp},
		{"rflags", r->rflags},  {"rax", r->rax},        {"rbx", r->rbx},
		{"rcx", r->rcx},        {"rdx", r->rdx},        {"rsi", r->rsi},
		{"rdi", r->rdi},        {"r8", r->r8},          {"r9", r->r9},
		{"r10", r->r10},        {"r11", r->r11},        {"r12", r->r12},
		{"r13", r->r13},        {"r14", r->r14},        {"r15", r->r15},
		{"cr0", s->cr0},        {"cr2", s->cr2},        {"cr3", s->cr3},
		{"cr4", s->cr4},        {"efer", s->efer},      {"gdt", s->gdt.base},
		{"idt", s->idt.base},   {"cs", s->cs.selector}, {"ss", s->ss.selector},
		{"tr", s->tr.selector},
	};

	memcpy(all, list, sizeof(list));
}

static const char *mode_name(const struct kvm_sregs *s)
{
	if (s->cs.l != 0)
		return "64 bits";
	if ((s->cr0 & X86_CR0_PE) == 0)
		return "real";
	return s->cs.db != 0 ? "32 bits" : "16 bits";
}

static void print_registers(FILE *to, const struct crash *crash)
{
	struct named_register all[N_REGISTERS];

	list_registers(crash, all);
	for (size_t i = 0; i < N_REGISTERS; i++)
		fprintf(to, "%s%6s %016" PRIx64 "%s", i % 4 == 0 ? "  " : " ", all[i].name,
			all[i].value, i % 4 == 3 ? "\n" : "");
	fprintf(to, "  mode: %s\n", mode_name(&crash->sregs));
}

/* The bytes at rip as "0f 0b"; "" for none. */
static void format_bytes(const struct crash *crash, char text[3 * CRASH_BYTES + 1])
{
	uint32_t n = crash->n_bytes < CRASH_BYTES ? crash->n_bytes : CRASH_BYTES;

	text[0] = '\0';
	for (uint32_t i = 0; i < n; i++)
		sprintf(text + strlen(text), "%s%02x", i > 0 ? " " : "", crash->bytes[i]);
}

static void print_bytes(FILE *to, const struct crash *crash)
{
	char text[3 * CRASH_BYTES + 1];

	format_bytes(crash, text);
	fprintf(to, "  code: %s\n", text[0] != '\0' ? text : "not readable");
}

static void print_walk(FILE *to, const char *name, const struct crash_walk *walk)
{
	uint32_t n = walk->n_levels < CRASH_LEVELS_MAX ? walk->n_levels : CRASH_LEVELS_MAX;

	fprintf(to, "  %s: gva 0x%" PRIx64 "\n", name, walk->gva);
	for (uint32_t i = 0; i < n; i++)
		fprintf(to, "    level %u: entry 0x%016" PRIx64 " at gpa 0x%" PRIx64 "%s\n",
			walk->depth - i, walk->levels[i].entry, walk->levels[i].entry_gpa,
			(walk->levels[i].entry & 1) == 0 ? " (not present)" : "");
	if (!walk->mapped)
		fprintf(to, "    no page\n");
	else if (!walk->has_hva)
		fprintf(to, "    gpa 0x%" PRIx64 ": no memory behind it\n", walk->gpa);
	else
		fprintf(to, "    gpa 0x%" PRIx64 " -> hva 0x%" PRIx64 "\n", walk->gpa, walk->hva);
}

static const char *suberror_name(uint32_t suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return " (an instruction it cannot emulate)";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return " (exceptions that do not come together)";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return " (an exit while it delivered an event)";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return " (an exit it does not know)";
	default:
		return "";
	}
}

static void print_suberror(FILE *to, const struct crash *crash)
{
	uint32_t n = crash->n_kvm_data < CRASH_KVM_DATA ? crash->n_kvm_data : CRASH_KVM_DATA;

	fprintf(to, "  KVM: suberror %u%s; data", crash->kvm_suberror,
		suberror_name(crash->kvm_suberror));
	for (uint32_t i = 0; i < n; i++)
		fprintf(to, " %" PRIx64, crash->kvm_data[i]);
	fputc('\n', to);
}

/* Of exits that say something more. */
static const char *exit_name(uint32_t reason)
{
	switch (reason) {
	case KVM_EXIT_FAIL_ENTRY:
		return "the CPU refused to enter the guest";
	case KVM_EXIT_UNKNOWN:
		return "the CPU left the guest for a reason that KVM does not know";
	case KVM_EXIT_SYSTEM_EVENT:
		return "a system event";
	default:
		return NULL;
	}
}

/* Why KVM cannot go on: an error of its own, or an exit that no guest should have here. */
static void print_exit(FILE *to, const struct crash *crash)
{
	const char *name = exit_name(crash->exit_reason);

	if (crash->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		print_suberror(to, crash);
	else if (name != NULL)
		fprintf(to, "  KVM: exit %u (%s): 0x%" PRIx64 "\n", crash->exit_reason, name,
			crash->exit_detail);
	else
		fprintf(to, "  KVM: exit %u\n", crash->exit_reason);
}

static bool cannot_emulate(const struct crash *crash)
{
	return crash->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	       crash->kvm_suberror == KVM_INTERNAL_ERROR_EMULATION;
}

static const char *hint_of(const struct crash *crash, enum end_reason reason)
{
	if (reason == END_KVM_ERROR && cannot_emulate(crash))
		return "KVM emulates this guest's code: on kvm_pvm all of ring 0, elsewhere "
		       "accesses to addresses without memory. It knows integer instructions; "
		       "SSE and x87 in ring 0 need VT-x or AMD-V";
	if (!crash->has_registers || reason != END_TRIPLE_FAULT)
		return NULL;
	if (crash->sregs.idt.limit == 0 || !crash->rip.mapped)
		return !crash->rip.mapped ? "there is no page at rip: a jump to nowhere, or page "
					    "tables that were switched away from under the code"
					  : "an exception came, and there is no table to handle it";
	if (!crash->cr2.mapped && crash->sregs.cr2 != 0)
		return "the last page fault was at cr2, where no page is, and its handler failed "
		       "too: a stack that overflowed looks like this";
	return "an exception came whose handler failed, and the handler of that too";
}

void crash_print(FILE *to, const struct crash *crash, enum end_reason reason)
{
	const char *hint = hint_of(crash, reason);

	if (reason == END_KVM_ERROR)
		print_exit(to, crash);
	if (crash->was_reset) {
		fprintf(to, "  KVM has reset the vCPU before it told of the fault (as it does on "
			    "AMD-V): the guest's registers are lost\n");
		return;
	}
	if (crash->has_registers) {
		print_registers(to, crash);
		print_bytes(to, crash);
		print_walk(to, "rip", &crash->rip);
		print_walk(to, "cr2", &crash->cr2);
	}
	if (hint != NULL)
		fprintf(to, "  hint: %s\n", hint);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *walk_to_json(const struct crash_walk *walk)
{
	uint32_t n = walk->n_levels < CRASH_LEVELS_MAX ? walk->n_levels : CRASH_LEVELS_MAX;
	json_t *levels = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(levels, json_pack("{s:o, s:o}", "entry_gpa",
							hex(walk->levels[i].entry_gpa), "entry",
							hex(walk->levels[i].entry)));
	return json_pack("{s:o, s:o, s:o, s:o}", "gva", hex(walk->gva), "levels", levels, "gpa",
			 walk->mapped ? hex(walk->gpa) : json_null(), "hva",
			 walk->mapped && walk->has_hva ? hex(walk->hva) : json_null());
}

static json_t *registers_to_json(const struct crash *crash)
{
	struct named_register all[N_REGISTERS];
	json_t *json = json_object();

	list_registers(crash, all);
	for (size_t i = 0; i < N_REGISTERS; i++)
		json_object_set_new(json, all[i].name, hex(all[i].value));
	json_object_set_new(json, "mode", json_string(mode_name(&crash->sregs)));
	return json;
}

static json_t *exit_to_json(const struct crash *crash)
{
	uint32_t n = crash->n_kvm_data < CRASH_KVM_DATA ? crash->n_kvm_data : CRASH_KVM_DATA;
	json_t *data = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(data, hex(crash->kvm_data[i]));
	return json_pack("{s:I, s:I, s:o, s:o}", "exit", (json_int_t)crash->exit_reason, "suberror",
			 (json_int_t)crash->kvm_suberror, "detail", hex(crash->exit_detail), "data",
			 data);
}

json_t *crash_to_json(const struct crash *crash, enum end_reason reason)
{
	const char *hint = hint_of(crash, reason);
	char code[3 * CRASH_BYTES + 1];
	json_t *json = json_object();

	if (reason == END_KVM_ERROR)
		json_object_set_new(json, "kvm", exit_to_json(crash));
	if (!crash->was_reset && crash->has_registers) {
		format_bytes(crash, code);
		json_object_set_new(json, "registers", registers_to_json(crash));
		json_object_set_new(json, "code", json_string(code));
		json_object_set_new(json, "rip", walk_to_json(&crash->rip));
		json_object_set_new(json, "cr2", walk_to_json(&crash->cr2));
	}
	if (!crash->was_reset && hint != NULL)
		json_object_set_new(json, "hint", json_string(hint));
	return json;
}
