/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside what containers put around a program: filters that know too little, capabilities that are
 * gone, ids and namespaces that are few. A run starts all the same, or says in words what it misses.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/host.h"
#include "tests/support/run.h"

#define SOMEBODY   1234
#define NAMESPACES 0x7e020000U /* of clone's flags, as Docker's filter has them */

#define HELLO "Hello from a mayfly.\n"

static const char *program;

static void init(void)
{
	need_kvm();
	need_root("to make containers");
	if (is_sanitized())
		cr_skip_test("a sanitizer's build has no filters");
	program = mayfly_path();
}

TestSuite(containers, .init = init, .timeout = 120);

/* In the process that becomes mayfly. */
static void check(bool is_done)
{
	if (!is_done)
		_exit(96);
}

/* A filter that answers these calls with an error; of clone, only where it asks for namespaces. */
static void answer(int error, const char *const calls[])
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool is_user = geteuid() != 0;

	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, is_user);
	for (; *calls != NULL; calls++) {
		int call = seccomp_syscall_resolve_name(*calls);

		if (strcmp(*calls, "clone") != 0) {
			check(seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error), call, 0) ==
			      0);
			continue;
		}
		for (unsigned bit = 1; bit != 0; bit <<= 1)
			if ((NAMESPACES & bit) != 0)
				check(seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error),
						       call, 1,
						       SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) == 0);
	}
	check(seccomp_load(filter) == 0);
	seccomp_release(filter);
}

static void without_clone3(void)
{
	answer(ENOSYS, (const char *const[]){"clone3", NULL});
}

/* Keeps these; exec takes the others from what root has. */
static void keep_capabilities(const int *list, size_t n)
{
	for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
		bool is_kept = false;

		for (size_t i = 0; i < n; i++)
			is_kept |= list[i] == capability;
		check(is_kept || prctl(PR_CAPBSET_DROP, capability) == 0 || errno == EINVAL);
	}
}

static const int of_docker[] = {CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FSETID,           CAP_FOWNER,
				CAP_MKNOD,   CAP_NET_RAW,      CAP_SETGID,           CAP_SETUID,
				CAP_SETFCAP, CAP_SETPCAP,      CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
				CAP_KILL,    CAP_AUDIT_WRITE};

/* What Docker forbids who has not CAP_SYS_ADMIN, by its default profile. */
static void docker(void)
{
	keep_capabilities(of_docker, sizeof(of_docker) / sizeof(of_docker[0]));
	answer(EPERM,
	       (const char *const[]){"clone", "unshare", "setns", "mount", "umount2", "pivot_root",
				     "fsopen", "fsmount", "move_mount", "mount_setattr", "bpf",
				     "perf_event_open", "keyctl", "userfaultfd", NULL});
	without_clone3();
}

/* As it was before it knew clone3 and Landlock: what is unknown is forbidden. */
static void old_docker(void)
{
	docker();
	answer(EPERM, (const char *const[]){"clone3", "landlock_create_ruleset",
					    "landlock_restrict_self", NULL});
}

static void without_landlock(void)
{
	answer(ENOSYS, (const char *const[]){"landlock_create_ruleset", "landlock_add_rule",
					     "landlock_restrict_self", NULL});
}

static void without_capabilities(void)
{
	keep_capabilities(NULL, 0);
}

/* Of the ids: a capability alone. */
static void only_setuid(void)
{
	keep_capabilities((const int[]){CAP_SETUID}, 1);
}

static void only_setfcap(void)
{
	keep_capabilities((const int[]){CAP_SETFCAP}, 1);
}

static json_t *jail_in(const char *report)
{
	return json_object_get(json_load_file(report, 0, NULL), "jail");
}

static bool holds(json_t *jail, const char *part)
{
	return json_is_true(json_object_get(jail, part));
}

/* A run in the default mode, that starts and says this; what the report has of its jail. */
static json_t *start_in(void (*container)(void), const char *words)
{
	const char *report = scratch("report.json");
	char said[512] = "";
	struct run run;

	run_after(container);
	run = run_program((const char *const[]){program, "run", "--report", report, NULL}, NULL);
	run_after(NULL);
	if (words[0] != '\0')
		snprintf(said, sizeof(said), "mayfly: --jail=default: %s\n", words);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, HELLO);
	cr_assert_str_eq(run.err, said);
	return jail_in(report);
}

