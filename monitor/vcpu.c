/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vcpu.h"

#include <asm/processor-flags.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/coalesced.h"
#include "monitor/gate.h"
#include "monitor/kvm_stats.h"

static _Thread_local struct vcpu *own_vcpu;

int vcpu_init(struct vcpu *vcpu, unsigned index, const struct vcpu_env *env, size_t run_len,
	      struct err *err)
{
	*vcpu = (struct vcpu){.index = index, .env = env, .stats_fd = -1};
	vcpu->fd = ioctl(env->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0)
		return err_host(err, errno, "vCPU %u", index);
	vcpu->run = mmap(NULL, run_len, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return err_host(err, errno, "vCPU %u: shared page", index);
	if (env->count_exits) {
		vcpu->counts = &env->counters->vcpus[index];
		vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
		vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	}
	return 0;
}

/*
 * The order matters against a kick that comes between the look at `signalled` and KVM_RUN: the
 * handler sets both, so that KVM_RUN returns at once and the next look sees the kick.
 */
static void on_signal(int signal)
{
	(void)signal;
	vcpu_interrupt_self();
}

void vcpu_interrupt_self(void)
{
	if (own_vcpu == NULL)
		return;
	own_vcpu->run->immediate_exit = 1;
	atomic_store(&own_vcpu->signalled, true);
}

int vcpu_install_handler(int signal, struct err *err)
{
	const struct sigaction action = {.sa_handler = on_signal};

	if (sigaction(signal, &action, NULL) < 0)
		return err_host(err, errno, "signal handler");
	return 0;
}

void vcpu_adopt_thread(struct vcpu *vcpu)
{
	own_vcpu = vcpu;
	atomic_store(&vcpu->tid, gettid());
}

bool vcpu_is_own(const struct vcpu *vcpu)
{
	return own_vcpu == vcpu;
}

void vcpu_kick(struct vcpu *vcpu)
{
	pid_t tid = atomic_load(&vcpu->tid);

	/* Not pthread_kill(): libc does not know the first thread's id after clone3. */
	if (tid != 0)
		tgkill(vcpu->env->process, tid, VCPU_KICK_SIGNAL);
}

static void count(struct vcpu *vcpu, struct exit_key key)
{
	if (vcpu->counts == NULL)
		return;
	key.rip = vcpu->run->s.regs.regs.rip;
	counters_count(vcpu->counts, &key);
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct bus_range *range = bus_find(vcpu->env->pio, run->io.port);
	struct bus_access access = {.address = run->io.port,
				    .data = (uint8_t *)run + run->io.data_offset,
				    .len = run->io.size,
				    .is_write = run->io.direction == KVM_EXIT_IO_OUT};

	count(vcpu, (struct exit_key){
			    .reason = access.is_write ? EXIT_PIO_WRITE : EXIT_PIO_READ,
			    .device = range != NULL ? (uint16_t)range->id : DEVICE_NONE,
			    .reg = run->io.port,
		    });
	for (uint32_t i = 0; i < run->io.count; i++, access.data += access.len)
		bus_access(range, &access);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	const struct bus_range *range = bus_find(vcpu->env->mmio, run->mmio.phys_addr);
	struct bus_access access = {.address = run->mmio.phys_addr,
				    .data = run->mmio.data,
				    .len = run->mmio.len,
				    .is_write = run->mmio.is_write != 0};
	int error;

	count(vcpu, (struct exit_key){
			    .reason = access.is_write ? EXIT_MMIO_WRITE : EXIT_MMIO_READ,
			    .device = range != NULL ? (uint16_t)range->id : DEVICE_NONE,
			    .reg = range != NULL ? (uint32_t)(access.address - range->base) : 0,
			    .address = range != NULL ? 0 : access.address,
		    });
	bus_access(range, &access);
	error = atomic_load(&vcpu->env->irqchip->error);
	if (error != 0)
		ending_set(vcpu->env->ending, END_HOST_ERROR, (uint32_t)error);
}

/* The vCPU cannot go on; what it leaves behind is for the report. */
static void die(struct vcpu *vcpu, enum end_reason reason)
{
	crash_collect(vcpu->fd, vcpu->run, vcpu->env->mem, &vcpu->crash);
	ending_set(vcpu->env->ending, reason, vcpu->index);
}

static void handle_system_event(struct vcpu *vcpu)
{
	count(vcpu,
	      (struct exit_key){.reason = EXIT_SYSTEM_EVENT, .reg = vcpu->run->system_event.type});
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		ending_set(vcpu->env->ending, END_POWER_OFF, 0);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		ending_set(vcpu->env->ending, END_RESET, 0);
		break;
	default:
		die(vcpu, END_KVM_ERROR);
		break;
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	vcpu->refused = false;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_IOAPIC_EOI:
		count(vcpu, (struct exit_key){.reason = EXIT_IOAPIC_EOI,
					      .device = DEVICE_IOAPIC,
					      .reg = run->eoi.vector});
		ioapic_eoi(&vcpu->env->irqchip->ioapic, run->eoi.vector);
		break;
	case KVM_EXIT_SHUTDOWN:
		count(vcpu, (struct exit_key){.reason = EXIT_SHUTDOWN});
		die(vcpu, END_TRIPLE_FAULT);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		count(vcpu, (struct exit_key){.reason = EXIT_INTERNAL_ERROR,
					      .reg = run->internal.suberror});
		die(vcpu, END_KVM_ERROR);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(vcpu);
		break;
	case KVM_EXIT_INTR:
		count(vcpu, (struct exit_key){.reason = EXIT_SIGNAL});
		break;
	default:
		count(vcpu, (struct exit_key){.reason = EXIT_OTHER, .reg = run->exit_reason});
		die(vcpu, END_KVM_ERROR);
		break;
	}
}

