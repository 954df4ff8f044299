/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "monitor/kvm_stats.h"

#define LARGE_PAGE_LEN (UINT64_C(2) << 20)
#define PAGE_LEN       UINT64_C(4096)

/* RAM is one large page from 0; the first GiB is mapped one to one. */
#define PML4      UINT64_C(0x1000)
#define PDPT      UINT64_C(0x2000)
#define DIRECTORY UINT64_C(0x3000)
#define CODE      UINT64_C(0x4000)
#define SLOT      UINT64_C(0x10000000)
#define MMIO      UINT64_C(0x20000000)

#define PRESENT_WRITE UINT64_C(0x03)
#define LARGE_PAGE    UINT64_C(0x80)
#define N_ENTRIES     512

/* Offset of a register in its page, and the port by which a round ends. */
#define REGISTER 0x50
#define PORT_END 0xf4

const struct access_way access_ways[ACCESS_WAYS] = {
	{"load, read-only slot", .in_slot = true},
	{"load, no slot", .leaves = true},
	{"store, no slot", .is_store = true, .leaves = true},
	{"store, no slot, doorbell", .is_store = true, .doorbell = DOORBELL_32},
	{"store, no slot, doorbell of any length", .is_store = true, .doorbell = DOORBELL_ANY},
	{"store, read-only slot", .is_store = true, .in_slot = true, .leaves = true},
	{"store, read-only slot, doorbell", .is_store = true, .in_slot = true,
	 .doorbell = DOORBELL_32},
	{"store, read-only slot, doorbell of any length", .is_store = true, .in_slot = true,
	 .doorbell = DOORBELL_ANY},
};

struct bench_vm {
	int kvm, vm, vcpu, stats, eventfd;
	uint8_t *ram;
	struct kvm_run *run;
	size_t run_len;
};

/* Rounds without end: %rdi is the register, %esi how often. */
static void write_code(uint8_t *at, bool is_store)
{
	const uint8_t code[] = {
		0x89,
		0xf1, /* start: mov %esi, %ecx */
		is_store ? 0x89 : 0x8b,
		0x07, /* again: mov %eax, (%rdi), or the other way */
		0xff,
		0xc9,
		0x75,
		0xfa, /* dec %ecx; jnz again */
		0xe6,
		PORT_END,
		0xeb,
		0xf4, /* out %al, $PORT_END; jmp start */
	};

	memcpy(at, code, sizeof(code));
}

static void write_page_tables(uint8_t *ram)
{
	uint64_t *directory = (void *)(ram + DIRECTORY);

	*(uint64_t *)(void *)(ram + PML4) = PDPT | PRESENT_WRITE;
	*(uint64_t *)(void *)(ram + PDPT) = DIRECTORY | PRESENT_WRITE;
	for (uint64_t i = 0; i < N_ENTRIES; i++)
		directory[i] = (i * LARGE_PAGE_LEN) | PRESENT_WRITE | LARGE_PAGE;
}

/* The last page of `ram` is the read-only one, beyond the guest's RAM. */
static int add_memory(struct bench_vm *vm)
{
	struct kvm_userspace_memory_region ram = {.memory_size = LARGE_PAGE_LEN};
	struct kvm_userspace_memory_region slot = {.slot = 1,
						   .flags = KVM_MEM_READONLY,
						   .guest_phys_addr = SLOT,
						   .memory_size = PAGE_LEN};

	vm->ram = mmap(NULL, LARGE_PAGE_LEN + PAGE_LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->ram == MAP_FAILED)
		return -1;
	ram.userspace_addr = (uintptr_t)vm->ram;
	slot.userspace_addr = (uintptr_t)vm->ram + LARGE_PAGE_LEN;
	if (ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &ram) < 0)
		return -1;
	return ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static uint64_t address_of(const struct access_way *way)
{
	return (way->in_slot ? SLOT : MMIO) + REGISTER;
}

static int set_registers(int vcpu, const struct access_way *way, uint32_t times)
{
	const struct kvm_segment data = {
		.selector = 0x18, .type = 3, .limit = ~0U, .present = 1, .s = 1, .g = 1, .db = 1};
	struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rdi = address_of(way), .rsi = times};
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = (struct kvm_segment){
		.selector = 0x10, .type = 11, .limit = ~0U, .present = 1, .s = 1, .g = 1, .l = 1};
	sregs.cr0 = 0x80000011; /* paging, type, protected */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* long mode, enabled and active */
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
		return -1;
	return ioctl(vcpu, KVM_SET_REGS, &regs);
}