static void refuse_in(void (*container)(void), const char *words)
{
	struct run run;

	run_after(container);
	run = run_program((const char *const[]){program, "run", "--jail=strict", NULL}, NULL);
	run_after(NULL);
	cr_assert_eq(run.status, 126, "%s", run.err);
	cr_assert(has(run.err, words), "%s", run.err);
}

#define KEEPS_ROOT "the cell keeps root's user or group, without its capabilities"

Test(containers, of_docker_leave_ids_landlock_and_filters)
{
	json_t *jail = start_in(docker, "this host gives no namespaces");

	cr_assert(holds(jail, "no_privileges") && holds(jail, "landlock") &&
		  holds(jail, "filters"));
	refuse_in(docker, "--jail=strict: user, mount, pid, ipc, uts, cgroup, network namespaces "
			  "(see mayfly doctor): Operation not permitted\n");
}

Test(containers, of_an_old_docker_leave_ids_and_filters)
{
	json_t *jail = start_in(old_docker, "this host gives no namespaces; "
					    "no Landlock can be had here");

	cr_assert(holds(jail, "no_privileges") && holds(jail, "filters"));
}

Test(containers, without_clone3_make_the_same_cell_by_clone)
{
	json_t *jail = start_in(without_clone3, "");

	cr_assert(holds(jail, "user_namespace") && holds(jail, "namespaces") &&
		  holds(jail, "empty_root") && holds(jail, "no_privileges"));
}

Test(containers, without_landlock_are_said)
{
	json_t *jail = start_in(without_landlock, "no Landlock can be had here");

	cr_assert(holds(jail, "empty_root") && holds(jail, "filters"));
	refuse_in(without_landlock, "--jail=strict: Landlock: Function not implemented\n");
}

/* No id can be given at all: the namespaces and the empty root hold the caller, without a name. */
Test(containers, without_capabilities_keep_root_in_its_namespaces)
{
	json_t *jail = start_in(without_capabilities, KEEPS_ROOT);

	cr_assert(holds(jail, "user_namespace") && holds(jail, "namespaces") &&
		  holds(jail, "empty_root") && holds(jail, "filters"));
	cr_assert_not(holds(jail, "no_privileges"));
	refuse_in(without_capabilities, "--jail=strict: a user and a group that are not root's");
}

Test(containers, with_half_the_rights_over_ids_use_them)
{
	start_in(only_setuid, KEEPS_ROOT);
	start_in(only_setfcap, KEEPS_ROOT);
	refuse_in(only_setuid, "--jail=strict: a user and a group that are not root's");
}

Test(containers, without_capabilities_give_no_ids_that_were_asked_for)
{
	struct run run;

	run_after(without_capabilities);
	run = RUN("run", "--uid=4321");
	cr_assert_eq(run.status, 126);
	cr_assert_str_eq(run.err, "mayfly: --uid, --gid: the cell cannot be given 4321 and 65534: "
				  "Operation not permitted\n");
}

/* A container whose user namespace allows none of these; its root has no other id. */
static struct run run_without(const char *kind, const char *mode)
{
	const char *script = "echo 0 >/proc/sys/user/max_$0_namespaces && exec \"$@\"";

	need_program("unshare");
	return run_program((const char *const[]){"/usr/bin/unshare", "--user", "--map-root-user",
						 "/bin/sh", "-c", script, kind, program, "run",
						 mode, NULL},
			   NULL);
}

Test(containers, that_give_some_namespaces_have_these_used)
{
	struct run run = run_without("pid", "--jail=default");

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "mayfly: --jail=default: this host gives no pid namespaces\n");
	run = run_without("mnt", "--jail=default");
	cr_assert_str_eq(run.err, "mayfly: --jail=default: this host gives no mount namespaces\n");
	run = run_without("net", "--jail=default");
	cr_assert_str_eq(run.err, "");
	run = run_without("net", "--jail=strict");
	cr_assert_eq(run.status, 126);
	cr_assert_str_eq(run.err, "mayfly: --jail=strict: network namespaces (see mayfly doctor): "
				  "No space left on device\n");
}

