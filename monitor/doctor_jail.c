/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cell can give up on this host, found out by a cell that does it: it goes through the stages
 * of the jail, tells how far it came, and ends. No guest, no KVM.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <linux/prctl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/msg.h"
#include "boot-proto/layout_x86_64.h"
#include "iouring-io/ring.h"
#include "monitor/doctor_findings.h"
#include "seccomp/jail.h"

/* The cell's only message: what holds it, or why nothing does. */
struct word {
	unsigned holds;
	struct err err;      /* its text is empty where all went well */
	struct err ring_err; /* that of a ring, likewise */
};

static struct jail plan(enum jail_mode mode)
{
	return jail_plan(mode, JAIL_CORE_AUTO, (uid_t)-1, (gid_t)-1);
}

static int try_ring(struct err *err)
{
	struct ring *ring;
	int ret = ring_new(&ring, err);

	if (ret < 0)
		return ret;
	ret = ring_make(ring, 1, err);
	ring_free(ring);
	return ret;
}

static int confine(struct jail *jail, int socket, struct err *err, struct err *ring_err)
{
	const struct jail_limits limits = {
		.memory = MIB(128), .n_threads = 1, .socket = socket, .output = -1};
	const int keep[] = {STDERR_FILENO, socket};
	char go;
	int ret;

	if ((ret = jail_close_others(keep, ARRAY_LEN(keep), err)) < 0 ||
	    (ret = jail_empty_root(jail, err)) < 0)
		return ret;
	if (jail_awaits_admission(jail) && msg_recv(socket, &go, sizeof(go), 0) <= 0)
		return err_host(err, EPIPE, "jail: admission");
	/* Where it is made for the devices of a cell. */
	if (try_ring(ring_err) == 0)
		ring_err->text[0] = '\0';
	return jail_confine(jail, &limits, NULL, err);
}

static _Noreturn void be_cell(struct jail *jail, int socket)
{
	struct word word = {0};
	int ret = confine(jail, socket, &word.err, &word.ring_err);

	word.holds = jail->holds;
	if (ret == 0)
		word.err.text[0] = '\0';
	_exit(msg_send(socket, &word, sizeof(word), 0) < 0);
}

