/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_boot.c - the floor of the boot benchmark: the built-in guest behind the KVM calls that a
 * guest like it needs, and nothing else. One process, in the order that KVM is fast at
 * (docs/architecture.md).
 *
 * It makes no promise but speed: no options, no checks of the image, no supervisor. What mayfly adds
 * to this is what mayfly costs. With the word "jailed" all of it happens in a child in namespaces of
 * its own, with an id map and an empty root, and a parent that waits: the floor of the jail.
 */
#include <elf.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot-proto/ports_abi.h"

#define MEMORY        (UINT64_C(128) << 20)
#define CPUID_ENTRIES 256

/* The guest is entered in long mode with its first 2 MiB mapped one to one. */
#define PML4          UINT64_C(0x1000)
#define PDPT          UINT64_C(0x2000)
#define DIRECTORY     UINT64_C(0x3000)
#define PRESENT_WRITE UINT64_C(0x03)
#define LARGE_PAGE    UINT64_C(0x80)

extern const uint8_t builtin_guest[], builtin_guest_end[];

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(1);
}

static void *map(size_t len, int flags, int fd)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	must(map == MAP_FAILED ? -1 : 0, "mmap");
	return map;
}

static uint8_t *add_memory(int vm)
{
	uint8_t *memory = map(MEMORY, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY,
						   .userspace_addr = (uintptr_t)memory};

	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	return memory;
}

static void split_irqchip(int vm)
{
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};

	must(ioctl(vm, KVM_ENABLE_CAP, &split), "KVM_CAP_SPLIT_IRQCHIP");
}

/* Returns the address of the first instruction. */
static uint64_t load_guest(uint8_t *memory)
{
	const Elf64_Ehdr *header = (const void *)builtin_guest;
	const Elf64_Phdr *segments = (const void *)(builtin_guest + header->e_phoff);

	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			memcpy(memory + segments[i].p_paddr, builtin_guest + segments[i].p_offset,
			       segments[i].p_filesz);
	*(uint64_t *)(void *)(memory + PML4) = PDPT | PRESENT_WRITE;
	*(uint64_t *)(void *)(memory + PDPT) = DIRECTORY | PRESENT_WRITE;
	*(uint64_t *)(void *)(memory + DIRECTORY) = PRESENT_WRITE | LARGE_PAGE;
	return header->e_entry;
}

static void set_cpuid(int kvm, int vcpu)
{
	static struct {
		uint32_t n_entries, padding;
		struct kvm_cpuid_entry2 entries[CPUID_ENTRIES];
	} cpuid = {.n_entries = CPUID_ENTRIES};

	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
	must(ioctl(vcpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

static void set_registers(int vcpu, uint64_t entry)
{
	const struct kvm_segment data = {
		.selector = 0x18, .type = 3, .limit = ~0U, .present = 1, .s = 1, .g = 1, .db = 1};
	struct kvm_regs regs = {.rip = entry, .rflags = 2};
	struct kvm_sregs sregs;

	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cs = (struct kvm_segment){
		.selector = 0x10, .type = 11, .limit = ~0U, .present = 1, .s = 1, .g = 1, .l = 1};
	sregs.cr0 = 0x80000011; /* paging, type, protected */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;   /* PAE */
	sregs.efer = 0x500; /* long mode, enabled and active */
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* Returns the status that the guest ended with. */
static int run_guest(int vcpu, const struct kvm_run *run)
{
	for (;;) {
		const uint8_t *data;

		must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO)
			break;
		data = (const uint8_t *)run + run->io.data_offset;
		if (run->io.port == PORT_EXIT)
			return *data;
		if (run->io.port == PORT_COM1)
			must((int)write(STDOUT_FILENO, data, 1), "write");
	}
	fprintf(stderr, "KVM exit %u\n", run->exit_reason);
	return 1;
}

static int boot(int kvm)
{
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	uint8_t *memory = add_memory(vm);
	struct kvm_run *run;
	int vcpu, run_len;

	split_irqchip(vm);
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run_len = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	run = map((size_t)run_len, MAP_SHARED, vcpu);
	set_cpuid(kvm, vcpu);
	set_registers(vcpu, load_guest(memory));
	return run_guest(vcpu, run);
}

static void write_map(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = must(open(path, O_WRONLY | O_CLOEXEC), path);
	must((int)write(fd, "65534 65534 1", 13), path);
	close(fd);
}

static void leave_root(void)
{
	must(mount("none", "/proc", "tmpfs", MS_RDONLY, "size=4k,nr_inodes=2,mode=555"), "mount");
	must(chdir("/proc"), "chdir");
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount2");
}

static int boot_jailed(void)
{
	struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
					   CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
				  .exit_signal = SIGCHLD};
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int ends[2], status;
	char go = 0;
	pid_t pid;

	must(pipe2(ends, O_CLOEXEC), "pipe");
	pid = must((int)syscall(SYS_clone3, &args, sizeof(args)), "clone3");
	if (pid == 0) {
		leave_root();
		must((int)read(ends[0], &go, 1), "read");
		_exit(boot(kvm));
	}
	write_map(pid, "uid_map");
	write_map(pid, "gid_map");
	must((int)write(ends[1], &go, 1), "write");
	must(waitpid(pid, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "jailed") == 0)
		return boot_jailed();
	return boot(must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm"));
}
