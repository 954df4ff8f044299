/* SPDX-License-Identifier: Apache-2.0 */
/* Page walks as in [Intel SDM 3A chapter 4]; every table is read as the guest left it. */
#include <asm/processor-flags.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/le.h"
#include "monitor/crash.h"

#define CR3_PAE     UINT64_C(0xffffffe0)
#define EFER_LMA    (UINT64_C(1) << 10)
#define PTE_PRESENT UINT64_C(0x01)
#define PTE_LARGE   UINT64_C(0x80)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)
#define RESET_RIP   0xfff0
#define RESET_CS    0xf000

/* The shape of a paging mode's tables. */
struct paging {
	unsigned n_levels;
	unsigned index_bits; /* of the address, for each level */
	unsigned entry_len;  /* bytes */
	unsigned top_bits;   /* index bits of the first level */
	unsigned large_max;  /* tables that may be left out below an entry that says so */
};

static struct paging paging_of(const struct kvm_sregs *sregs)
{
	if ((sregs->cr0 & X86_CR0_PG) == 0)
		return (struct paging){0};
	if ((sregs->efer & EFER_LMA) != 0)
		return (struct paging){(sregs->cr4 & X86_CR4_LA57) != 0 ? 5 : 4, 9, 8, 9, 2};
	if ((sregs->cr4 & X86_CR4_PAE) != 0)
		return (struct paging){3, 9, 8, 2, 1};
	return (struct paging){2, 10, 4, 10, 1};
}

static bool read_entry(const struct mem *mem, uint64_t gpa, unsigned len, uint64_t *ret_entry)
{
	const void *hva = mem_get(mem, gpa, len);

	if (hva == NULL)
		return false;
	*ret_entry = len == 8 ? le64_get(hva) : le32_get(hva);
	return true;
}

static void to_host(const struct mem *mem, struct crash_walk *walk)
{
	const void *hva = mem_get(mem, walk->gpa, 1);

	walk->mapped = true;
	walk->has_hva = hva != NULL;
	walk->hva = (uintptr_t)hva;
}

/* Follows one table. Returns false where the walk ends, at a page or at nothing. */
static bool step(const struct mem *mem, struct paging paging, struct crash_walk *walk,
		 uint64_t *table)
{
	unsigned level = walk->n_levels, below = paging.n_levels - 1 - level;
	unsigned shift = 12 + paging.index_bits * below;
	unsigned bits = level == 0 ? paging.top_bits : paging.index_bits;
	uint64_t index = walk->gva >> shift & ((UINT64_C(1) << bits) - 1);
	uint64_t entry, in_page = walk->gva & ((UINT64_C(1) << shift) - 1);

	walk->levels[level].entry_gpa = *table + index * paging.entry_len;
	if (!read_entry(mem, walk->levels[level].entry_gpa, paging.entry_len, &entry))
		return false;
	walk->levels[level].entry = entry;
	walk->n_levels++;
	if ((entry & PTE_PRESENT) == 0)
		return false;
	*table = entry & PTE_ADDRESS;
	if (below > 0 && ((entry & PTE_LARGE) == 0 || below > paging.large_max))
		return true;
	walk->gpa = (*table >> shift << shift) | in_page;
	to_host(mem, walk);
	return false;
}

struct crash_walk crash_walk(const struct mem *mem, const struct kvm_sregs *sregs, uint64_t gva)
{
	struct paging paging = paging_of(sregs);
	struct crash_walk walk = {.gva = gva, .gpa = gva, .depth = paging.n_levels};
	uint64_t table = sregs->cr3 & (paging.top_bits == 2 ? CR3_PAE : PTE_ADDRESS);

	if (paging.n_levels == 0)
		to_host(mem, &walk);
	else
		while (step(mem, paging, &walk, &table))
			;
	return walk;
}

/* Code bytes up to the end of the page, which is where the walk holds. */
static void collect_bytes(const struct mem *mem, struct crash *crash)
{
	uint64_t in_page = 0x1000 - (crash->rip.gpa & 0xfff);
	const void *hva;

	crash->n_bytes = in_page < CRASH_BYTES ? (uint32_t)in_page : CRASH_BYTES;
	hva = crash->rip.mapped ? mem_get(mem, crash->rip.gpa, crash->n_bytes) : NULL;
	if (hva != NULL)
		memcpy(crash->bytes, hva, crash->n_bytes);
	else
		crash->n_bytes = 0;
}

static void collect_kvm_data(const struct kvm_run *run, struct crash *crash)
{
	crash->kvm_suberror = run->internal.suberror;
	crash->n_kvm_data = run->internal.ndata < CRASH_KVM_DATA ? run->internal.ndata
								 : CRASH_KVM_DATA;
	memcpy(crash->kvm_data, run->internal.data, crash->n_kvm_data * sizeof(uint64_t));
}

static void collect_exit(const struct kvm_run *run, struct crash *crash)
{
	crash->exit_reason = run->exit_reason;
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		collect_kvm_data(run, crash);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		crash->exit_detail = run->fail_entry.hardware_entry_failure_reason;
		break;
	case KVM_EXIT_UNKNOWN:
		crash->exit_detail = run->hw.hardware_exit_reason;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		crash->exit_detail = run->system_event.type;
		break;
	default:
		break;
	}
}

void crash_collect(int vcpu_fd, const struct kvm_run *run, const struct mem *mem,
		   struct crash *ret_crash)
{
	*ret_crash = (struct crash){0};
	collect_exit(run, ret_crash);
	if (ioctl(vcpu_fd, KVM_GET_REGS, &ret_crash->regs) < 0 ||
	    ioctl(vcpu_fd, KVM_GET_SREGS, &ret_crash->sregs) < 0)
		return;
	ret_crash->has_registers = true;
	ret_crash->was_reset = ret_crash->regs.rip == RESET_RIP &&
			       ret_crash->sregs.cs.selector == RESET_CS &&
			       run->exit_reason == KVM_EXIT_SHUTDOWN;
	ret_crash->rip = crash_walk(mem, &ret_crash->sregs,
				    ret_crash->sregs.cs.base + ret_crash->regs.rip);
	ret_crash->cr2 = crash_walk(mem, &ret_crash->sregs, ret_crash->sregs.cr2);
	collect_bytes(mem, ret_crash);
}
