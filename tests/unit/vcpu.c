/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU on a KVM made up here: this program's ioctl() is the one that the monitor calls. */
#include "monitor/vcpu.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "monitor/coalesced.h"
#include "monitor/gate.h"

#define KVM_FD  77 /* of everything that is KVM's */
#define ANSWERS 8

/* What KVM_RUN says, call after call; after the last, the guest resets. */
static int run_errors[ANSWERS];
static unsigned n_runs, n_run_errors;
static uint32_t mp_state;
static int msrs_taken, routing_error;

static struct kvm_run run;
static struct bus pio, mmio;
static struct irqchip irqchip;
static struct ending_box ending;
static const struct gate gate;
static struct coalesced coalesced;
static const struct vcpu_env env = {.gate = &gate,
				    .coalesced = &coalesced,
				    .vm_fd = KVM_FD,
				    .pio = &pio,
				    .mmio = &mmio,
				    .irqchip = &irqchip,
				    .ending = &ending};
static struct vcpu vcpu = {.fd = KVM_FD, .index = 3, .env = &env, .run = &run, .stats_fd = -1};
static struct err err;

static int fail(int error)
{
	errno = error;
	return error == 0 ? 0 : -1;
}

static int fake_run(void)
{
	unsigned n = n_runs++;

	if (n < n_run_errors)
		return fail(run_errors[n]);
	run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run.system_event.type = KVM_SYSTEM_EVENT_RESET;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd != KVM_FD)
		return fail(ENOTTY);
	switch (request) {
	case KVM_RUN:
		return fake_run();
	case KVM_GET_MP_STATE:
		((struct kvm_mp_state *)argument)->mp_state = mp_state;
		return 0;
	case KVM_SET_MSRS:
		return msrs_taken;
	case KVM_SET_GSI_ROUTING:
		return fail(routing_error);
	default:
		return 0;
	}
}

static enum end_reason life_with(unsigned n_errors, const int *errors)
{
	memcpy(run_errors, errors, n_errors * sizeof(errors[0]));
	n_run_errors = n_errors;
	cr_assert_eq(vcpu_run(&vcpu), VCPU_ENDED);
	return ending_get(&ending, NULL);
}

#define LIFE_WITH(...)                                                                             \
	life_with(sizeof((int[]){__VA_ARGS__}) / sizeof(int), (const int[]){__VA_ARGS__})

Test(vcpu, goes_on_after_signals)
{
	cr_assert_eq(LIFE_WITH(EINTR, EINTR, EINTR), END_RESET);
}

/* INIT and SIPI may each end a wait, and either leave it runnable. */
Test(vcpu, goes_on_after_the_waits_of_its_start)
{
	mp_state = KVM_MP_STATE_INIT_RECEIVED;
	cr_assert_eq(LIFE_WITH(EAGAIN, EAGAIN, EAGAIN), END_RESET);
	ending = (struct ending_box){0};
	n_runs = 0;
	mp_state = KVM_MP_STATE_RUNNABLE;
	cr_assert_eq(LIFE_WITH(EAGAIN), END_RESET);
}

Test(vcpu, ends_where_the_host_refuses_to_run_it)
{
	uint32_t detail;

	mp_state = KVM_MP_STATE_RUNNABLE;
	cr_assert_eq(LIFE_WITH(EAGAIN, EAGAIN, EAGAIN), END_HOST_ERROR);
	cr_assert_eq(ending_get(&ending, &detail), END_HOST_ERROR);
	cr_assert_eq(detail, (uint32_t)EAGAIN);
	cr_assert_eq(n_runs, 2u);
}

/* An exit lies between: started, stopped by INIT and started once more. */
Test(vcpu, may_be_started_twice)
{
	mp_state = KVM_MP_STATE_RUNNABLE;
	run.exit_reason = KVM_EXIT_INTR;
	cr_assert_eq(LIFE_WITH(EAGAIN, 0, EAGAIN), END_RESET);
}

Test(vcpu, ends_with_any_other_error)
{
	cr_assert_eq(LIFE_WITH(EFAULT), END_HOST_ERROR);
}

/* KVM_SET_MSRS stops at the first that it does not take, and says how many it took. */
Test(vcpu, an_msr_that_is_not_taken_is_named)
{
	struct cpuid cpuid = {0};

	msrs_taken = 2;
	cr_assert_eq(vcpu_set_cpuid(&vcpu, &cpuid, &err), 0);
	msrs_taken = 1;
	cr_assert_lt(vcpu_set_cpuid(&vcpu, &cpuid, &err), 0);
	cr_assert_str_eq(err.text, "vCPU 3: MSR 0x2ff: Invalid argument");
	cr_assert_eq(err.status, EXIT_STATUS_HOST);
}

static void write_ioapic(uint64_t offset, uint32_t value)
{
	run.exit_reason = KVM_EXIT_MMIO;
	run.mmio.phys_addr = MMIO_IOAPIC + offset;
	run.mmio.len = 4;
	run.mmio.is_write = 1;
	le32_put(run.mmio.data, value);
}

/* Without its route the end of a level-triggered interrupt is never heard of. */
Test(vcpu, ends_where_kvm_refuses_a_route)
{
	uint32_t detail;

	cr_assert_eq(irqchip_init(&irqchip, IRQCHIP_SPLIT, KVM_FD, &err), 0);
	bus_add(&mmio, &(struct bus_range){MMIO_IOAPIC, IOAPIC_LEN, &ioapic_bus_ops,
					   &irqchip.ioapic, DEVICE_IOAPIC});
	routing_error = ENOMEM;
	write_ioapic(0, 0x10);
	cr_assert_eq(LIFE_WITH(0), END_RESET);
	ending = (struct ending_box){0};
	n_runs = 0;
	write_ioapic(0x10, 0x8041);
	cr_assert_eq(LIFE_WITH(0), END_HOST_ERROR);
	cr_assert_eq(ending_get(&ending, &detail), END_HOST_ERROR);
	cr_assert_eq(detail, (uint32_t)ENOMEM);
}
