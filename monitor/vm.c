/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "boot-proto/layout_x86_64.h"
#include "monitor/legacy/acpi_pm.h"
#include "monitor/legacy/boot_timer.h"
#include "monitor/legacy/exit_port.h"
#include "monitor/legacy/pvpanic.h"

static int add_memory(struct vm *vm, struct err *err)
{
	struct mem_region regions[MEM_REGIONS_MAX];
	unsigned n_regions = layout_ram(vm->config->memory, regions);
	int ret = mem_init(&vm->mem, regions, n_regions, vm->config->backing, err);

	if (ret == 0 && vm->config->prefault)
		ret = mem_populate(&vm->mem, err);
	for (unsigned i = 0; i < n_regions && ret == 0; i++) {
		const struct mem_region *region = &vm->mem.regions[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = region->gpa,
			.memory_size = region->len,
			.userspace_addr = (uintptr_t)vm->mem.hva + region->offset,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			ret = err_host(err, errno, "--memory: %" PRIu64 " bytes: memory slot %u",
				       vm->config->memory, i);
	}
	return ret;
}

static int add_vcpus(struct vm *vm, struct err *err)
{
	int run_len = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	int ret = run_len < 0 ? err_host(err, errno, "KVM_GET_VCPU_MMAP_SIZE") : 0;

	vm->env = (struct vcpu_env){
		.vm_fd = vm->fd,
		.mem = &vm->mem,
		.pio = &vm->pio,
		.mmio = &vm->mmio,
		.irqchip = &vm->irqchip,
		.ending = &vm->ending,
		.gate = &vm->gate,
		.coalesced = &vm->coalesced,
		.counters = vm->config->counters,
		.count_exits = vm->config->count_exits,
	};
	for (unsigned i = 0; i < vm->config->n_vcpus && ret == 0; i++)
		ret = vcpu_init(&vm->vcpus[i], i, &vm->env, (size_t)run_len, err);
	return ret;
}

static void add_port(struct vm *vm, uint16_t port, unsigned len, const struct bus_ops *ops,
		     void *device, enum device_id id)
{
	bus_add(&vm->pio, &(struct bus_range){port, len, ops, device, id});
}

/* The control thread is this thread, or vCPU 0's. */
void vm_call_control(struct vm *vm)
{
	if (vcpu_is_own(&vm->vcpus[0]))
		vcpu_interrupt_self();
	else
		vcpu_kick(&vm->vcpus[0]);
}

unsigned vm_n_virtio(const struct vm_config *config)
{
	return config->n_disks + (config->has_console ? 1U : 0) + (config->has_rng ? 1U : 0);
}

/* As many as all devices have in flight at most, their doorbells included. */
static unsigned n_ops(const struct vm_config *config)
{
	unsigned n = (config->has_console ? VCON_OPS : 0) + (config->has_rng ? VRNG_OPS : 0);

	for (unsigned i = 0; i < config->n_disks; i++)
		n += VBLK_OPS(config->disks[i].block.n_queues);
	return n;
}

int vm_open_rings(struct vm *vm, const struct vm_config *config, struct err *err)
{
	return virtio_open(&vm->virtio, vm_n_loops(config), n_ops(config), err);
}

unsigned vm_n_loops(const struct vm_config *config)
{
	unsigned n_devices = vm_n_virtio(config);

	return config->n_io_threads < n_devices ? config->n_io_threads : n_devices;
}

void vm_resize_console(struct vm *vm, uint16_t cols, uint16_t rows)
{
	if (!vm->config->has_console)
		return;
	vcon_resize(&vm->console, cols, rows);
	virtio_call(&vm->virtio, &vm->console.vdev);
}

void vm_resize_disk(struct vm *vm, unsigned disk, uint64_t len)
{
	if (disk >= vm->config->n_disks)
		return;
	vblk_ask_resize(&vm->disks[disk], len);
	virtio_call(&vm->virtio, &vm->disks[disk].vdev);
}

/* What the supervisor says does not wait with a vCPU that resets a device. */
static void on_wait(void *context)
{
	const struct vm *vm = context;

	if (vcpu_is_own(&vm->vcpus[0]))
		vm->config->listen();
}

/* The loops, and a slot for the registers, if there is anything to put there. */
static int add_virtio(struct vm *vm, struct err *err)
{
	const struct vm_config *config = vm->config;
	const struct virtio_config virtio = {
		.n_devices = vm_n_virtio(config),
		.n_loops = vm_n_loops(config),
		.trap = config->mmio_trap,
		.slot = vm->mem.n_regions,
		.vm_since = vm->since,
		.jail = config->jail,
		.on_wait = on_wait,
		.context = vm,
	};

	vm->virtio.vm_fd = vm->fd;
	vm->virtio.gate = &vm->gate;
	vm->virtio.ending = &vm->ending;
	return virtio_init(&vm->virtio, &virtio, err);
}

static int plug_in_as(struct vm *vm, struct vdev *vdev, enum device_id id, bool exact,
		      struct err *err)
{
	const struct virtio_place place = {
		.mmio = &vm->mmio,
		.irq = irqchip_line(&vm->irqchip, GSI_VIRTIO + vm->virtio.n_transports),
		.id = id,
		.sticky = !exact,
	};

	return virtio_add(&vm->virtio, vdev, &place, err);
}

static int plug_in(struct vm *vm, struct vdev *vdev, enum device_id id, struct err *err)
{
	return plug_in_as(vm, vdev, id, vm->config->isr_exact, err);
}

static int add_disks(struct vm *vm, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < vm->config->n_disks && ret == 0; i++) {
		const struct vm_disk *disk = &vm->config->disks[i];

		err->subject = (enum err_subject)(ERR_SUBJECT_DISK + i);
		ret = vblk_init(&vm->disks[i], &vm->mem, virtio_ring(&vm->virtio), &disk->block,
				err);
		if (ret == 0)
			ret = plug_in_as(vm, &vm->disks[i].vdev, DEVICE_BLOCK, disk->isr_exact,
					 err);
	}
	if (ret == 0)
		err->subject = ERR_SUBJECT_NONE;
	return ret;
}

