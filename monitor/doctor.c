/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "monitor/doctor_findings.h"

#define KERNEL_MAJOR_MIN 6
#define KERNEL_MINOR_MIN 1

static void look_at_kernel(struct doctor *doctor)
{
	struct utsname name;
	unsigned long major, minor;
	struct finding *finding = doctor_add(doctor, UNKNOWN, "kernel");
	char *rest;

	if (uname(&name) < 0)
		return;
	major = strtoul(name.release, &rest, 10);
	minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	doctor_say(finding, "Linux %.100s", name.release);
	finding->verdict = GOOD;
	if (major > KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor >= KERNEL_MINOR_MIN))
		return;
	finding->verdict = LACKING;
	finding->mend = "mayfly is tested on Linux 6.1 and later";
}

/* From the file itself: the library's way to names needs libraries that a static program lacks. */
static void name_group(gid_t gid, char *ret_name, size_t size)
{
	FILE *file = fopen("/etc/group", "re");
	const struct group *group = NULL;

	while (file != NULL && (group = fgetgrent(file)) != NULL && group->gr_gid != gid)
		;
	if (group != NULL)
		snprintf(ret_name, size, "%s", group->gr_name);
	else
		snprintf(ret_name, size, "%u", gid);
	if (file != NULL)
		fclose(file);
}

/* Who may open it, where we may not. */
static const char *explain_permission(struct doctor *doctor)
{
	struct stat status;
	char name[64];

	if (stat("/dev/kvm", &status) < 0)
		return NULL;
	if ((status.st_mode & 0060) == 0060) {
		name_group(status.st_gid, name, sizeof(name));
		err_clean(name);
		snprintf(doctor->permission, sizeof(doctor->permission),
			 "add yourself to its group: usermod -aG %s USER, then log in again", name);
	} else {
		snprintf(doctor->permission, sizeof(doctor->permission),
			 "mode %04o: only its owner may; as root: chgrp kvm /dev/kvm; "
			 "chmod 660 /dev/kvm",
			 status.st_mode & 07777);
	}
	return doctor->permission;
}

static const char *explain_refusal(struct doctor *doctor, int error)
{
	if (error == EACCES)
		return explain_permission(doctor);
	if (error == EPERM)
		return "the cgroup of this container or service does not allow the device";
	return "load the module: modprobe kvm_intel or kvm_amd; in a virtual machine, nested "
	       "virtualisation must be switched on outside";
}

static void open_kvm(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, FATAL, "/dev/kvm");
	int error;

	doctor->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (doctor->kvm >= 0) {
		finding->verdict = GOOD;
		doctor_say(finding, "can be opened");
		return;
	}
	error = errno;
	doctor_say(finding, "%s", strerror(error));
	finding->mend = explain_refusal(doctor, error);
}

static bool look_at_api(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, GOOD, "KVM API");
	int version = ioctl(doctor->kvm, KVM_GET_API_VERSION, 0);

	doctor_say(finding, "version %d", version);
	if (version == KVM_API_VERSION)
		return true;
	finding->verdict = FATAL;
	finding->mend = "/dev/kvm is not Linux's KVM";
	return false;
}

/* A VM and a vCPU, made and thrown away: another hypervisor may have the hardware. */
static void look_at_vm(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, GOOD, "a VM");
	SCOPE_FD int vm = ioctl(doctor->kvm, KVM_CREATE_VM, 0);
	SCOPE_FD int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);

	doctor_say(finding, "%s", vcpu >= 0 ? "can be made" : strerror(errno));
	if (vcpu >= 0)
		return;
	finding->verdict = FATAL;
	finding->mend = "EBUSY: another hypervisor holds the CPU; ENOMEM: limits of the cgroup";
}

/* The kinds of KVM, by the module that is there. */
static const struct kind {
	const char *module, *name, *paging_path, *paging_name;
} kinds[] = {
	{"/sys/module/kvm_intel", "VMX (Intel)", "/sys/module/kvm_intel/parameters/ept", "EPT"},
	{"/sys/module/kvm_amd", "SVM (AMD)", "/sys/module/kvm_amd/parameters/npt", "NPT"},
	{"/sys/module/kvm_pvm", "PVM (no hardware support)", NULL, NULL},
};

