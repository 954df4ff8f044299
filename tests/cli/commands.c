/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, help, exit statuses, and the pages that are made from the tables. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/options.h"
#include "seccomp/rules.h"
#include "tests/support/host.h"
#include "tests/support/run.h"

Test(commands, version_is_one_line)
{
	struct run run = RUN("--version");

	cr_assert_eq(run.status, 0);
	cr_assert_str_eq(run.out, "mayfly " MAYFLY_VERSION "\n");
}

Test(commands, help_names_every_option_with_its_default)
{
	struct run run = RUN("run", "--help");

	cr_assert_eq(run.status, 0);
	cr_assert_str_eq(run.err, "");
	for (size_t i = 0; i < n_options; i++) {
		cr_assert(has(run.out, options[i].name), "%s", options[i].name);
		if (options[i].fallback != NULL)
			cr_assert(has(run.out, options[i].fallback), "%s", options[i].fallback);
	}
	cr_assert(has(run.out, "Ctrl-]"));
	cr_assert(has(run.out, "124 the time limit"));
}

Test(commands, help_fits_a_terminal)
{
	static const char *const commands[][3] = {
		{"--help"}, {"run", "--help"}, {"doctor", "--help"}};

	for (size_t i = 0; i < 3; i++) {
		struct run run = run_program(
			(const char *const[]){mayfly_path(), commands[i][0], commands[i][1], NULL},
			NULL);

		cr_assert_eq(run.status, 0);
		cr_assert(has(run.out, "usage: mayfly"));
		for (char *line = strtok(run.out, "\n"); line != NULL; line = strtok(NULL, "\n"))
			cr_assert_leq(strlen(line), 96u, "%s", line);
	}
}

Test(commands, what_is_none_is_refused)
{
	struct run run = RUN("boot");

	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: boot: there is no such command (see --help)\n");
	run = run_program((const char *const[]){mayfly_path(), NULL}, NULL);
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err,
			 "mayfly: a command is missing: run, disk or doctor (see --help)\n");
	run = RUN("doctor", "--jsn");
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: --jsn: there is no such option (see doctor --help)\n");
}

Test(commands, version_takes_no_more_words)
{
	struct run run = RUN("--version", "x");

	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err, "mayfly: x: --version takes no more words\n");
	cr_assert_str_eq(run.out, "");
}

/* What is longer than a buffer, and what is not. */
Test(commands, what_cannot_be_printed_is_no_success)
{
	static const char *const commands[] = {"--version", "--help",        "run --help",
					       "doctor",    "doctor --json", "run --dry-run -q"};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		char command[512];
		struct run run;

		snprintf(command, sizeof(command), "%s %s >/dev/full", mayfly_path(), commands[i]);
		run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
		cr_assert_eq(run.status, 125, "%s: %d", commands[i], run.status);
		cr_assert_str_eq(run.err, "mayfly: standard output: No space left on device\n");
	}
}

Test(commands, the_man_page_has_every_option_and_its_field)
{
	char path[256];
	char *page;

	snprintf(path, sizeof(path), "%.200s", mayfly_path());
	snprintf(strrchr(path, '/'), 64, "/man/mayfly-run.1");
	if (access(path, R_OK) < 0)
		cr_skip_test("the pages are not here: %s", path);
	page = read_file(path, NULL);
	for (size_t i = 0; i < n_options; i++) {
		char escaped[64];

		snprintf(escaped, sizeof(escaped), "%s%s",
			 option_is_positional(&options[i]) ? "Ar " : "Fl \\-", options[i].name);
		cr_assert(has(page, escaped), "%s", escaped);
		if (options[i].json != NULL)
			cr_assert(has(page, options[i].json), "%s", options[i].json);
	}
}

/* Each call that a filter lets pass, with its arguments as C has them. */
Test(commands, the_page_of_the_jail_has_every_call)
{
	char path[256], entry[64];
	const char *page;

	snprintf(path, sizeof(path), "%.200s", mayfly_path());
	snprintf(strrchr(path, '/'), 64, "/man/mayfly-jail.7");
	if (access(path, R_OK) < 0)
		cr_skip_test("the page is not here: %s", path);
	page = read_file(path, NULL);
	for (size_t i = 0; i < N_RULES; i++) {
		snprintf(entry, sizeof(entry), ".It Fn %s", rules[i].name);
		cr_assert(has(page, entry), "%s", entry);
	}
	cr_assert(has(page, ".It Fn ioctl _ \"KVM_RUN\"\nThe guest runs.\n"));
	cr_assert(has(page, ".It Fn mmap _ _ \"\\*(Le PROT_READ | PROT_WRITE\"\n"));
	cr_assert(has(page, ".It Fn sendto \"SOCKET\" _ _ \"MSG_NOSIGNAL\" \"0\"\n"));
	cr_assert(!has(page, "@CALLS@"));
}