static int add_console(struct vm *vm, struct err *err)
{
	int ret = vcon_init(&vm->console, &vm->config->console, &vm->mem, virtio_ring(&vm->virtio));

	return ret == 0 ? plug_in(vm, &vm->console.vdev, DEVICE_CONSOLE, err)
			: err_host(err, -ret, "--console");
}

static int add_rng(struct vm *vm, struct err *err)
{
	vrng_init(&vm->rng, &vm->mem);
	return plug_in(vm, &vm->rng.vdev, DEVICE_ENTROPY, err);
}

/* In the order of their addresses. */
static int vm_add_virtio_devices(struct vm *vm, struct err *err)
{
	int ret = add_disks(vm, err);

	if (vm->config->has_console && ret == 0)
		ret = add_console(vm, err);
	if (vm->config->has_rng && ret == 0)
		ret = add_rng(vm, err);
	return ret == 0 ? virtio_seal(&vm->virtio, err) : ret;
}

static void attend(void *context)
{
	vm_call_control(context);
}

/* Every device of the PC there is, in one place. */
static void vm_add_devices(struct vm *vm)
{
	uart_init(&vm->uart, irqchip_line(&vm->irqchip, GSI_COM1),
		  (struct uart_attention){attend, vm}, vm->config->counters);
	i8042_init(&vm->i8042, irqchip_line(&vm->irqchip, GSI_I8042), &vm->ending);
	if (vm->config->serial)
		add_port(vm, PORT_COM1, UART_REGISTERS, &uart_bus_ops, &vm->uart, DEVICE_SERIAL);
	add_port(vm, PORT_I8042_DATA, 1, &i8042_data_ops, &vm->i8042, DEVICE_I8042);
	add_port(vm, PORT_I8042_COMMAND, 1, &i8042_command_ops, &vm->i8042, DEVICE_I8042);
	add_port(vm, PORT_EXIT, EXIT_PORT_LEN, &exit_port_ops, &vm->ending, DEVICE_EXIT_PORT);
	add_port(vm, PORT_ACPI_SLEEP, ACPI_PM_LEN, &acpi_pm_ops, &vm->ending, DEVICE_ACPI);
	add_port(vm, PORT_PVPANIC, PVPANIC_LEN, &pvpanic_ops, &vm->ending, DEVICE_PVPANIC);
	bus_add(&vm->mmio, &(struct bus_range){MMIO_BOOT_TIMER, BOOT_TIMER_LEN, &boot_timer_ops,
					       vm->config->counters, DEVICE_BOOT_TIMER});
	if (vm->irqchip.kind == IRQCHIP_SPLIT)
		bus_add(&vm->mmio, &(struct bus_range){MMIO_IOAPIC, IOAPIC_LEN, &ioapic_bus_ops,
						       &vm->irqchip.ioapic, DEVICE_IOAPIC});
}