static bool is_runnable(const struct vcpu *vcpu)
{
	struct kvm_mp_state mp;

	return ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp) == 0 && mp.mp_state == KVM_MP_STATE_RUNNABLE;
}

/*
 * KVM_RUN itself failed. EAGAIN is what a vCPU gets that waited for its INIT or SIPI: it may well be
 * runnable by then, and goes on. One that gets it again was refused by the host, which has no thread
 * for KVM's own work, and would be for ever.
 */
static void handle_failure(struct vcpu *vcpu, int error)
{
	bool was_refused = vcpu->refused;

	vcpu->refused = error == EAGAIN && is_runnable(vcpu);
	if (error == EINTR || (error == EAGAIN && !(was_refused && vcpu->refused)))
		count(vcpu, (struct exit_key){.reason = EXIT_SIGNAL});
	else
		ending_set(vcpu->env->ending, END_HOST_ERROR, (uint32_t)error);
}

enum vcpu_stop vcpu_run(struct vcpu *vcpu)
{
	int error;

	while (ending_get(vcpu->env->ending, NULL) == END_NONE) {
		if (atomic_exchange(&vcpu->signalled, false)) {
			vcpu->run->immediate_exit = 0;
			return VCPU_SIGNALLED;
		}
		gate_enter(vcpu->env->gate, &vcpu->in_guest);
		error = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? errno : 0;
		atomic_store(&vcpu->in_guest, false);
		counters_stamp(vcpu->env->counters, PHASE_FIRST_EXIT);
		coalesced_take(vcpu->env->coalesced);
		if (error != 0)
			handle_failure(vcpu, error);
		else
			handle_exit(vcpu);
	}
	return VCPU_ENDED;
}

static enum vcpu_state read_state(const struct vcpu *vcpu)
{
	struct kvm_mp_state mp;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp) < 0 || ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0)
		return VCPU_UNKNOWN;
	if (mp.mp_state == KVM_MP_STATE_RUNNABLE)
		return VCPU_RAN;
	if (mp.mp_state != KVM_MP_STATE_HALTED)
		return VCPU_NOT_STARTED;
	return (regs.rflags & X86_EFLAGS_IF) != 0 ? VCPU_SLEPT : VCPU_SLEPT_MASKED;
}

void vcpu_park(struct vcpu *vcpu)
{
	if (ending_get(vcpu->env->ending, NULL) == END_STOPPED)
		atomic_store(&vcpu->state, (int)read_state(vcpu));
	if (vcpu->counts != NULL)
		kvm_stats_read(vcpu->stats_fd, &vcpu->counts->kvm);
	atomic_store(&vcpu->parked, true);
}
