/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/jail/attacker/attacks.h"

static int new_vm(const struct scene *scene)
{
	int kvm = open("/dev/kvm", O_RDWR);

	(void)scene;
	return kvm < 0 ? errno : result(ioctl(kvm, KVM_CREATE_VM, 0));
}

static int new_vcpu(const struct scene *scene)
{
	return result(ioctl(scene->vcpu->env->vm_fd, KVM_CREATE_VCPU, 30UL));
}

static int new_device(const struct scene *scene)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO,
					   .flags = KVM_CREATE_DEVICE_TEST};

	return result(ioctl(scene->vcpu->env->vm_fd, KVM_CREATE_DEVICE, &device));
}

/* The monitor's own memory, given to its guest. */
static int own_memory_as_slot(const struct scene *scene)
{
	static _Alignas(4096) char page[4096];
	struct kvm_userspace_memory_region slot = {.slot = 9,
						   .guest_phys_addr = UINT64_C(1) << 36,
						   .memory_size = sizeof(page),
						   .userspace_addr = (uintptr_t)page};

	return result(ioctl(scene->vcpu->env->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot));
}

static int new_capability(const struct scene *scene)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = {0}};

	return result(ioctl(scene->vcpu->env->vm_fd, KVM_ENABLE_CAP, &cap));
}

static int set_registers(const struct scene *scene)
{
	struct kvm_regs regs;

	if (ioctl(scene->vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return errno;
	return result(ioctl(scene->vcpu->fd, KVM_SET_REGS, &regs));
}

static int set_system_registers(const struct scene *scene)
{
	struct kvm_sregs sregs;

	if (ioctl(scene->vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
		return errno;
	return result(ioctl(scene->vcpu->fd, KVM_SET_SREGS, &sregs));
}

static int debug_guest(const struct scene *scene)
{
	struct kvm_guest_debug debug = {0};

	return result(ioctl(scene->vcpu->fd, KVM_SET_GUEST_DEBUG, &debug));
}

static int look_at_clock(const struct scene *scene)
{
	struct kvm_clock_data clock;

	return result(ioctl(scene->vcpu->env->vm_fd, KVM_GET_CLOCK, &clock));
}

const struct attack attacks_on_kvm[] = {
	{.name = "kvm-vm", .make = new_vm},
	{.name = "kvm-vcpu", .make = new_vcpu},
	{.name = "kvm-device", .make = new_device},
	{.name = "kvm-slot", .make = own_memory_as_slot},
	{.name = "kvm-cap", .make = new_capability},
	{.name = "kvm-regs", .make = set_registers},
	{.name = "kvm-sregs", .make = set_system_registers},
	{.name = "kvm-debug", .make = debug_guest},
	{.name = "kvm-clock", .make = look_at_clock},
	{0},
};
