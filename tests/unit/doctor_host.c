/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor makes of settings: a host of files, in a folder. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/doctor_findings.h"
#include "seccomp/jail.h"
#include "tests/support/run.h"

#define CPU "/sys/devices/system/cpu"

static struct doctor doctor;

/* A host with /proc and /sys, in which nothing is set. */
static void make_host(void)
{
	static char root[256];

	snprintf(root, sizeof(root), "%s", scratch("host"));
	doctor = (struct doctor){.root = root, .group = "", .kvm = -1};
}

TestSuite(doctor_host, .init = make_host);

/* Writes a file of the host's, and the folders on its way. */
static void set(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", doctor.root, path);
	for (char *slash = strchr(whole + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	file = fopen(whole, "w");
	cr_assert_not_null(file, "%s", whole);
	fputs(text, file);
	fclose(file);
}

static void set_folders(void)
{
	set("/proc/sys/kernel/osrelease", "6.1\n");
	set("/sys/kernel/uevent_seqnum", "1\n");
}

static const struct finding *find(const char *name)
{
	for (unsigned i = 0; i < doctor.n; i++)
		if (strcmp(doctor.findings[i].name, name) == 0)
			return &doctor.findings[i];
	return NULL;
}

static const struct finding *look_for(const char *name)
{
	doctor.n = 0;
	doctor_look_at_host(&doctor);
	return find(name);
}

#define JUDGED(name, wanted)                                                                       \
	do {                                                                                       \
		const struct finding *found_ = look_for(name);                                     \
		cr_assert(found_ != NULL, "%s", name);                                             \
		cr_assert_eq(found_->verdict, wanted, "%s: %d, %s", name, found_->verdict,         \
			     found_->value);                                                       \
		cr_assert(found_->verdict < ADVICE || found_->mend != NULL, "%s", name);           \
	} while (0)

/* Each file, what may stand in it, and what that means. */
static const struct {
	const char *name, *path, *text;
	enum verdict verdict;
} judgements[] = {
	{"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "0\n", ADVICE},
	{"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "10\n", GOOD},
	{"unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "0\n", ADVICE},
	{"unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "1\n", GOOD},
	{"AppArmor and user namespaces", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	 "0\n", GOOD},
	{"AppArmor and user namespaces", "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	 "1\n", ADVICE},
	{"seccomp actions", "/proc/sys/kernel/seccomp/actions_avail", "kill_process trap allow\n",
	 GOOD},
	{"seccomp actions", "/proc/sys/kernel/seccomp/actions_avail", "kill trap allow\n", LACKING},
	{"SMT", CPU "/smt/active", "0\n", GOOD},
	{"SMT", CPU "/smt/active", "1\n", ADVICE},
	{"KVM's split huge pages", CPU "/vulnerabilities/itlb_multihit", "Not affected\n", GOOD},
	{"KVM's split huge pages", CPU "/vulnerabilities/itlb_multihit",
	 "KVM: Mitigation: Split huge pages\n", GOOD},
	{"KVM's split huge pages", CPU "/vulnerabilities/itlb_multihit", "KVM: Vulnerable\n",
	 LACKING},
	{"KVM's split huge pages", CPU "/vulnerabilities/itlb_multihit", "Processor vulnerable\n",
	 UNKNOWN},
	{"KSM", "/sys/kernel/mm/ksm/run", "0\n", GOOD},
	{"KSM", "/sys/kernel/mm/ksm/run", "1\n", ADVICE},
	{"KSM", "/sys/kernel/mm/ksm/run", "2\n", GOOD},
	{"swap", "/proc/swaps", "Filename\tType\n", GOOD},
	{"swap", "/proc/swaps", "Filename\tType\n/dev/sda2\tpartition\n", ADVICE},
	{"transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled",
	 "[always] madvise never\n", GOOD},
	{"core dumps", "/proc/sys/kernel/core_pattern", "core\n", GOOD},
	{"core dumps", "/proc/sys/kernel/core_pattern", "|/bin/dump %P\n", GOOD},
	{"tracing (Yama)", "/proc/sys/kernel/yama/ptrace_scope", "0\n", ADVICE},
	{"tracing (Yama)", "/proc/sys/kernel/yama/ptrace_scope", "1\n", GOOD},
	{"KVM's halt polling", "/sys/module/kvm/parameters/halt_poll_ns", "200000\n", GOOD},
};

Test(doctor_host, judges_each_setting_by_what_its_file_says)
{
	set_folders();
	for (size_t i = 0; i < ARRAY_LEN(judgements); i++) {
		set(judgements[i].path, judgements[i].text);
		JUDGED(judgements[i].name, judgements[i].verdict);
	}
}

Test(doctor_host, tells_words_apart)
{
	set_folders();
	set("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	cr_assert(has(look_for("transparent huge pages")->value, "madvise: "));
	set("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	cr_assert(has(look_for("transparent huge pages")->value, "never: "));
	set("/proc/sys/kernel/core_pattern", "|/bin/dump %P\n");
	cr_assert(has(look_for("core dumps")->value, "to a program"));
}

/* No /proc and no /sys: nothing is known, and nothing is judged. */
Test(doctor_host, says_unknown_of_what_cannot_be_seen)
{
	doctor_look_at_host(&doctor);
	cr_assert_gt(doctor.n, 10u);
	for (unsigned i = 0; i < doctor.n; i++)
		cr_assert_eq(doctor.findings[i].verdict, UNKNOWN, "%s", doctor.findings[i].name);
}

/* A kernel without the setting. */
Test(doctor_host, knows_what_it_means_that_a_file_is_not_there)
{
	set_folders();
	JUDGED("user.max_user_namespaces", LACKING);
	JUDGED("KSM", GOOD);
	JUDGED("tracing (Yama)", ADVICE);
	JUDGED("SMT", UNKNOWN);
	cr_assert_null(find("unprivileged_userns_clone"), "Debian's alone");
	cr_assert_null(find("AppArmor and user namespaces"), "Ubuntu's alone");
}

Test(doctor_host, leaves_a_terminal_alone)
{
	set_folders();
	set("/proc/sys/user/max_user_namespaces", "\033[2J\n");
	cr_assert_str_eq(look_for("user.max_user_namespaces")->value, "?[2J");
}

Test(doctor_host, names_the_vulnerabilities_that_are_open)
{
	const struct finding *finding;

	set(CPU "/vulnerabilities/meltdown", "Not affected\n");
	set(CPU "/vulnerabilities/mds", "Mitigation: Clear CPU buffers; SMT vulnerable\n");
	JUDGED("CPU vulnerabilities", GOOD);
	set(CPU "/vulnerabilities/retbleed", "Vulnerable\n");
	JUDGED("CPU vulnerabilities", LACKING);
	cr_assert_str_eq(find("CPU vulnerabilities")->value, "retbleed");
	set(CPU "/vulnerabilities/l1tf", "Mitigation: PTE Inversion; VMX: vulnerable\n");
	set(CPU "/vulnerabilities/itlb_multihit", "KVM: Vulnerable\n"); /* has its own row */
	finding = look_for("CPU vulnerabilities");
	cr_assert(has(finding->value, "l1tf") && has(finding->value, "retbleed"), "%s",
		  finding->value);
	cr_assert(!has(finding->value, "itlb"), "%s", finding->value);
}

/* More of them than there is room for. */
Test(doctor_host, keeps_within_a_finding)
{
	char path[128];

	for (unsigned i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), CPU "/vulnerabilities/one_of_many_%u", i);
		set(path, "Vulnerable\n");
	}
	JUDGED("CPU vulnerabilities", LACKING);
}

/* Limits. */

#define SLICE "/sys/fs/cgroup/user.slice"

static void set_cgroup(const char *controllers)
{
	set("/proc/self/mountinfo", "30 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	set("/proc/self/cgroup", "1:cpu:/elsewhere\n0::/user.slice\n");
	set(SLICE "/cgroup.controllers", controllers);
	set(SLICE "/cgroup.procs", "");
	set(SLICE "/cgroup.subtree_control", "");
}

Test(doctor_host, knows_a_cgroup_that_is_delegated)
{
	set_cgroup("cpuset cpu io memory pids\n");
	JUDGED("cgroups", GOOD);
	cr_assert_str_eq(find("cgroups")->value, "version 2, delegated: --cgroup=/user.slice/NAME");
}

/* As a scope of systemd's: what runs in it keeps it from passing its controllers on. */
Test(doctor_host, knows_a_cgroup_with_processes)
{
	set_cgroup("cpuset cpu io memory pids\n");
	set(SLICE "/cgroup.type", "domain\n");
	set(SLICE "/cgroup.procs", "1\n2\n");
	JUDGED("cgroups", ADVICE);
	cr_assert_str_eq(find("cgroups")->value,
			 "version 2, yours, with processes in it: cpuset cpu io memory pids");
	set(SLICE "/cgroup.procs", "");
	set("/proc/self/cgroup", "0::/user.slice/a.scope\n");
	set(SLICE "/a.scope/cgroup.controllers", "cpu memory\n");
	set(SLICE "/a.scope/cgroup.type", "domain\n");
	set(SLICE "/a.scope/cgroup.procs", "1\n");
	set(SLICE "/a.scope/cgroup.subtree_control", "");
	JUDGED("cgroups", GOOD);
	cr_assert_str_eq(find("cgroups")->value, "version 2, delegated: --cgroup=/user.slice/NAME");
}

Test(doctor_host, knows_a_cgroup_that_is_not_ours)
{
	char path[512];

	set_cgroup("cpuset cpu io memory pids\n");
	snprintf(path, sizeof(path), "%s" SLICE "/cgroup.procs", doctor.root);
	cr_assert_eq(unlink(path), 0); /* root may write whatever is there */
	JUDGED("cgroups", ADVICE);
	cr_assert(has(find("cgroups")->value, "not yours"), "%s", find("cgroups")->value);
}

Test(doctor_host, knows_a_cgroup_that_limits_nothing)
{
	set_cgroup("cpuset hugetlb memory\n");
	JUDGED("cgroups", ADVICE);
	cr_assert(has(find("cgroups")->value, "without the controllers"), "%s",
		  find("cgroups")->value);
	set("/proc/self/cgroup", "0::/../../outside\n");
	JUDGED("cgroups", UNKNOWN);
}

Test(doctor_host, knows_cgroups_of_version_1)
{
	set_cgroup("hugetlb\n");
	set("/proc/self/mountinfo",
	    "30 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	    "31 23 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	    "32 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	JUDGED("cgroups", ADVICE);
	set("/proc/self/mountinfo",
	    "31 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
	    "32 23 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	JUDGED("cgroups", geteuid() == 0 ? GOOD : ADVICE);
	set("/proc/self/mountinfo", "1 1 0:1 / / rw - ext4 /dev/sda rw\n");
	JUDGED("cgroups", UNKNOWN);
}

/* The jail: `holds` as a cell told it. */

Test(doctor_host, judges_a_jail_by_what_holds_the_cell)
{
	static const struct {
		unsigned part;
		const char *name;
		enum verdict verdict;
	} parts[] = {
		{JAIL_HAS_NAMESPACES, "namespaces", LACKING},
		{JAIL_HAS_USER_NS, "a user namespace", ADVICE},
		{JAIL_HAS_ROOT, "an empty root", LACKING},
		{JAIL_HAS_IDS, "no ids, no capabilities", LACKING},
		{JAIL_HAS_LANDLOCK, "Landlock", LACKING},
		{JAIL_HAS_FILTERS, "system-call filters", LACKING},
	};

	doctor_judge_jail(&doctor, &(struct jail){.holds = JAIL_HAS_ALL});
	for (unsigned i = 0; i < doctor.n; i++)
		cr_assert_eq(doctor.findings[i].verdict, GOOD, "%s", doctor.findings[i].name);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		doctor.n = 0;
		doctor_judge_jail(&doctor, &(struct jail){.holds = JAIL_HAS_ALL & ~parts[i].part});
		for (unsigned j = 0; j < doctor.n; j++) {
			const struct finding *finding = &doctor.findings[j];
			bool is_it = strcmp(finding->name, parts[i].name) == 0;

			cr_assert_eq(finding->verdict, is_it ? parts[i].verdict : GOOD, "%s",
				     finding->name);
			cr_assert_eq(finding->mend != NULL, is_it);
		}
	}
}

Test(doctor_host, judges_io_uring_by_what_a_cell_comes_to)
{
	doctor_judge_ring(&doctor, "");
	cr_assert_eq(find("io_uring")->verdict, GOOD);
	doctor.n = 0;
	doctor_judge_ring(&doctor, "it is forbidden");
	cr_assert_eq(find("io_uring")->verdict, LACKING);
	cr_assert_str_eq(find("io_uring")->value, "it is forbidden");
}

/* Cores that are shared by nobody, by nobody else, and by anybody. */
Test(doctor_host, judges_core_scheduling_by_smt)
{
	static const struct {
		unsigned holds;
		const char *smt;
		enum verdict verdict;
	} cases[] = {{JAIL_HAS_CORE, "1\n", GOOD}, {0, "0\n", GOOD}, {0, "1\n", LACKING}};

	doctor_judge_core(&doctor, 0);
	cr_assert_eq(find("core scheduling")->verdict, UNKNOWN);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		doctor.n = 0;
		set(CPU "/smt/active", cases[i].smt);
		doctor_judge_core(&doctor, cases[i].holds);
		cr_assert_eq(find("core scheduling")->verdict, cases[i].verdict, "case %zu", i);
	}
}