/*
 * What bash would offer, with a _filedir that names one file: `state` is what _init_completion sets.
 * "split" at the end: it got out of the function.
 */
static const char *completed(const char *state)
{
	char path[256], script[1024];

	snprintf(path, sizeof(path), "%.200s", mayfly_path());
	snprintf(strrchr(path, '/'), 64, "/completion/mayfly.bash");
	if (access(path, R_OK) < 0)
		cr_skip_test("the completion is not here: %s", path);
	snprintf(script, sizeof(script),
		 "_init_completion() { words=(mayfly run); cword=3; %s; }\n"
		 "_filedir() { COMPREPLY=(FILE); }\n"
		 ". %s; _mayfly; echo \"${COMPREPLY[*]} ${split+split}\"",
		 state, path);
	return run_program((const char *const[]){"/bin/bash", "-c", script, NULL}, NULL).out;
}

/* A value that may be left out follows "=" only: as a word of its own it would be the IMAGE. */
Test(commands, bash_completes_values_where_they_are_values)
{
	need_program("bash");
	cr_assert_str_eq(completed("prev=--format cur=p split=false"), "pvh \n");
	cr_assert_str_eq(completed("prev=--format cur=p split=true"), "pvh \n");
	cr_assert_str_eq(completed("prev=--exits cur= split=true"), "json on off \n");
	cr_assert_str_eq(completed("prev=--memfd cur=o split=true"), "on off \n");
	cr_assert_str_eq(completed("prev=--memfd cur= split=false"), "FILE \n");
	cr_assert_str_eq(completed("prev=--exits cur= split=false"), "FILE \n");
	cr_assert_str_eq(completed("prev=--exits cur=--mem split=false"), "--memory= --memfd \n");
}

/* Where no file can stand, none is offered, and behind -- nothing at all. */
Test(commands, bash_completes_nothing_where_there_is_nothing)
{
	need_program("bash");
	cr_assert_str_eq(completed("prev=-m cur= split=false"), " \n");
	cr_assert_str_eq(completed("prev=--timeout cur= split=true"), " \n");
	cr_assert_str_eq(completed("words+=(-- x); cword=4; prev=x cur=-- split=false"), " \n");
	cr_assert_str_eq(completed("words+=(x --); cword=3; prev=x cur=-- split=false; cur=--memo"),
			 "--memory= \n");
}

static char *completion_for(const char *shell)
{
	char path[256];

	snprintf(path, sizeof(path), "%.200s", mayfly_path());
	snprintf(strrchr(path, '/'), 64, "/completion/mayfly.%s", shell);
	if (access(path, R_OK) < 0)
		cr_skip_test("the completion is not here: %s", path);
	return read_file(path, NULL);
}

Test(commands, zsh_and_fish_are_told_the_same)
{
	const char *zsh = completion_for("zsh"), *fish = completion_for("fish");

	cr_assert(has(zsh, "_arguments -S "), "no options behind --");
	cr_assert(has(zsh, "_alternative 'values:value:(stdio none)' 'files:file:_files'"));
	cr_assert(has(zsh, "FILE|none:_mayfly_serial'"));
	cr_assert(has(zsh, "'(-v --verbose)--verbose=-["));
	cr_assert(has(zsh, "::on|off:(on off)'"));
	cr_assert(has(zsh, "'(-v --verbose)-v[say how the run ended, whatever the ending]'"));
	cr_assert(has(fish, "complete -c mayfly -s h -l help"));
	cr_assert(has(fish, "-n __fish_use_subcommand -f -l version"));
	cr_assert(has(fish, "-n '__fish_seen_subcommand_from doctor' -f\n"));
	cr_assert(has(fish, "-l memfd -a 'on off'"));
}

/* Exit statuses that need no guest. */

/* Runs mayfly where /dev/kvm is something else, in a mount namespace of its own. */
static int run_without_kvm(const char *instead, const char *const words[])
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		const char *argv[8] = {mayfly_path()};

		for (unsigned i = 0; words[i] != NULL; i++)
			argv[1 + i] = words[i];
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(instead, "/dev/kvm", NULL, MS_BIND, NULL) < 0)
			_exit(98);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(99);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_neq(WEXITSTATUS(status), 98, "the namespace could not be made");
	return WEXITSTATUS(status);
}

#define WITHOUT_KVM(instead, ...) run_without_kvm(instead, (const char *const[]){__VA_ARGS__, NULL})

Test(commands, a_host_without_kvm_is_126_and_a_doctor_says_2)
{
	need_kvm();
	need_root("a mount namespace");
	/* /dev/null opens, and then is no KVM at all. */
	cr_assert_eq(WITHOUT_KVM("/dev/null", "run"), 126);
	cr_assert_eq(WITHOUT_KVM("/dev/null", "doctor"), 2);
}

