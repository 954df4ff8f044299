/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the host. What a file says is matched with the readings of its row in turn; the words
 * come from the table. [linux Documentation/admin-guide/hw-vuln, sysctl/kernel.rst]
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor/doctor_findings.h"

#define TEXT_MAX     4096
#define READINGS_MAX 4

#define VULNERABILITIES "/sys/devices/system/cpu/vulnerabilities"

struct reading {
	const char *pattern; /* of fnmatch(3); NULL: there is no such file */
	enum verdict verdict;
	const char *meaning; /* NULL: the text itself */
	const char *mend;
};

/* A row whose file is not there, and that has no reading for it, is left out: no such setting. */
static const struct setting {
	const char *name, *path;
	struct reading readings[READINGS_MAX];
} settings[] = {
	{"user.max_user_namespaces",
	 "/proc/sys/user/max_user_namespaces",
	 {{"0", ADVICE, "0: nobody may make one",
	   "an ordinary user's cell then shares everything with the host but what the filters and "
	   "Landlock keep from it: sysctl user.max_user_namespaces=10000"},
	  {"*", GOOD, NULL, NULL},
	  {NULL, LACKING, "this kernel has no user namespaces",
	   "a kernel with CONFIG_USER_NS has them"}}},
	{"unprivileged_userns_clone",
	 "/proc/sys/kernel/unprivileged_userns_clone",
	 {{"0", ADVICE, "0: only root may make a user namespace",
	   "Debian's switch: sysctl kernel.unprivileged_userns_clone=1"},
	  {"*", GOOD, NULL, NULL}}},
	{"AppArmor and user namespaces",
	 "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	 {{"0", GOOD, "not restricted", NULL},
	  {"*", ADVICE, "an ordinary user has no rights in his own",
	   "Ubuntu's switch: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or better an "
	   "AppArmor profile for mayfly with the line \"userns,\": see mayfly-jail(7)"}}},
	{"seccomp actions",
	 "/proc/sys/kernel/seccomp/actions_avail",
	 {{"*kill_process*", GOOD, "kill_process", NULL},
	  {"*", LACKING, "no kill_process",
	   "a forbidden call would end a thread, not the cell: Linux 4.14 and later have it"},
	  {NULL, UNKNOWN, "the kernel does not list them", NULL}}},
	{"SMT",
	 "/sys/devices/system/cpu/smt/active",
	 {{"0", GOOD, "off: a core runs one thread", NULL},
	  {"1", ADVICE, "on: two threads share a core and its caches",
	   "core scheduling keeps other processes off a guest's core, but not the host's kernel; "
	   "against hostile guests the whole cure is SMT off: boot with nosmt, or "
	   "echo off >/sys/devices/system/cpu/smt/control"},
	  {NULL, UNKNOWN, "", NULL}}},
	{"KVM's split huge pages",
	 VULNERABILITIES "/itlb_multihit",
	 {{"Not affected", GOOD, "not needed by this CPU", NULL},
	  {"KVM: Mitigation*", GOOD, NULL, NULL},
	  {"*Vulnerable*", LACKING, NULL,
	   "a guest can halt this CPU, and the host with it: load kvm with nx_huge_pages=auto or "
	   "force"},
	  {NULL, UNKNOWN, "", NULL}}},
	{"KSM",
	 "/sys/kernel/mm/ksm/run",
	 {{"1", ADVICE, "on: equal pages of different processes are merged",
	   "how long a write takes then tells who has the same page. mayfly offers none of a guest's, "
	   "and from Linux 6.4 on takes back what its parent offers (MemoryKSM= of systemd): echo 2 >/sys/kernel/mm/ksm/run"},
	  {"*", GOOD, "off", NULL},
	  {NULL, GOOD, "not in this kernel", NULL}}},
	{"swap",
	 "/proc/swaps",
	 {{"*\n/*", ADVICE, "on: what a guest has in memory may come to lie on a disk",
	   "encrypt it, use zram, set memory.swap.max=0 in the cgroup of the cells, or swapoff -a"},
	  {"*", GOOD, "none", NULL},
	  {NULL, GOOD, "not in this kernel", NULL}}},
	{"transparent huge pages",
	 "/sys/kernel/mm/transparent_hugepage/enabled",
	 {{"*[[]always]*", GOOD, "always: faster, and memory goes by 2 MiB at a time", NULL},
	  {"*[[]madvise]*", GOOD, "madvise: guests have pages of 4 KiB, and use what they touch",
	   NULL},
	  {"*", GOOD, "never: guests have pages of 4 KiB, and use what they touch", NULL},
	  {NULL, GOOD, "not in this kernel", NULL}}},
	{"core dumps",
	 "/proc/sys/kernel/core_pattern",
	 {{"|*", GOOD, "to a program, whatever RLIMIT_CORE says; of a cell there is none", NULL},
	  {"*", GOOD, "to a file; of a cell there is none", NULL},
	  {NULL, UNKNOWN, "", NULL}}},
	{"tracing (Yama)",
	 "/proc/sys/kernel/yama/ptrace_scope",
	 {{"0", ADVICE, "0: your programs may read each other's memory",
	   "not a cell's, but the supervisor's, which has your files open: "
	   "sysctl kernel.yama.ptrace_scope=1"},
	  {"*", GOOD, NULL, NULL},
	  {NULL, ADVICE, "no Yama: your programs may read each other's memory",
	   "not a cell's, but the supervisor's, which has your files open: a kernel with "
	   "CONFIG_SECURITY_YAMA can forbid it"}}},
	{"KVM's halt polling",
	 "/sys/module/kvm/parameters/halt_poll_ns",
	 {{"0", GOOD, "off", NULL},
	  {"*", GOOD, "on: an idle vCPU keeps its CPU for a moment before it sleeps", NULL},
	  {NULL, UNKNOWN, "", NULL}}},
};

