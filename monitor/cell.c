/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/cell.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/msg.h"
#include "base/sanitizer.h"
#include "boot-proto/cmdline.h"

#define STOP_TIMEOUT_MS 200                  /* for vCPUs to say what they were doing */
#define OUTPUT_PATIENCE (5 * CLOCK_SECOND)   /* with a slow reader of the last output */
#define SHORT_WAITS     50                   /* for devices to finish, before long ones */
#define DISK_TABLES     (UINT64_C(64) << 20) /* for the map of the largest overlay, and its copies */
#define THREAD_STACK    KIB(64)

/*
 * One cell a process; too large for a stack, and nothing is allocated. In an order that lets a small
 * run touch few pages, since each costs as much as some system calls: what is large comes last.
 */
static _Alignas(LAYOUT_PAGE) struct cell {
	const struct cell_spec *spec;
	struct boot_kind kind;
	bool hurried;            /* the supervisor wants an end */
	_Atomic bool console_up; /* and nobody told the supervisor yet */
	struct vm_config vm_config;
	struct to_cell in;
	struct from_cell out;
	char cmdline[LAYOUT_CMDLINE_MAX];
	struct vm vm;
} cell;

static void tell(uint32_t type)
{
	cell.out.type = type;
	/* If nobody listens any more, the parent-death signal is on its way. */
	if (msg_send(cell.spec->socket, &cell.out, from_cell_len(type), 0) < 0)
		_exit(EXIT_STATUS_DIED);
}

static _Noreturn void tell_ended(void);

static _Noreturn void fail(const struct err *err)
{
	if (ending_get(&cell.vm.ending, NULL) == END_TRAPPED)
		tell_ended();
	cell.out.failed = *err;
	tell(FROM_CELL_FAILED);
	_exit(EXIT_STATUS_DIED);
}

/* On the stack of a signal handler: a call that no filter lets pass has just failed. */
static void on_trap(unsigned call, enum jail_role role)
{
	ending_set(&cell.vm.ending, END_TRAPPED, (uint32_t)role << 16 | (call & 0xffff));
}

/* The supervisor gives the cell its ids meanwhile. */
static int await_admission(struct err *err)
{
	int n;

	if (!jail_awaits_admission(cell.spec->jail))
		return 0;
	n = msg_recv(cell.spec->socket, &cell.in, sizeof(cell.in), 0);
	if (n <= 0 || cell.in.type != TO_CELL_GO)
		return err_host(err, n < 0 ? -n : EPIPE, "jail: admission");
	return 0;
}

/* What is said, the supervisor says; but a sanitizer does so itself, and a debugger's cell may. */
static bool needs_stderr(void)
{
	return WITH_SANITIZER || cell.spec->jail->mode == JAIL_OFF ||
	       cell.spec->jail->mode == JAIL_TRACE;
}

#define N_DISK_FILES 3

/* The descriptors of the disks, -1 among them. */
static int disk_file(unsigned index)
{
	const struct vblk_config *disk = &cell.spec->vm.disks[index / N_DISK_FILES].block;
	const int files[N_DISK_FILES] = {disk->file.fd, disk->file.direct_fd, disk->layer_fd};

	return files[index % N_DISK_FILES];
}

/* What disks map: memory, and layers with their maps. */
static uint64_t disk_memory(void)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < cell.spec->vm.n_disks; i++)
		if (cell.spec->vm.disks[i].block.kind != VBLK_FILE)
			len += cell.spec->vm.disks[i].block.len + DISK_TABLES;
	return len;
}