static void look_at_paging(struct doctor *doctor, const struct kind *kind)
{
	struct finding *finding = doctor_add(doctor, UNKNOWN, "second-level paging");
	char line[16];

	if (kind->paging_path == NULL) {
		finding->verdict = LACKING;
		doctor_say(finding, "no: shadow page tables");
		finding->mend = "guest kernels run emulated, and only small integer-only ones at "
				"all; Linux guests need a host with VT-x or AMD-V";
	} else if (doctor_read(doctor, kind->paging_path, line, sizeof(line)) < 0) {
		doctor_say(finding, "%s does not say", kind->paging_path);
	} else if (line[0] == 'Y' || line[0] == '1') {
		finding->verdict = GOOD;
		doctor_say(finding, "%s", kind->paging_name);
	} else {
		finding->verdict = LACKING;
		doctor_say(finding, "%s is off", kind->paging_name);
		finding->mend = "load the module with ept=1 (Intel) or npt=1 (AMD)";
	}
}

/* The hardware's own kind is the one that is used, where there are two. NULL: none is seen. */
static const struct kind *find_kind(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (access(kinds[i].module, F_OK) == 0)
			return &kinds[i];
	return NULL;
}

bool doctor_sees_pvm(void)
{
	const struct kind *kind = find_kind();

	return kind != NULL && kind->paging_path == NULL;
}

static void look_at_kind(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, UNKNOWN, "kind of KVM");
	const struct kind *kind = find_kind();

	if (kind != NULL) {
		finding->verdict = GOOD;
		doctor_say(finding, "%s", kind->name);
		look_at_paging(doctor, kind);
		return;
	}
	doctor_say(finding, "no module of it is seen in /sys/module");
}

/* What KVM must have, and what it had better have. */
static const struct capability {
	int number;
	enum verdict without;
	const char *name, *mend;
} capabilities[] = {
	{KVM_CAP_USER_MEMORY, FATAL, "memory slots", "a newer kernel has it"},
	{KVM_CAP_SPLIT_IRQCHIP, FATAL, "split irqchip", "a newer kernel has it"},
	{KVM_CAP_SIGNAL_MSI, FATAL, "message-signalled interrupts", "a newer kernel has it"},
	{KVM_CAP_IMMEDIATE_EXIT, FATAL, "immediate exit", "a newer kernel has it"},
	{KVM_CAP_MP_STATE, FATAL, "vCPU states", "a newer kernel has it"},
	{KVM_CAP_SYNC_REGS, FATAL, "registers in the shared page", "a newer kernel has it"},
	{KVM_CAP_TSC_DEADLINE_TIMER, LACKING, "TSC deadline timer",
	 "guests fall back to a slower timer; a newer kernel has it"},
	{KVM_CAP_BINARY_STATS_FD, LACKING, "statistics",
	 "--exits cannot tell what KVM counts; Linux 5.14 and later have it"},
};

static void look_at_capabilities(struct doctor *doctor)
{
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		const struct capability *capability = &capabilities[i];
		bool has = ioctl(doctor->kvm, KVM_CHECK_EXTENSION, capability->number) > 0;
		struct finding *finding = doctor_add(doctor, has ? GOOD : capability->without,
						     capability->name);

		doctor_say(finding, "%s", has ? "yes" : "no");
		finding->mend = has ? NULL : capability->mend;
	}
}

static void look_at_huge_pages(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, UNKNOWN, "huge pages of 2 MiB");
	char line[32];

	if (doctor_read(doctor, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", line,
			sizeof(line)) < 0)
		return;
	finding->verdict = GOOD;
	doctor_say(finding, "%s free", line);
	if (strcmp(line, "0") == 0)
		finding->mend = "only --hugepages needs them: sysctl vm.nr_hugepages=N";
}

/* Unknown is no fault: it is said, and that is all. */
static int status_of(const struct doctor *doctor)
{
	int status = 0;

	for (unsigned i = 0; i < doctor->n; i++) {
		if (doctor->findings[i].verdict == FATAL)
			return 2;
		if (doctor->findings[i].verdict == LACKING)
			status = 1;
	}
	return status;
}

int doctor_run(bool json)
{
	struct doctor doctor = {.root = "", .group = "KVM", .kvm = -1};
	int status;

	look_at_kernel(&doctor);
	open_kvm(&doctor);
	look_at_kind(&doctor);
	if (doctor.kvm >= 0 && look_at_api(&doctor)) {
		look_at_vm(&doctor);
		look_at_capabilities(&doctor);
	}
	look_at_huge_pages(&doctor);
	doctor_look_at_jail(&doctor);
	doctor_look_at_host(&doctor);
	status = status_of(&doctor);
	if (json)
		doctor_print_json(&doctor, status);
	else
		doctor_print_text(&doctor);
	return status;
}
