/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/doctor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "base/scope.h"

#define FINDINGS_MAX     32
#define KERNEL_MAJOR_MIN 6
#define KERNEL_MINOR_MIN 1

enum verdict { GOOD, UNKNOWN, LACKING, FATAL };

struct finding {
	enum verdict verdict;
	const char *name;
	char value[160];
	const char *mend; /* NULL where there is nothing to mend */
};

struct doctor {
	int kvm; /* -1: cannot be opened */
	unsigned n;
	struct finding findings[FINDINGS_MAX];
};

static struct finding *add(struct doctor *doctor, enum verdict verdict, const char *name)
{
	struct finding *finding;

	assert(doctor->n < FINDINGS_MAX);
	finding = &doctor->findings[doctor->n++];
	*finding = (struct finding){.verdict = verdict, .name = name};
	return finding;
}

/* The first line of a small file, or false. */
static bool read_line(const char *path, char *ret_line, size_t size)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_line, size - 1);

	if (n < 0)
		return false;
	ret_line[n] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	return true;
}

static void look_at_kernel(struct doctor *doctor)
{
	struct utsname name;
	unsigned long major, minor;
	struct finding *finding = add(doctor, UNKNOWN, "kernel");
	char *rest;

	if (uname(&name) < 0)
		return;
	major = strtoul(name.release, &rest, 10);
	minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	snprintf(finding->value, sizeof(finding->value), "Linux %.100s", name.release);
	finding->verdict = GOOD;
	if (major > KERNEL_MAJOR_MIN || (major == KERNEL_MAJOR_MIN && minor >= KERNEL_MINOR_MIN))
		return;
	finding->verdict = LACKING;
	finding->mend = "mayfly is tested on Linux 6.1 and later";
}

static void open_kvm(struct doctor *doctor)
{
	struct finding *finding = add(doctor, FATAL, "/dev/kvm");

	doctor->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (doctor->kvm >= 0) {
		finding->verdict = GOOD;
		snprintf(finding->value, sizeof(finding->value), "can be opened");
		return;
	}
	snprintf(finding->value, sizeof(finding->value), "%s", strerror(errno));
	finding->mend =
		errno == EACCES || errno == EPERM
			? "add yourself to its group: usermod -aG kvm USER, then log in again"
			: "load the module: modprobe kvm_intel or kvm_amd; in a virtual "
			  "machine, nested virtualisation must be switched on outside";
}

static bool look_at_api(struct doctor *doctor)
{
	struct finding *finding = add(doctor, GOOD, "KVM API");
	int version = ioctl(doctor->kvm, KVM_GET_API_VERSION, 0);

	snprintf(finding->value, sizeof(finding->value), "version %d", version);
	if (version == KVM_API_VERSION)
		return true;
	finding->verdict = FATAL;
	finding->mend = "/dev/kvm is not Linux's KVM";
	return false;
}

/* A VM and a vCPU, made and thrown away: another hypervisor may have the hardware. */
static void look_at_vm(struct doctor *doctor)
{
	struct finding *finding = add(doctor, GOOD, "a VM");
	SCOPE_FD int vm = ioctl(doctor->kvm, KVM_CREATE_VM, 0);
	SCOPE_FD int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);

	snprintf(finding->value, sizeof(finding->value), "%s",
		 vcpu >= 0 ? "can be made" : strerror(errno));
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
	struct finding *finding = add(doctor, UNKNOWN, "second-level paging");
	char line[16];

	if (kind->paging_path == NULL) {
		finding->verdict = LACKING;
		snprintf(finding->value, sizeof(finding->value), "no: shadow page tables");
		finding->mend = "guest kernels run emulated, and only small integer-only ones at "
				"all; Linux guests need a host with VT-x or AMD-V";
	} else if (!read_line(kind->paging_path, line, sizeof(line))) {
		snprintf(finding->value, sizeof(finding->value), "%s does not say",
			 kind->paging_path);
	} else if (line[0] == 'Y' || line[0] == '1') {
		finding->verdict = GOOD;
		snprintf(finding->value, sizeof(finding->value), "%s", kind->paging_name);
	} else {
		finding->verdict = LACKING;
		snprintf(finding->value, sizeof(finding->value), "%s is off", kind->paging_name);
		finding->mend = "load the module with ept=1 (Intel) or npt=1 (AMD)";
	}
}

static void look_at_kind(struct doctor *doctor)
{
	struct finding *finding = add(doctor, UNKNOWN, "kind of KVM");

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (access(kinds[i].module, F_OK) < 0)
			continue;
		finding->verdict = GOOD;
		snprintf(finding->value, sizeof(finding->value), "%s", kinds[i].name);
		look_at_paging(doctor, &kinds[i]);
		return;
	}
	snprintf(finding->value, sizeof(finding->value), "no module of it is seen in /sys/module");
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
		struct finding *finding = add(doctor, has ? GOOD : capability->without,
					      capability->name);

		snprintf(finding->value, sizeof(finding->value), "%s", has ? "yes" : "no");
		finding->mend = has ? NULL : capability->mend;
	}
}

static void look_at_huge_pages(struct doctor *doctor)
{
	struct finding *finding = add(doctor, UNKNOWN, "huge pages of 2 MiB");
	char line[32];

	if (!read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", line,
		       sizeof(line)))
		return;
	finding->verdict = GOOD;
	snprintf(finding->value, sizeof(finding->value), "%s free", line);
	if (strcmp(line, "0") == 0)
		finding->mend = "only --hugepages needs them: sysctl vm.nr_hugepages=N";
}

static const char *const verdict_names[] = {"good", "unknown", "lacking", "fatal"};

static void print_text(const struct doctor *doctor)
{
	for (unsigned i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];

		printf("%-8s %-30s %s\n", verdict_names[finding->verdict], finding->name,
		       finding->verdict == UNKNOWN && finding->value[0] == '\0' ? "unknown"
										: finding->value);
		if (finding->mend != NULL)
			printf("%-8s %-30s -> %s\n", "", "", finding->mend);
	}
}

static void print_json(const struct doctor *doctor, int status)
{
	json_t *findings = json_array(), *root;

	for (unsigned i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];

		json_array_append_new(findings,
				      json_pack("{s:s, s:s, s:s, s:s?}", "name", finding->name,
						"verdict", verdict_names[finding->verdict], "value",
						finding->value, "mend", finding->mend));
	}
	root = json_pack("{s:i, s:o}", "status", status, "findings", findings);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
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
	struct doctor doctor = {.kvm = -1};
	int status;

	look_at_kernel(&doctor);
	open_kvm(&doctor);
	look_at_kind(&doctor);
	if (doctor.kvm >= 0 && look_at_api(&doctor)) {
		look_at_vm(&doctor);
		look_at_capabilities(&doctor);
	}
	look_at_huge_pages(&doctor);
	status = status_of(&doctor);
	if (json)
		print_json(&doctor, status);
	else
		print_text(&doctor);
	return status;
}