/* Closes the jail as far as it can be before the VM is made. */
static int confine(struct err *err)
{
	const struct cell_spec *spec = cell.spec;
	int keep[8 + N_DISK_FILES * VM_DISKS_MAX] = {needs_stderr() ? STDERR_FILENO : -1,
						     spec->socket,
						     spec->kvm_fd,
						     spec->serial.fd,
						     spec->console.fd,
						     spec->vm.console.input,
						     spec->kernel.fd,
						     spec->initrd.fd};
	const unsigned n_disk_files = N_DISK_FILES * spec->vm.n_disks;
	const struct jail_limits limits = {.memory = spec->vm.memory,
					   .disk_memory = disk_memory(),
					   .n_threads = spec->vm.n_vcpus +
							vm_n_loops(&spec->vm) * (1 + RING_WORKERS),
					   .socket = spec->socket,
					   .output = spec->serial.fd};
	int ret;

	for (unsigned i = 0; i < n_disk_files; i++)
		keep[8 + i] = disk_file(i);
	if ((ret = jail_close_others(keep, 8 + n_disk_files, err)) < 0 ||
	    (ret = jail_empty_root(spec->jail, err)) < 0)
		return ret;
	counters_stamp(spec->vm.counters, PHASE_ROOT);
	ret = await_admission(err);
	if (ret < 0)
		return ret;
	counters_stamp(spec->vm.counters, PHASE_ADMITTED);
	if (!spec->dry_run && (ret = vm_open_rings(&cell.vm, &spec->vm, err)) < 0)
		return ret;
	ret = jail_confine(spec->jail, &limits, on_trap, err);
	if (ret < 0)
		return ret;
	counters_stamp(spec->vm.counters, PHASE_CONFINED);
	cell.out.number = spec->jail->holds;
	tell(FROM_CELL_JAILED);
	return 0;
}

/* The PIC and the PIT are for guests that cannot do without. */
static enum irqchip_kind choose_irqchip(void)
{
	if (cell.spec->irqchip != IRQCHIP_AUTO)
		return cell.spec->irqchip;
	if (cmdline_has(cell.cmdline, "noapic") || (cell.kind.linux_kernel && !cell.spec->acpi))
		return IRQCHIP_KERNEL;
	return IRQCHIP_SPLIT;
}

/* The control thread tells the supervisor. On the loop's thread. */
static void on_console_up(void *context)
{
	(void)context;
	atomic_store(&cell.console_up, true);
	vm_call_control(&cell.vm);
}

/* One message of the supervisor's while the guest runs. */
static void obey(void)
{
	switch (cell.in.type) {
	case TO_CELL_INPUT:
		uart_input(&cell.vm.uart, cell.in.input, cell.in.len);
		break;
	case TO_CELL_CTRL_ALT_DEL:
		if (!i8042_ctrl_alt_del(&cell.vm.i8042))
			tell(FROM_CELL_NO_KEYBOARD);
		break;
	case TO_CELL_WINDOW:
		vm_resize_console(&cell.vm, cell.in.window.cols, cell.in.window.rows);
		break;
	case TO_CELL_DISK_SIZE:
		vm_resize_disk(&cell.vm, cell.in.disk.index, cell.in.disk.len);
		break;
	case TO_CELL_STOP:
		ending_set(&cell.vm.ending, END_STOPPED, 0);
		cell.hurried = true;
		break;
	default:
		break;
	}
}

static void listen_to_supervisor(void)
{
	int n;

	while ((n = msg_recv(cell.spec->socket, &cell.in, sizeof(cell.in), MSG_DONTWAIT)) > 0)
		obey();
	if (n == 0)
		_exit(EXIT_STATUS_DIED);
}

/* Looks at the image and settles what depends on it. */
static int resolve(struct err *err)
{
	const struct cell_spec *spec = cell.spec;
	struct cmdline_parts parts = {.user = spec->cmdline,
				      .serial = spec->vm.serial,
				      .n_virtio = spec->acpi ? 0 : vm_n_virtio(&spec->vm),
				      .root = spec->initrd.len == 0 && spec->mounts_root,
				      .root_read_only = spec->vm.disks[0].block.read_only};
	int ret = boot_identify(&spec->kernel, spec->format, &cell.kind, err);

	if (ret < 0)
		return ret;
	err->subject = ERR_SUBJECT_NONE;
	parts.linux_kernel = cell.kind.linux_kernel;
	ret = cmdline_compose(&parts, cell.cmdline, err);
	cell.vm_config = spec->vm;
	cell.vm_config.irqchip = choose_irqchip();
	cell.vm_config.jail = spec->jail;
	cell.vm_config.listen = listen_to_supervisor;
	if (spec->vm.console.input >= 0)
		cell.vm_config.console.on_up = on_console_up;
	return ret;
}