Test(commands, a_user_without_permission_is_told_so)
{
	struct run run;
	char command[512];

	need_kvm();
	need_root("to become somebody else");
	need_program("setpriv");
	snprintf(
		command, sizeof(command),
		"cp %s %s && chmod 755 %s %s && setpriv --reuid=65534 --regid=65534 --clear-groups %s run",
		mayfly_path(), scratch("mayfly"), scratch(""), scratch("mayfly"),
		scratch("mayfly"));
	run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
	if (run.status == 0)
		cr_skip_test("everybody may open /dev/kvm here");
	cr_assert_eq(run.status, 126, "%s", run.err);
	cr_assert_str_eq(run.err, "mayfly: /dev/kvm (see mayfly doctor): Permission denied\n");
}

/* A node of another mode and group in its place, and a user who is in none. */
Test(commands, the_doctor_says_who_may_open_it)
{
	static const struct {
		const char *mode, *group, *said;
	} cases[] = {
		{"0660", "tty", "add yourself to its group: usermod -aG tty USER"},
		{"0660", "64998", "add yourself to its group: usermod -aG 64998 USER"},
		{"0600", "tty", "mode 0600: only its owner may; as root: chgrp kvm"},
		{"0640", "tty", "mode 0640: only its owner may; as root: chgrp kvm"},
	};

	need_kvm();
	need_root("a mount namespace");
	need_program("setpriv");
	need_program("unshare");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char command[1024];
		struct run run;

		snprintf(command, sizeof(command),
			 "cp %s %s && chmod 755 %s %s && touch %s && chgrp %s %s && chmod %s %s && "
			 "exec unshare -m sh -c 'mount --bind %s /dev/kvm && exec setpriv "
			 "--reuid=65534 --regid=65534 --clear-groups %s doctor --json'",
			 mayfly_path(), scratch("mayfly"), scratch(""), scratch("mayfly"),
			 scratch("kvm"), cases[i].group, scratch("kvm"), cases[i].mode,
			 scratch("kvm"), scratch("kvm"), scratch("mayfly"));
		run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
		cr_assert_eq(run.status, 2, "%s", run.err);
		cr_assert(has(run.out, cases[i].said), "%s", run.out);
	}
}

Test(commands, the_doctor_says_what_is_here)
{
	struct run run = RUN("doctor");
	json_t *root;

	need_kvm();
	cr_assert_leq(run.status, 1);
	cr_assert(has(run.out, "kind of KVM"), "%s", run.out);
	cr_assert_eq(has(run.out, "PVM"), kvm_is_pvm());
	cr_assert_eq(run.status == 1, has(run.out, "lacking "));
	run = RUN("doctor", "--json");
	root = json_loads(run.out, 0, NULL);
	cr_assert(root != NULL, "%s", run.out);
	cr_assert_eq(json_integer_value(json_object_get(root, "status")), run.status);
	cr_assert_gt(json_array_size(json_object_get(root, "findings")), 8u);
}

Test(commands, the_doctor_without_kvm_says_how_to_get_it)
{
	struct run run = RUN("doctor");

	if (access("/dev/kvm", F_OK) == 0)
		cr_skip_test("there is a /dev/kvm");
	cr_assert_eq(run.status, 2);
	cr_assert(has(run.out, "-> load the module: modprobe"), "%s", run.out);
}

/* Nobody may make a user namespace, and there is no right to make the others without. */
Test(commands, the_doctor_names_what_the_jail_cannot_have)
{
	static const char script[] = "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv "
				     "--bounding-set=-all --inh-caps=-all \"$0\" doctor";
	struct run run;

	need_kvm();
	need_program("unshare");
	need_program("setpriv");
	run = run_program((const char *const[]){"/usr/bin/unshare", "--user", "--map-root-user",
						"/bin/sh", "-c", script, mayfly_path(), NULL},
			  NULL);
	cr_assert_eq(run.status, 1, "%s%s", run.out, run.err);
	cr_assert(has(run.out, "lacking  namespaces "), "%s", run.out);
	cr_assert(has(run.out, "lacking  an empty root "), "%s", run.out);
	cr_assert(has(run.out, "sysctl user.max_user_namespaces="), "%s", run.out);
}

/* No process for a cell: then no microVM either. */
Test(commands, a_host_without_a_cell_makes_the_doctor_say_2)
{
	struct run run;

	if (is_sanitized())
		cr_skip_test("a sanitizer starts threads of its own");
	need_root("to become somebody else");
	need_program("prlimit");
	run_as(1234);
	run = run_program((const char *const[]){"/usr/bin/prlimit", "--nproc=1",
						public_copy(mayfly_path()), "doctor", NULL},
			  NULL);
	cr_assert_eq(run.status, 2, "%s%s", run.out, run.err);
	cr_assert(has(run.out, "fatal    a cell "), "%s", run.out);
}