/* Without /proc or /sys nothing can be said of what would be there. */
static bool has_folder_of(const struct doctor *doctor, const char *path)
{
	char folder[256];

	snprintf(folder, sizeof(folder), "%s%s", doctor->root,
		 strncmp(path, "/proc/", 6) == 0 ? "/proc/sys/kernel" : "/sys/kernel");
	return access(folder, F_OK) == 0;
}

/* The reading that fits, or NULL: nothing is known. `text` NULL: there is no such file. */
static const struct reading *find_reading(const struct setting *setting, const char *text)
{
	for (size_t i = 0; i < READINGS_MAX; i++) {
		const struct reading *reading = &setting->readings[i];

		if (text == NULL
			    ? reading->pattern == NULL && reading->meaning != NULL
			    : reading->pattern != NULL && fnmatch(reading->pattern, text, 0) == 0)
			return reading;
	}
	return NULL;
}

static void look_at_setting(struct doctor *doctor, const struct setting *setting)
{
	char text[TEXT_MAX];
	int ret = doctor_read(doctor, setting->path, text, sizeof(text));
	bool is_absent = ret == -ENOENT && has_folder_of(doctor, setting->path);
	const struct reading *reading = find_reading(setting, ret == 0 ? text : NULL);
	struct finding *finding;

	if (is_absent && reading == NULL)
		return;
	finding = doctor_add(doctor, UNKNOWN, setting->name);
	if (ret < 0 && !is_absent) {
		doctor_say(finding, "%s: %s", setting->path, strerror(-ret));
	} else if (reading == NULL) {
		doctor_say(finding, "%s", text);
	} else {
		finding->verdict = reading->verdict;
		finding->mend = reading->mend;
		doctor_say(finding, "%s", reading->meaning != NULL ? reading->meaning : text);
	}
}

/* What the kernel itself says is open; SMT and itlb_multihit have rows of their own. */
static bool is_open(const struct doctor *doctor, const char *name)
{
	char path[300], text[256];

	snprintf(path, sizeof(path), VULNERABILITIES "/%s", name);
	return name[0] != '.' && strcmp(name, "itlb_multihit") != 0 &&
	       doctor_read(doctor, path, text, sizeof(text)) == 0 &&
	       (strstr(text, "Vulnerable") != NULL || strstr(text, "VMX: vulnerable") != NULL);
}

static void look_at_cpu(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, GOOD, "CPU vulnerabilities");
	char path[256], names[200] = "";
	size_t len = 0;
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "%s%s", doctor->root, VULNERABILITIES);
	folder = opendir(path);
	if (folder == NULL) {
		finding->verdict = UNKNOWN;
		return;
	}
	while ((entry = readdir(folder)) != NULL)
		if (is_open(doctor, entry->d_name) && len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len > 0 ? ", " : "", entry->d_name);
	closedir(folder);
	doctor_say(finding, "%s", names[0] != '\0' ? names : "none that the kernel leaves open");
	if (names[0] == '\0')
		return;
	finding->verdict = LACKING;
	finding->mend =
		"a guest may read memory that is not its own: newer microcode and kernel, no "
		"mitigations=off; in a virtual machine, its host must show the CPU's cures. " VULNERABILITIES
		" says more";
}

void doctor_look_at_host(struct doctor *doctor)
{
	doctor->group = "Host: settings that keep guests apart";
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		look_at_setting(doctor, &settings[i]);
	look_at_cpu(doctor);
	doctor_look_at_cgroup(doctor);
}
