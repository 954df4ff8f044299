/* SPDX-License-Identifier: Apache-2.0 */
/* The registers a vCPU starts with. [Intel SDM 3A §2.2, §9.1], [linux boot.rst], [pvh.pandoc] */
#include <asm/processor-flags.h>
#include <errno.h>
#include <sys/ioctl.h>

#include "boot-proto/entry_x86_64.h"
#include "monitor/vcpu.h"

#define EFER_LME 0x100U
#define EFER_LMA 0x400U

/* Segment types */
#define TYPE_CODE 11 /* execute, read, accessed */
#define TYPE_DATA 3  /* read, write, accessed */
#define TYPE_TSS  11 /* busy */
#define TYPE_LDT  2

/* IA32_APIC_BASE [Intel SDM 3A §11.4.4] */
#define APIC_BASE_FIRST   0x100 /* this is the bootstrap processor */
#define APIC_BASE_ENABLED 0x800

/* MSRs that firmware would have set. */
#define MSR_MISC_ENABLE    0x1a0
#define MISC_FAST_STRINGS  0x1
#define MSR_MTRR_DEF_TYPE  0x2ff
#define MTRR_ON_WRITE_BACK 0x806

int vcpu_set_cpuid(struct vcpu *vcpu, const struct cpuid *cpuid, struct err *err)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.head = {.nmsrs = ARRAY_LEN(msrs.entries)},
		.entries = {{.index = MSR_MISC_ENABLE, .data = MISC_FAST_STRINGS},
			    {.index = MSR_MTRR_DEF_TYPE, .data = MTRR_ON_WRITE_BACK}},
	};
	int n_set;

	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
		return err_host(err, errno, "vCPU %u: CPUID", vcpu->index);
	n_set = ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);
	if (n_set < 0)
		return err_host(err, errno, "vCPU %u: MSRs", vcpu->index);
	if (n_set < (int)ARRAY_LEN(msrs.entries))
		return err_host(err, EINVAL, "vCPU %u: MSR 0x%x", vcpu->index,
				msrs.entries[n_set].index);
	return 0;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type)
{
	return (struct kvm_segment){.selector = selector,
				    .type = type,
				    .limit = 0xffffffff,
				    .present = 1,
				    .s = 1,
				    .g = 1,
				    .db = 1};
}

static void set_segments(struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment data = flat(ENTRY_SELECTOR_DATA, TYPE_DATA);

	sregs->cs = flat(ENTRY_SELECTOR_CODE, TYPE_CODE);
	if (long_mode) {
		sregs->cs.l = 1;
		sregs->cs.db = 0;
	}
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){
		.selector = ENTRY_SELECTOR_TSS, .type = TYPE_TSS, .limit = 0x67, .present = 1};
	sregs->gdt = (struct kvm_dtable){.base = LAYOUT_GDT, .limit = ENTRY_GDT_LEN - 1};
	sregs->idt = (struct kvm_dtable){.base = LAYOUT_IDT, .limit = ENTRY_IDT_LEN - 1};
}

static void set_mode(struct kvm_sregs *sregs, bool long_mode)
{
	sregs->cr0 = X86_CR0_PE | X86_CR0_ET;
	sregs->cr4 = 0;
	sregs->efer = 0;
	if (!long_mode)
		return;
	sregs->cr0 |= X86_CR0_PG;
	sregs->cr3 = LAYOUT_PAGE_TABLES;
	sregs->cr4 = X86_CR4_PAE;
	sregs->efer = EFER_LME | EFER_LMA;
}

/* What set_segments() and set_mode() leave alone is as after a reset. */
static struct kvm_sregs entry_sregs(bool long_mode)
{
	struct kvm_sregs sregs = {
		.ldt = {.type = TYPE_LDT, .limit = 0xffff, .present = 1},
		.apic_base = MMIO_LAPIC | APIC_BASE_ENABLED | APIC_BASE_FIRST,
	};

	set_segments(&sregs, long_mode);
	set_mode(&sregs, long_mode);
	return sregs;
}

void vcpu_set_entry(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_run *run = vcpu->run;

	run->s.regs.sregs = entry_sregs(entry->mode == BOOT_LONG_MODE);
	run->s.regs.regs = (struct kvm_regs){.rip = entry->rip,
					     .rsp = entry->rsp,
					     .rsi = entry->rsi,
					     .rbx = entry->rbx,
					     .rflags = X86_EFLAGS_FIXED};
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}
