/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a live cell, stage by stage, as /proc shows it from outside; and each stage alone. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

#define SOMEBODY        1234
#define PR_MEMORY_MERGE 67 /* PR_SET_MEMORY_MERGE, from Linux 6.4 on */

static const char *program, *image;
static struct process process;
static pid_t cell;

/* A run that says "up". */
static void start_with(const char *const argv[])
{
	process = process_start(argv, false);
	cr_assert(process_wait_for(&process, "up\n"), "%s", process_finish(&process).err);
	cell = child_of(process.pid);
	cr_assert_gt(cell, 0);
}

/* One with two vCPUs that spin, with these options. */
static void start(const char *option, const char *more)
{
	start_with((const char *const[]){program, "run", "-c", "2", option, more, "-f", "elf",
					 image, "--", "say", "up", "spin", NULL});
}

static struct run end(void)
{
	kill(process.pid, SIGQUIT);
	return process_finish(&process);
}

static void init(void)
{
	need_kvm();
	if (is_sanitized())
		cr_skip_test("a sanitizer's build has no filters");
	program = mayfly_path();
	image = guest("act");
}

TestSuite(stages, .init = init, .timeout = 120);

static const char *proc(pid_t pid, const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return path;
}

/* The value of a line of /proc/PID/status. */
static const char *status_of(pid_t pid, const char *key)
{
	char *text = read_file(proc(pid, "status"), NULL), *line, *rest = text;
	size_t len = strlen(key);

	while ((line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	cr_assert_fail("no %s", key);
	return NULL;
}

static unsigned long namespace_of(pid_t pid, const char *name)
{
	struct stat status;
	char link[32];

	snprintf(link, sizeof(link), "ns/%s", name);
	cr_assert_eq(stat(proc(pid, link), &status), 0, "%s", strerror(errno));
	return status.st_ino;
}

static unsigned count_entries(const char *path)
{
	DIR *folder = opendir(path);
	unsigned n = 0;

	cr_assert(folder != NULL, "%s: %s", path, strerror(errno));
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(folder);
	return n;
}

static void check_namespaces(bool network)
{
	static const char *const own[] = {"user", "mnt", "pid", "ipc", "uts", "cgroup"};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		cr_assert_neq(namespace_of(cell, own[i]), namespace_of(process.pid, own[i]), "%s",
			      own[i]);
	cr_assert_eq(namespace_of(cell, "net") != namespace_of(process.pid, "net"), network);
}

static void check_privileges(void)
{
	static const char *const none[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		cr_assert_str_eq(status_of(cell, none[i]), "0000000000000000", "%s", none[i]);
	cr_assert_str_eq(status_of(cell, "NoNewPrivs"), "1");
	cr_assert_str_eq(status_of(cell, "Seccomp"), "2");
	cr_assert_str_eq(status_of(cell, "Seccomp_filters"), "2", "set-up and final");
}

/* The second filter of every thread, not only of the first. Returns how many there are. */
static unsigned check_threads(void)
{
	DIR *folder = opendir(proc(cell, "task"));
	unsigned n = 0;

	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char name[300];

		if (entry->d_name[0] == '.')
			continue;
		/* KVM adds a thread of its own, which never leaves the kernel. */
		snprintf(name, sizeof(name), "task/%s/comm", entry->d_name);
		if (has(read_file(proc(cell, name), NULL), "kvm-"))
			continue;
		snprintf(name, sizeof(name), "task/%s/status", entry->d_name);
		cr_assert(has(read_file(proc(cell, name), NULL), "Seccomp_filters:\t2\n"), "%s",
			  name);
		n++;
	}
	closedir(folder);
	return n;
}

static void check_memory(void)
{
	char *maps = read_file(proc(cell, "maps"), NULL), *line;

	while ((line = strsep(&maps, "\n")) != NULL)
		cr_assert_not(strstr(line, " rwx") != NULL || strstr(line, " -wx") != NULL, "%s",
			      line);
}

static bool contains(const char *bytes, size_t len, const char *text)
{
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

/* Is any of the texts in this part of the cell's memory? Each part must be read to its end. */
static void search_part(int memory, const char *line, const char *const *texts)
{
	char *rest;
	unsigned long from = strtoul(line, &rest, 16), to = strtoul(rest + 1, NULL, 16);
	size_t len = to - from;
	char *bytes = malloc(len);

	cr_assert_eq(pread(memory, bytes, len, (off_t)from), (ssize_t)len, "%s", line);
	for (; *texts != NULL; texts++)
		cr_assert_not(contains(bytes, len, *texts), "\"%s\" is in %s", *texts, line);
	free(bytes);
}

/* None of the texts is left in stack, heap or data; the guest's memory is larger than these. */
static void check_strings(const char *const *texts)
{
	char *maps = read_file(proc(cell, "maps"), NULL), *line;
	int memory = open(proc(cell, "mem"), O_RDONLY);
	unsigned n_stacks = 0, n_data = 0;

	cr_assert_geq(memory, 0, "%s", strerror(errno));
	while ((line = strsep(&maps, "\n")) != NULL) {
		char *rest;
		unsigned long from = strtoul(line, &rest, 16);

		if (strstr(line, " rw-p") == NULL ||
		    strtoul(rest + 1, NULL, 16) - from > (16 << 20))
			continue;
		search_part(memory, line, texts);
		n_stacks += strstr(line, "[stack]") != NULL;
		n_data += strstr(line, "/mayfly") != NULL;
	}
	close(memory);
	cr_assert_eq(n_stacks, 1u);
	cr_assert_geq(n_data, 1u);
}

#define SECRET        "MAYFLY_TEST_SECRET"
#define SECRET_CGROUP "/mayfly-secret"

/* By arguments, by environment, by --cgroup and by the configuration file. */
Test(stages, leave_the_cell_no_text_of_its_callers)
{
	const char *const texts[] = {SECRET, SECRET_CGROUP, image, "scratch-secret", NULL};
	const char *path = scratch("scratch-secret.json");
	bool has_cgroup = access("/sys/fs/cgroup", W_OK) == 0;
	FILE *file = fopen(path, "w");

	need_root("to read a cell's memory, and to make cgroups");
	fprintf(file,
		"{\"boot-source\": {\"kernel_image_path\": \"%s\", "
		"\"boot_args\": \"say up spin\"}}",
		image);
	fclose(file);
	setenv(SECRET, SECRET, 1);
	start("--jail=default", has_cgroup ? "--cgroup=" SECRET_CGROUP : "-q");
	check_strings(texts);
	end();
	start_with((const char *const[]){program, "run", "-f", "elf", "--config", path, "--report",
					 scratch("scratch-secret"), NULL});
	check_strings(texts);
	end();
}

Test(stages, of_the_default_hold_a_live_cell)
{
	struct stat status;
	char *limits;

	start("--jail=default", "-q");
	check_namespaces(false);
	check_privileges();
	cr_assert_eq(check_threads(), 2u);
	check_memory();
	/* Its socket, the serial port's output, the VM, two vCPUs. */
	cr_assert_eq(count_entries(proc(cell, "fd/")), 5u);
	cr_assert_eq(count_entries(proc(cell, "root/")), 0u, "the root is not empty");
	cr_assert_str_eq(strrchr(status_of(cell, "NSpid"), '\t'), "\t1");
	if (geteuid() == 0) {
		cr_assert_str_eq(status_of(cell, "Uid"), "65534\t65534\t65534\t65534");
		cr_assert_str_eq(status_of(cell, "Gid"), "65534\t65534\t65534\t65534");
		cr_assert(strspn(status_of(cell, "Groups"), " ") ==
			  strlen(status_of(cell, "Groups")));
	}
	/* Not dumpable: its files in /proc are root's. */
	cr_assert_eq(stat(proc(cell, "mem"), &status), 0);
	cr_assert_eq(status.st_uid, 0u);
	limits = read_file(proc(cell, "limits"), NULL);
	cr_assert(has(limits, "Max core file size        0                    0"), "%s", limits);
	cr_assert(has(limits, "Max open files            256                  256"), "%s", limits);
	cr_assert(has(limits, "Max processes             6                    6"), "%s", limits);
	cr_assert_eq(end().status, 128 + SIGQUIT);
}

static void offer_pages(void)
{
	prctl(PR_MEMORY_MERGE, 1, 0, 0, 0);
}

/* What a parent offers to be merged is inherited. */
Test(stages, keep_a_cells_pages_unmerged)
{
	run_after(offer_pages);
	start("--jail=default", "-q");
	if (access(proc(process.pid, "ksm_stat"), F_OK) < 0 ||
	    !has(read_file(proc(process.pid, "ksm_stat"), NULL), "ksm_merge_any: yes")) {
		end();
		cr_skip_test("this kernel merges no pages");
	}
	cr_assert(has(read_file(proc(cell, "ksm_stat"), NULL), "ksm_merge_any: no"));
	end();
}

/* Beside the two vCPUs and what KVM adds: a loop, and the kernel's threads for its ring. */
Test(stages, hold_a_loop_too_and_leave_its_ring_room)
{
	char *limits;

	start("--rng=on", "-q");
	cr_assert_eq(check_threads(), 3u);
	limits = read_file(proc(cell, "limits"), NULL);
	cr_assert(has(limits, "Max processes             12                   12"), "%s", limits);
	cr_assert_eq(end().status, 128 + SIGQUIT);
}

Test(stages, of_strict_have_an_empty_network_too)
{
	start("--jail=strict", "-q");
	check_namespaces(true);
	check_privileges();
	cr_assert(has(read_file(proc(cell, "net/dev"), NULL), "lo:"));
	cr_assert_not(has(read_file(proc(cell, "net/dev"), NULL), "eth0"));
	cr_assert_eq(end().status, 128 + SIGQUIT);
}

Test(stages, of_off_are_none_and_that_is_said)
{
	struct run run;

	start("--jail=off", "-v");
	cr_assert_eq(namespace_of(cell, "user"), namespace_of(process.pid, "user"));
	cr_assert_str_eq(status_of(cell, "NoNewPrivs"), "0");
	cr_assert_str_eq(status_of(cell, "Seccomp"), "0");
	run = end();
	cr_assert(has(run.err, "mayfly: --jail=off: the cell is not confined\n"), "%s", run.err);
}

Test(stages, give_root_a_cell_with_the_ids_asked_for)
{
	need_root("others may only be themselves");
	start("--uid=4321", "--gid=1234");
	cr_assert_str_eq(status_of(cell, "Uid"), "4321\t4321\t4321\t4321");
	cr_assert_str_eq(status_of(cell, "Gid"), "1234\t1234\t1234\t1234");
	end();
}

Test(stages, hold_the_cell_of_an_ordinary_user)
{
	struct run run;

	need_root("to become somebody else");
	program = public_copy(program);
	image = public_copy(image);
	run_as(SOMEBODY);
	start("--jail=strict", "-v");
	check_namespaces(true);
	check_privileges();
	cr_assert_eq(count_entries(proc(cell, "root/")), 0u, "the root is not empty");
	cr_assert_str_eq(status_of(cell, "Uid"), "1234\t1234\t1234\t1234");
	end();
	run = run_program((const char *const[]){program, "run", "--uid=0", NULL}, NULL);
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: --uid: 0 is another user: only root can do that\n");
}

/* A host without user namespaces, as a limit of a namespace around it makes one. */
Test(stages, without_namespaces_are_said_or_refused)
{
	const char *script = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$0\" \"$@\"";
	const char *all[] = {"/usr/bin/unshare",
			     "--user",
			     "--map-root-user",
			     "/bin/sh",
			     "-c",
			     script,
			     mayfly_path(),
			     "run",
			     NULL,
			     NULL};
	const char *bare[17] = {"/usr/bin/unshare",
				"--user",
				"--map-root-user",
				"/bin/sh",
				"-c",
				script,
				"/usr/bin/setpriv",
				"--bounding-set=-all",
				mayfly_path(),
				"run"};
	const char *const spin[] = {"--timeout=2s", "-f",          "elf", guest("act"),
				    "--",           "say up spin", NULL};
	struct run run;

	need_program("unshare");
	need_program("setpriv");
	/* With the right to mount it has the others all the same; without any right, none. */
	run = run_program(all, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
	run = run_program(bare, NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.out, "Hello from a mayfly.\n");
	cr_assert_str_eq(run.err, "mayfly: --jail=default: this host gives no namespaces\n");
	/* And where nobody reads that, nothing waits: the time limit ends the cell. */
	memcpy(bare + 10, spin, sizeof(spin));
	process = process_start(bare, false);
	process_fill_err(&process);
	cr_assert(process_wait_for(&process, "up\n"));
	for (unsigned i = 0; i < 5000 && child_of(process.pid) > 0; i++)
		usleep(1000);
	cr_assert_eq(child_of(process.pid), 0);
	run = process_finish(&process);
	cr_assert_eq(run.status, 124);
	cr_assert(has(run.err, "this host gives no namespaces\n"), "%s", run.err);
	all[8] = "--jail=strict";
	run = run_program(all, NULL);
	cr_assert_eq(run.status, 126, "%s", run.err);
	cr_assert(has(run.err, "mayfly: --jail=strict: user namespaces"), "%s", run.err);
}

/* There is no user namespace to be had in a chroot, and no root to be pivoted away from. */
Test(stages, hold_a_cell_in_a_chroot)
{
	const char *script = "mount --rbind / \"$0\" && exec chroot \"$0\" \"$@\"";
	const char *path = scratch("report.json"), *folder = scratch("root");
	struct run run;
	json_t *jail;

	need_root("to mount");
	need_program("unshare");
	cr_assert_eq(mkdir(folder, 0755), 0);
	run = run_program((const char *const[]){"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
						script, folder, realpath(mayfly_path(), NULL),
						"run", "--report", path, NULL},
			  NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
	jail = json_object_get(json_load_file(path, 0, NULL), "jail");
	cr_assert(json_is_true(json_object_get(jail, "empty_root")));
	cr_assert(json_is_true(json_object_get(jail, "no_privileges")));
}

/* Root of a namespace that has no other user: the cell is that user, with nothing. */
Test(stages, hold_the_cell_of_a_containers_root)
{
	struct run run;

	need_program("unshare");
	run = run_program((const char *const[]){"/usr/bin/unshare", "--user", "--map-root-user",
						mayfly_path(), "run", "--jail=strict", NULL},
			  NULL);
	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert_str_eq(run.err, "");
}

Test(stages, are_in_the_report)
{
	const char *path = scratch("report.json");
	json_t *jail;

	cr_assert_eq(RUN("run", "--report", path).status, 0);
	jail = json_object_get(json_load_file(path, 0, NULL), "jail");
	cr_assert_str_eq(json_string_value(json_object_get(jail, "mode")), "default");
	cr_assert_str_eq(json_string_value(json_object_get(jail, "network")), "filtered");
	cr_assert(json_is_true(json_object_get(jail, "user_namespace")));
	cr_assert(json_is_true(json_object_get(jail, "empty_root")));
	cr_assert_eq(RUN("run", "--jail=strict", "--report", path).status, 0);
	jail = json_object_get(json_load_file(path, 0, NULL), "jail");
	cr_assert_str_eq(json_string_value(json_object_get(jail, "network")), "empty");
}

/* Runs `look` in a cell that has gone through the stages that `enter` does; it returns what is wrong. */
static const char *in_a_cell(int (*enter)(struct jail *jail, struct err *err),
			     const char *(*look)(void))
{
	struct jail jail = {
		.own_uid = geteuid(), .uid = geteuid(), .gid = getegid(), .cgroup = {.fd = -1}};
	static char said[128];
	int ends[2], pid_fd;
	struct err err;
	pid_t pid;
	ssize_t n;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(jail_spawn(&jail, &pid, &pid_fd, &err), 0, "%s", err.text);
	if (pid == 0) {
		const char *wrong = enter(&jail, &err) < 0 ? err.text : look();

		if (wrong != NULL && write(ends[1], wrong, strlen(wrong)) < 0)
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	n = read(ends[0], said, sizeof(said) - 1);
	waitpid(pid, NULL, 0);
	said[n > 0 ? n : 0] = '\0';
	return n > 0 ? said : NULL;
}

static const char *look_for_files(void)
{
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != ENOENT)
		return "there is a file";
	if (mkdir("/x", 0700) == 0 || errno != EROFS)
		return "the root can be written";
	return chdir("..") == 0 && open("proc", O_RDONLY) >= 0 ? "the old root is there" : NULL;
}

Test(stages, the_root_alone_hides_every_file)
{
	const char *wrong = in_a_cell(jail_empty_root, look_for_files);

	cr_assert(wrong == NULL, "%s", wrong);
}

/* An initramfs is none of its business, but what is mounted there is. */
static const char *look_past_landlock(void)
{
	int ends[2];

	if (open("/proc/version", O_RDONLY) >= 0 || errno != EACCES)
		return "a file can be opened";
	if (open("/proc", O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return "a folder can be listed";
	return pipe(ends) < 0 ? "it stops what it has no business with" : NULL;
}

static int restrict_files(struct jail *jail, struct err *err)
{
	int ret = jail_restrict_files(jail, err);

	if (ret == 0 && (jail->holds & JAIL_HAS_LANDLOCK) == 0)
		return err_host(err, ENOSYS, "Landlock");
	return ret;
}

Test(stages, landlock_alone_forbids_every_file)
{
	const char *wrong = in_a_cell(restrict_files, look_past_landlock);

	if (wrong != NULL && has(wrong, "Landlock"))
		cr_skip_test("this kernel has no Landlock");
	cr_assert(wrong == NULL, "%s", wrong);
}