static _Noreturn void tell_resolved(void)
{
	cell.out.resolved = (struct resolved){.format = cell.kind.format,
					      .linux_kernel = cell.kind.linux_kernel,
					      .irqchip = cell.vm_config.irqchip};
	memcpy(cell.out.resolved.cmdline, cell.cmdline, sizeof(cell.cmdline));
	tell(FROM_CELL_RESOLVED);
	_exit(0);
}

static int load(struct boot_entry *ret_entry, struct err *err)
{
	const struct boot_request request = {
		.kernel = cell.spec->kernel,
		.initrd = cell.spec->initrd,
		.kind = cell.kind,
		.cmdline = cell.cmdline,
		.machine = {.n_cpus = cell.vm_config.n_vcpus,
			    .acpi = cell.spec->acpi,
			    .i8042 = cmdline_resets_by_i8042(cell.cmdline),
			    .serial = cell.vm_config.serial,
			    .n_virtio = vm_n_virtio(&cell.vm_config),
			    .pic = cell.vm_config.irqchip == IRQCHIP_KERNEL},
	};
	int ret = boot_load(&request, &cell.vm.mem, ret_entry, err);

	counters_stamp(cell.vm_config.counters, PHASE_IMAGE);
	return ret;
}

/* The supervisor asks the host while we make the VM; its answer may already be there. */
static int receive_cpuid(struct err *err)
{
	int n = msg_recv(cell.spec->socket, &cell.in, sizeof(cell.in), 0);

	if (n <= 0 || cell.in.type != TO_CELL_CPUID)
		return err_host(err, n < 0 ? -n : EPIPE, "CPUID of the host");
	return 0;
}

static int set_up(struct err *err)
{
	struct boot_entry entry;
	int ret;

	cell.vm.uart.outlet.fd = cell.spec->serial.fd;
	cell.vm.uart.outlet.kind = cell.spec->serial.kind;
	if ((ret = vm_init(&cell.vm, cell.spec->kvm_fd, &cell.vm_config, err)) < 0 ||
	    (ret = load(&entry, err)) < 0 || (ret = receive_cpuid(err)) < 0 ||
	    (ret = vm_set_entry(&cell.vm, &cell.in.host, &entry, err)) < 0)
		return ret;
	if (cell.spec->serial.replace && ftruncate(cell.spec->serial.fd, 0) < 0)
		return err_host(err, errno, "--serial");
	if (cell.spec->console.replace && ftruncate(cell.spec->console.fd, 0) < 0)
		return err_host(err, errno, "--console");
	counters_stamp(cell.vm_config.counters, PHASE_REGISTERS);
	return 0;
}

/*
 * Of the threads that come: a guest that owns its cell can fill them. None needs more than 4 KiB, and
 * a signal with all registers that there are 12 more.
 */
static int limit_stacks(struct err *err)
{
	pthread_attr_t attributes;
	int ret;

	if (WITH_SANITIZER)
		return 0;
	pthread_attr_init(&attributes);
	if ((ret = pthread_attr_setstacksize(&attributes, THREAD_STACK)) == 0)
		ret = pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
	return ret == 0 ? 0 : err_host(err, ret, "stacks");
}

/* With /dev/kvm another VM could be made, no image is read any more, and the rest is the ring's. */
static void close_set_up_files(void)
{
	const struct cell_spec *spec = cell.spec;
	const int files[] = {spec->kvm_fd, spec->kernel.fd, spec->initrd.fd, spec->vm.console.input,
			     spec->console.fd != spec->serial.fd ? spec->console.fd : -1};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (files[i] >= 0)
			close(files[i]);
	for (unsigned i = 0; i < N_DISK_FILES * spec->vm.n_disks; i++)
		if (disk_file(i) >= 0)
			close(disk_file(i));
}

/*
 * Lets in the signals that call this thread away from its guest; it is a vCPU's by now, so that none
 * is lost. Those that a terminal sends to both processes stay blocked: they are the supervisor's.
 */
static int let_signals_in(struct err *err)
{
	sigset_t ours;
	int ret;

	if ((ret = vcpu_install_handler(CONTROL_SIGNAL, err)) < 0 ||
	    (ret = vcpu_install_handler(SIGALRM, err)) < 0)
		return ret;
	sigemptyset(&ours);
	sigaddset(&ours, CONTROL_SIGNAL);
	sigaddset(&ours, SIGALRM);
	sigaddset(&ours, VCPU_KICK_SIGNAL);
	return sigprocmask(SIG_UNBLOCK, &ours, NULL) < 0 ? err_host(err, errno, "signals") : 0;
}