int vm_init(struct vm *vm, int kvm_fd, const struct vm_config *config, struct err *err)
{
	int ret;

	vm->kvm_fd = kvm_fd;
	vm->since = clock_ns();
	vm->config = config;
	vm->gate = (struct gate){
		.lock = PTHREAD_MUTEX_INITIALIZER, .vcpus = vm->vcpus, .n_vcpus = config->n_vcpus};
	vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return err_host(err, errno, "KVM_CREATE_VM");
	counters_stamp(config->counters, PHASE_VM);
	ret = add_memory(vm, err);
	if (ret == 0)
		ret = add_virtio(vm, err);
	if (ret < 0)
		return ret;
	counters_stamp(config->counters, PHASE_MEMORY);
	ret = irqchip_init(&vm->irqchip, config->irqchip, vm->fd, err);
	if (ret < 0)
		return ret;
	counters_stamp(config->counters, PHASE_IRQCHIP);
	ret = add_vcpus(vm, err);
	counters_stamp(config->counters, PHASE_VCPUS);
	vm->coalesced = (struct coalesced){.vm_fd = vm->fd,
					   .run = vm->vcpus[0].run,
					   .pio = &vm->pio,
					   .lock = PTHREAD_MUTEX_INITIALIZER};
	vm_add_devices(vm);
	return ret == 0 ? vm_add_virtio_devices(vm, err) : ret;
}

int vm_set_entry(struct vm *vm, struct cpuid_host *host, const struct boot_entry *entry,
		 struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < vm->config->n_vcpus && ret == 0; i++)
		ret = vcpu_set_cpuid(&vm->vcpus[i], cpuid_for_vcpu(host, i, vm->config->n_vcpus),
				     err);
	vcpu_set_entry(&vm->vcpus[0], entry);
	return ret;
}

static int pin(const struct vm_config *config, unsigned index)
{
	cpu_set_t cpus;

	if (config->n_pins == 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(config->pins[index % config->n_pins], &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

static struct vm *vm_of(struct vcpu *vcpu)
{
	return container_of(vcpu - vcpu->index, struct vm, vcpus);
}

static void *vcpu_thread(void *argument)
{
	struct vcpu *vcpu = argument;
	struct vm *vm = vm_of(vcpu);
	struct err err;
	int ret;

	vcpu_adopt_thread(vcpu);
	if ((ret = pin(vm->config, vcpu->index)) < 0 ||
	    (ret = jail_seal(vm->config->jail, JAIL_VCPU, &err)) < 0)
		ending_set(&vm->ending, END_HOST_ERROR, (uint32_t)-ret);
	atomic_fetch_add(&vm->n_sealed, 1);
	while (vcpu_run(vcpu) == VCPU_SIGNALLED)
		;
	vcpu_park(vcpu);
	vcpu_kick(&vm->vcpus[0]);
	for (;;)
		ppoll(NULL, 0, NULL, NULL); /* the end of the process ends it */
	return NULL;
}

static int start_threads(struct vm *vm, struct err *err)
{
	sigset_t others, before;
	pthread_t thread;
	int ret = 0;

	/* Signals to the process are for the control thread; SIGSYS is a thread's own. */
	sigfillset(&others);
	sigdelset(&others, SIGSYS);
	sigdelset(&others, VCPU_KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &others, &before);
	for (unsigned i = 1; i < vm->config->n_vcpus && ret == 0; i++)
		if ((ret = pthread_create(&thread, NULL, vcpu_thread, &vm->vcpus[i])) != 0)
			ret = err_host(err, ret, "vCPU threads");
	if (ret == 0)
		ret = virtio_start(&vm->virtio, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (ret == 0 && atomic_load(&vm->n_sealed) < vm->config->n_vcpus - 1)
		clock_pause(CLOCK_MOMENT);
	return ret;
}

int vm_start(struct vm *vm, struct err *err)
{
	int ret;

	vcpu_adopt_thread(&vm->vcpus[0]);
	vm->env.process = atomic_load(&vm->vcpus[0].tid);
	ret = pin(vm->config, 0);
	if (ret < 0)
		return err_host(err, -ret, "--pin");
	ret = vcpu_install_handler(VCPU_KICK_SIGNAL, err);
	if (ret == 0 && (vm->config->n_vcpus > 1 || vm->virtio.n_transports > 0))
		ret = start_threads(vm, err);
	return ret;
}

enum vcpu_stop vm_run(struct vm *vm)
{
	return vcpu_run(&vm->vcpus[0]);
}

static bool all_parked(const struct vm *vm)
{
	for (unsigned i = 1; i < vm->config->n_vcpus; i++)
		if (!atomic_load(&vm->vcpus[i].parked))
			return false;
	return true;
}

void vm_stop(struct vm *vm, int timeout_ms)
{
	vcpu_park(&vm->vcpus[0]);
	for (unsigned i = 1; i < vm->config->n_vcpus; i++)
		vcpu_kick(&vm->vcpus[i]);
	while (!all_parked(vm) && timeout_ms-- > 0)
		clock_pause(CLOCK_MILLISECOND);
	coalesced_take(&vm->coalesced);
	virtio_stop(&vm->virtio);
}

bool vm_relieve_serial(struct vm *vm)
{
	struct uart_load load = uart_take_load(&vm->uart);
	bool is_old = clock_ns() - vm->since >= VIRTIO_ARMING_AGE;

	return coalesced_tick(&vm->coalesced, load.burst && is_old, load.waits);
}