/* Its numbers in /proc are not those that we know. */
Test(containers, with_their_hosts_proc_find_the_cell_in_it)
{
	const char *report = scratch("report.json");
	struct run run;

	need_program("unshare");
	run = run_program((const char *const[]){"/usr/bin/unshare", "--pid", "--fork", program,
						"run", "--jail=strict", "--report", report, NULL},
			  NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
	cr_assert(holds(jail_in(report), "no_privileges"));
}

static void write_own(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void without_proc(void)
{
	/* Who has become another user may otherwise not write what is his in /proc. */
	check(prctl(PR_SET_DUMPABLE, 1) == 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
	write_own("/proc/self/setgroups", "deny");
	write_own("/proc/self/uid_map", "1234 1234 1");
	write_own("/proc/self/gid_map", "1234 1234 1");
	check(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
}

/* No id can be mapped where nothing can be written; a user's cell is the user all the same. */
Test(containers, without_proc_leave_an_ordinary_user_what_he_is)
{
	struct run run;

	program = public_copy(program);
	run_as(SOMEBODY);
	run_after(without_proc);
	run = run_program((const char *const[]){program, "run", "--jail=strict", NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
}

Test(containers, without_clone3_hold_an_ordinary_users_cell)
{
	struct run run;

	program = public_copy(program);
	run_as(SOMEBODY);
	run_after(without_clone3);
	run = run_program((const char *const[]){program, "run", "--jail=strict", NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
}

/* What an ordinary user makes of his subordinate ids: more than one, and rights over them alone. */
static void map_many(pid_t pid)
{
	static const char map[] = "0 0 1\n1 100000 65535\n";
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	write_own(path, map);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	write_own(path, map);
	_exit(0);
}

static void rootless_podman(void)
{
	pid_t self = getpid(), helper;
	int ends[2], status;
	char go;

	check(pipe2(ends, O_CLOEXEC) == 0);
	helper = fork();
	if (helper == 0) {
		close(ends[1]);
		check(read(ends[0], &go, 1) == 0);
		map_many(self);
	}
	check(helper > 0 && unshare(CLONE_NEWUSER) == 0 && close(ends[1]) == 0);
	check(waitpid(helper, &status, 0) == helper && status == 0);
	check(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	keep_capabilities(of_docker, sizeof(of_docker) / sizeof(of_docker[0]));
	answer(EPERM, (const char *const[]){"bpf", "perf_event_open", "keyctl", "userfaultfd",
					    "open_by_handle_at", NULL});
}

/* Its list is of what is allowed, and that of version 252 is older than Landlock. */
static void nspawn(void)
{
	answer(EPERM,
	       (const char *const[]){"bpf", "perf_event_open", "keyctl", "add_key", "request_key",
				     "kexec_load", "open_by_handle_at", "settimeofday", "swapon",
				     "init_module", "pidfd_getfd", "process_vm_readv",
				     "landlock_create_ruleset", "landlock_restrict_self", NULL});
}

/* Ubuntu's AppArmor: a user namespace for everybody, and no rights in it. */
static void ubuntu(void)
{
	answer(EACCES, (const char *const[]){"mount", "umount2", "pivot_root", "fsopen", "fsmount",
					     "move_mount", "chroot", NULL});
}

Test(containers, of_podman_and_nspawn_leave_every_namespace)
{
	json_t *jail = start_in(rootless_podman, "");

	cr_assert(holds(jail, "user_namespace") && holds(jail, "empty_root") &&
		  holds(jail, "no_privileges"));
	jail = start_in(nspawn, "no Landlock can be had here");
	cr_assert(holds(jail, "user_namespace") && holds(jail, "empty_root") &&
		  holds(jail, "no_privileges"));
}

Test(containers, of_ubuntu_leave_all_but_the_root)
{
	struct run run;

	program = public_copy(program);
	run_as(SOMEBODY);
	run_after(ubuntu);
	run = run_program((const char *const[]){program, "run", NULL}, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "mayfly: --jail=default: no empty root can be had here: "
				  "the cell is left with its caller's\n");
	refuse_in(ubuntu, "--jail=strict: an empty root (see mayfly doctor): Permission denied\n");
}

/* The words of one of the doctor's lines, and whether it mentions this as the cure. */
static void expect_finding(const char *name, const char *value, const char *cure)
{
	struct run run = run_program((const char *const[]){program, "doctor", "--json", NULL},
				     NULL);
	json_t *json = json_loads(run.out, 0, NULL), *finding;
	size_t i;

	cr_assert(json != NULL, "%s", run.err);
	json_array_foreach (json_object_get(json, "findings"), i, finding) {
		const char *mend = json_string_value(json_object_get(finding, "mend"));

		if (strcmp(json_string_value(json_object_get(finding, "name")), name) != 0)
			continue;
		cr_assert_str_eq(json_string_value(json_object_get(finding, "value")), value);
		cr_assert(cure == NULL || (mend != NULL && has(mend, cure)), "%s", mend);
		return;
	}
	cr_assert_fail("no \"%s\" in %s", name, run.out);
}

static void forbidding_io_uring(void)
{
	answer(EPERM, (const char *const[]){"io_uring_setup", "io_uring_enter", "io_uring_register",
					    NULL});
}

static void without_io_uring(void)
{
	answer(ENOSYS, (const char *const[]){"io_uring_setup", "io_uring_enter",
					     "io_uring_register", NULL});
}

/* Docker's default since 2023, and what knows no io_uring. */
Test(containers, without_io_uring_run_guests_without_devices_and_say_why_no_others)
{
	static const struct {
		void (*container)(void);
		const char *words;
	} containers[] = {
		{forbidding_io_uring, "io_uring is forbidden here, by the sysctl "},
		{without_io_uring,
		 "this kernel has no io_uring, or a container's filter hides it; "},
	};

	for (size_t i = 0; i < 2; i++) {
		struct run run;

		start_in(containers[i].container, "");
		run_after(containers[i].container);
		run = RUN("run", "--rng=on");
		cr_assert_eq(run.status, 126, "%s", run.err);
		cr_assert_str_eq(run.out, "");
		cr_assert(has(run.err, containers[i].words), "%s", run.err);
	}
}

Test(containers, are_what_the_doctor_sees)
{
	run_after(old_docker);
	expect_finding("namespaces", "no namespaces", "must let clone pass");
	expect_finding("no ids, no capabilities", "yes", NULL);
	expect_finding("Landlock", "no", "seccomp profile must let it pass");
	expect_finding("system-call filters", "yes", NULL);
	run_after(without_capabilities);
	expect_finding("namespaces", "mount, pid, ipc, uts, cgroup", NULL);
	expect_finding("no ids, no capabilities", "no", "CAP_SETUID");
	expect_finding("io_uring", "yes", NULL);
	run_after(without_io_uring);
	expect_finding("io_uring",
		       "this kernel has no io_uring, or a container's filter hides it; a microVM's "
		       "devices need it: Function not implemented",
		       "seccomp profile must let io_uring_setup");
	run_after(without_landlock);
	expect_finding("Landlock", "no", "Linux 5.13");
	expect_finding("Landlock's version", "0", NULL);
	program = public_copy(program);
	run_as(SOMEBODY);
	run_after(ubuntu);
	expect_finding("an empty root", "no", "AppArmor");
	expect_finding("no ids, no capabilities", "yes", NULL);
}

static void without_pidfd_send_signal(void)
{
	answer(ENOSYS, (const char *const[]){"pidfd_send_signal", NULL});
}

static void forbidding_pidfd_send_signal(void)
{
	answer(EPERM, (const char *const[]){"pidfd_send_signal", NULL});
}

/* A guest that spins is called away and asked; a cell that says nothing is killed. */
static void limit_time_in(void (*container)(void))
{
	char attacker[256];
	struct run run;

	snprintf(attacker, sizeof(attacker), "%.*sattacker",
		 (int)(strrchr(program, '/') + 1 - program), program);
	run_after(container);
	run = RUN("run", "--timeout=300ms", "-f", "elf", guest("act"), "--", "spin");
	cr_assert_eq(run.status, 124, "%d %s", run.status, run.err);
	cr_assert(has(run.err, "the time limit ended the run; vCPU 0 ran"), "%s", run.err);
	run = run_program((const char *const[]){attacker, "run", "--timeout=300ms", "--", "silent",
						"0", "0", "0", NULL},
			  NULL);
	run_after(NULL);
	cr_assert_eq(run.status, 124, "%d %s", run.status, run.err);
	cr_assert(has(run.err, "the cell did not answer"), "%s", run.err);
}

Test(containers, without_pidfd_send_signal_limit_time_all_the_same)
{
	limit_time_in(without_pidfd_send_signal);
	limit_time_in(forbidding_pidfd_send_signal);
}