static void ask_for_input(void)
{
	unsigned wish = uart_take_wish(&cell.vm.uart);

	if (wish == 0)
		return;
	cell.out.number = wish;
	tell(FROM_CELL_WISH);
}

/* Once: from now on it gets what is typed. */
static void tell_of_console(void)
{
	if (atomic_exchange(&cell.console_up, false))
		tell(FROM_CELL_CONSOLE);
}

static _Noreturn void tell_ended(void)
{
	struct ended *ended = &cell.out.ended;
	enum end_reason reason;

	*ended = (struct ended){0};
	reason = ending_get(&cell.vm.ending, &ended->detail);
	ended->reason = reason;
	ended->serial.bytes = uart_give_up(&cell.vm.uart);
	ended->serial.error = (uint32_t)cell.vm.uart.outlet.error;
	ended->console = (struct dropped){vcon_n_lost(&cell.vm.console),
					  (uint32_t)atomic_load(&cell.vm.console.error)};
	ended->linux_kernel = cell.kind.linux_kernel;
	for (unsigned i = 0; i < cell.vm_config.n_vcpus; i++)
		ended->states[i] = (uint8_t)cell.vm.vcpus[i].state;
	if (reason == END_TRIPLE_FAULT || reason == END_KVM_ERROR)
		ended->crash = cell.vm.vcpus[ended->detail].crash;
	tell(FROM_CELL_ENDED);
	_exit(0);
}

/* Output that the reader did not take, or that KVM collects, is looked at again by a timer. */
static void look_after_output(void)
{
	const struct itimerval soon = {.it_value = {.tv_usec = COALESCED_TICK_MS * 1000L}};
	bool relieved = vm_relieve_serial(&cell.vm);

	if (!uart_drain(&cell.vm.uart) || relieved)
		setitimer(ITIMER_REAL, &soon, NULL);
}

static void run(void)
{
	while (vm_run(&cell.vm) == VCPU_SIGNALLED) {
		listen_to_supervisor();
		ask_for_input();
		tell_of_console();
		look_after_output();
	}
}

/* Most have nothing left to do, and are done in a moment; who waits for a reader can wait longer. */
static void await_devices(unsigned n_waits)
{
	clock_pause(n_waits < SHORT_WAITS ? CLOCK_MOMENT : 5 * CLOCK_MILLISECOND);
}

/* What is kept goes to a slow reader, as long as the supervisor has the patience. */
static void finish_output(void)
{
	int64_t deadline = clock_ns() + OUTPUT_PATIENCE;
	unsigned n_waits = 0;
	int left_ms;

	while (!(uart_drain(&cell.vm.uart) && virtio_has_stopped(&cell.vm.virtio)) &&
	       !cell.hurried && (left_ms = clock_poll_ms(deadline)) > 0) {
		if (virtio_has_stopped(&cell.vm.virtio))
			uart_wait(&cell.vm.uart, cell.spec->socket, left_ms);
		else
			await_devices(n_waits++);
		listen_to_supervisor();
	}
}

_Noreturn void cell_main(const struct cell_spec *spec)
{
	struct err err = {0};

	cell.spec = spec;
	counters_stamp(spec->vm.counters, PHASE_CELL);
	if (confine(&err) < 0 || resolve(&err) < 0)
		fail(&err);
	if (spec->dry_run)
		tell_resolved();
	if (set_up(&err) < 0 || limit_stacks(&err) < 0 || vm_start(&cell.vm, &err) < 0 ||
	    let_signals_in(&err) < 0)
		fail(&err);
	close_set_up_files();
	if (jail_seal(spec->jail, JAIL_CONTROL, &err) < 0)
		fail(&err);
	counters_stamp(spec->vm.counters, PHASE_SEALED);
	tell(FROM_CELL_RUNS);
	run();
	counters_stamp(spec->vm.counters, PHASE_ENDED);
	vm_stop(&cell.vm, STOP_TIMEOUT_MS);
	finish_output();
	tell_ended();
}
