/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor makes of a KVM that lacks something: this program's ioctl() is the one it calls. */
#include "monitor/doctor.h"

#include <criterion/criterion.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/host.h"

static unsigned long lacking;

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	unsigned long argument;

	va_start(arguments, request);
	argument = va_arg(arguments, unsigned long);
	va_end(arguments);
	if (request == KVM_CHECK_EXTENSION && argument == lacking)
		return 0;
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

TestSuite(doctor, .init = need_kvm);

/* Nothing boots without these: entry registers go through the shared page, for one. */
Test(doctor, says_2_where_nothing_boots)
{
	static const unsigned long needed[] = {KVM_CAP_USER_MEMORY, KVM_CAP_SPLIT_IRQCHIP,
					       KVM_CAP_SIGNAL_MSI, KVM_CAP_IMMEDIATE_EXIT,
					       KVM_CAP_SYNC_REGS};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		lacking = needed[i];
		cr_assert_eq(doctor_run(true), 2, "capability %lu", lacking);
	}
}

Test(doctor, says_1_where_something_is_slower_or_not_counted)
{
	static const unsigned long wanted[] = {KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_BINARY_STATS_FD};

	if (getenv("RUNNER") != NULL)
		cr_skip_test("under valgrind no cell can be tried");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		lacking = wanted[i];
		cr_assert_eq(doctor_run(false), 1, "capability %lu", lacking);
	}
}