static void bury(pid_t cell, int cell_fd)
{
	close(cell_fd);
	while (waitpid(cell, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Supervisor: admits the cell and hears its word. */
static int hear(struct jail *jail, pid_t cell, int cell_fd, int socket, struct word *ret_word)
{
	int ret = jail_awaits_admission(jail) ? jail_admit(jail, cell, cell_fd, &ret_word->err) : 0;

	if (ret == 0 && jail_awaits_admission(jail))
		ret = msg_send(socket, "", 1, 0);
	return ret == 0 && msg_recv(socket, ret_word, sizeof(*ret_word), 0) == sizeof(*ret_word)
		       ? 0
		       : -ECHILD;
}

/* A cell's way through its jail. False: it said nothing, or why it cannot be. */
static bool rehearse(struct jail *ret_jail, struct err *ret_err, struct err *ret_ring_err)
{
	struct jail jail = plan(JAIL_DEFAULT);
	struct word word = {0};
	int sockets[2], cell_fd, ret;
	pid_t cell = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return false;
	ret = jail_spawn(&jail, &cell, &cell_fd, &word.err);
	if (ret == 0 && cell == 0)
		be_cell(&jail, sockets[1]);
	close(sockets[1]);
	if (ret == 0)
		ret = hear(&jail, cell, cell_fd, sockets[0], &word);
	close(sockets[0]);
	if (cell > 0)
		bury(cell, cell_fd);
	jail_hear(&jail, word.holds);
	*ret_jail = jail;
	*ret_err = word.err;
	*ret_ring_err = word.ring_err;
	return ret == 0 && word.err.text[0] == '\0';
}

/* Whether `strict` gets the namespaces it wants, an empty network among them. */
static bool can_have_network(struct err *err)
{
	struct jail jail = plan(JAIL_STRICT);
	int cell_fd;
	pid_t cell;

	if (jail_spawn(&jail, &cell, &cell_fd, err) < 0)
		return false;
	if (cell == 0)
		_exit(0);
	bury(cell, cell_fd);
	return true;
}

static const struct part {
	unsigned holds;
	enum verdict without;
	const char *name, *with, *mend;
} parts[] = {
	{JAIL_HAS_NAMESPACES, LACKING, "namespaces", "mount, pid, ipc, uts, cgroup",
	 "the cell may see the host's processes and mounts; the settings below say what forbids it, or "
	 "the container around mayfly does, whose seccomp profile must let clone pass with the flags "
	 "of namespaces"},
	{JAIL_HAS_USER_NS, ADVICE, "a user namespace", "yes",
	 "without it only root has the other namespaces; the settings below say what forbids it"},
	{JAIL_HAS_ROOT, LACKING, "an empty root", "yes",
	 "Landlock alone keeps the cell from the host's files; AppArmor (see below) or the "
	 "container around mayfly forbids mounts in a user namespace"},
	{JAIL_HAS_IDS, LACKING, "no ids, no capabilities", "yes",
	 "the cell keeps root's ids, as whoever gets out of it does: start mayfly as an ordinary user, "
	 "or leave root CAP_SETUID and CAP_SETGID; a container has other ids only if it is given them"},
	{JAIL_HAS_LANDLOCK, LACKING, "Landlock", "yes",
	 "the second barrier before files, and the only one before the abstract sockets of a "
	 "shared network: Linux 5.13 and later have it; boot with lsm=landlock,... where it is off; a "
	 "container's seccomp profile must let it pass"},
	{JAIL_HAS_FILTERS, LACKING, "system-call filters", "yes",
	 "nothing stands between a cell and the kernel: use a kernel with CONFIG_SECCOMP_FILTER, "
	 "and no sanitizer's build"},
};

void doctor_judge_jail(struct doctor *doctor, const struct jail *jail)
{
	char names[JAIL_NAMES_MAX];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		bool has = (jail->holds & parts[i].holds) == parts[i].holds;
		struct finding *finding = doctor_add(doctor, has ? GOOD : parts[i].without,
						     parts[i].name);

		if (!has && parts[i].holds == JAIL_HAS_NAMESPACES &&
		    jail_lacks_namespaces(jail, names))
			doctor_say(finding, "no %s", names);
		else
			doctor_say(finding, "%s", has ? parts[i].with : "no");
		finding->mend = has ? NULL : parts[i].mend;
	}
}

static void look_at_network(struct doctor *doctor)
{
	struct err err = {0};
	bool has = can_have_network(&err);
	struct finding *finding = doctor_add(doctor, has ? GOOD : ADVICE,
					     "an empty network namespace");

	if (has)
		doctor_say(finding, "yes");
	else
		doctor_say(finding, "no: %s", err.text);
	if (!has)
		finding->mend = "only --jail=strict wants one; the default relies on the filters, "
				"which know no socket";
}

static void look_at_landlock(struct doctor *doctor)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct finding *finding = doctor_add(doctor, GOOD, "Landlock's version");

	doctor_say(finding, "%ld", abi < 0 ? 0 : abi);
	if (abi > 0 && abi < 6) {
		finding->verdict = ADVICE;
		finding->mend = "from version 6 on (Linux 6.12) it also keeps a cell from signals "
				"and abstract sockets outside; pid namespace and filters do, too";
	}
}

void doctor_judge_core(struct doctor *doctor, unsigned holds)
{
	char smt[8];
	bool is_known = doctor_read(doctor, "/sys/devices/system/cpu/smt/active", smt,
				    sizeof(smt)) == 0;
	struct finding *finding = doctor_add(doctor, GOOD, "core scheduling");

	if ((holds & JAIL_HAS_CORE) != 0) {
		doctor_say(finding, "yes: no other process runs on a core that a cell runs on");
	} else if (is_known && strcmp(smt, "0") == 0) {
		doctor_say(finding, "not needed: a core runs one thread");
	} else {
		finding->verdict = is_known ? LACKING : UNKNOWN;
		doctor_say(finding, "%s", is_known ? "no, and SMT is on" : "no; SMT is unknown");
		finding->mend =
			"microVMs of different owners meet on a core, and can learn of each "
			"other: use a kernel with CONFIG_SCHED_CORE, or boot with nosmt";
	}
}

void doctor_judge_ring(struct doctor *doctor, const char *error)
{
	bool has = error[0] == '\0';
	struct finding *finding = doctor_add(doctor, has ? GOOD : LACKING, "io_uring");

	doctor_say(finding, "%s", has ? "yes" : error);
	if (!has)
		finding->mend =
			"only guests without a virtio device run: sysctl "
			"kernel.io_uring_disabled=0; a container's seccomp profile must let "
			"io_uring_setup, io_uring_enter and io_uring_register pass";
}

void doctor_look_at_jail(struct doctor *doctor)
{
	struct jail jail;
	struct err err = {0}, ring_err = {0};

	doctor->group = "Jail: what a cell can give up on this host";
	if (!rehearse(&jail, &err, &ring_err)) {
		struct finding *finding = doctor_add(doctor, FATAL, "a cell");

		doctor_say(finding, "cannot be confined: %s",
			   err.text[0] != '\0' ? err.text : "it died on its way");
		finding->mend = "so no guest starts: the container around mayfly may forbid it. "
				"--jail=off confines nothing, and is for guests that are trusted";
		return;
	}
	doctor_judge_jail(doctor, &jail);
	look_at_landlock(doctor);
	look_at_network(doctor);
	doctor_judge_core(doctor, jail.holds);
	doctor_judge_ring(doctor, ring_err.text);
}