static int add_vcpu(struct bench_vm *vm)
{
	int len = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	if (len < 0 || vm->vcpu < 0)
		return -1;
	vm->stats = ioctl(vm->vcpu, KVM_GET_STATS_FD, NULL);
	vm->run_len = (size_t)len;
	vm->run = mmap(NULL, vm->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	return vm->run == MAP_FAILED || vm->stats < 0 ? -1 : 0;
}

static int add_doorbell(struct bench_vm *vm, const struct access_way *way)
{
	struct kvm_ioeventfd doorbell = {.addr = address_of(way),
					 .len = way->doorbell == DOORBELL_32 ? 4 : 0};

	vm->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	doorbell.fd = vm->eventfd;
	if (vm->eventfd < 0 || way->doorbell == DOORBELL_NONE)
		return vm->eventfd < 0 ? -1 : 0;
	return ioctl(vm->vm, KVM_IOEVENTFD, &doorbell);
}

static int open_vm(struct bench_vm *vm)
{
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm->vm = vm->kvm < 0 ? -1 : ioctl(vm->kvm, KVM_CREATE_VM, 0);
	return vm->vm < 0 ? -1 : 0;
}

static void close_vm(struct bench_vm *vm)
{
	const int fds[] = {vm->stats, vm->vcpu, vm->eventfd, vm->vm, vm->kvm};

	if (vm->run != MAP_FAILED)
		munmap(vm->run, vm->run_len);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (vm->ram != MAP_FAILED)
		munmap(vm->ram, LARGE_PAGE_LEN + PAGE_LEN);
}

/* Runs the guest to the end of its round; returns how often it came out before, or -1. */
static int64_t run_round(struct bench_vm *vm)
{
	for (int64_t n = 0;; n++) {
		if (ioctl(vm->vcpu, KVM_RUN, 0) < 0) {
			if (errno != EINTR)
				return -1;
		} else if (vm->run->exit_reason == KVM_EXIT_IO && vm->run->io.port == PORT_END) {
			return n;
		} else if (vm->run->exit_reason != KVM_EXIT_MMIO) {
			errno = EPROTO;
			return -1;
		}
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t exits_so_far(const struct bench_vm *vm)
{
	struct kvm_counts counts = {0};

	kvm_stats_read(vm->stats, &counts);
	return counts.exits - counts.irq_exits;
}

static uint64_t take_rung(const struct bench_vm *vm)
{
	uint64_t rung;

	return read(vm->eventfd, &rung, sizeof(rung)) == sizeof(rung) ? rung : 0;
}

/* The first round finds page tables and slots that KVM has not mapped yet. */
static int measure(struct bench_vm *vm, struct access_cost *ret_cost)
{
	struct access_cost cost;
	uint64_t exits, began;
	int64_t user_exits;

	if (run_round(vm) < 0)
		return -1;
	take_rung(vm);
	exits = exits_so_far(vm);
	began = now_ns();
	user_exits = run_round(vm);
	cost.ns = now_ns() - began;
	if (user_exits < 0)
		return -1;
	cost.user_exits = (uint64_t)user_exits;
	cost.exits = exits_so_far(vm) - exits;
	cost.rung = take_rung(vm);
	*ret_cost = cost;
	return 0;
}

int access_measure(const struct access_way *way, uint32_t times, struct access_cost *ret_cost)
{
	struct bench_vm vm = {-1, -1, -1, -1, -1, MAP_FAILED, MAP_FAILED, 0};
	int ret = -1;

	if (open_vm(&vm) == 0 && add_memory(&vm) == 0 && add_vcpu(&vm) == 0 &&
	    add_doorbell(&vm, way) == 0) {
		write_page_tables(vm.ram);
		write_code(vm.ram + CODE, way->is_store);
		if (set_registers(vm.vcpu, way, times) == 0)
			ret = measure(&vm, ret_cost);
	}
	close_vm(&vm);
	return ret;
}
