/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail.h - what a cell gives up before it sees the first hostile byte.
 *
 * Theory of operation. The stages, in their order, and where each stands:
 *
 *   1  namespaces   user, mount, pid, ipc, uts, cgroup, by the clone that makes    jail_spawn.c
 *                   the cell; with `strict` an empty network too
 *   2  inheritance  every descriptor closed but those that the cell needs; then    jail.c, monitor
 *                   argv, environment and option strings overwritten
 *   3  root         an empty read-only one; the host's is detached                 jail_root.c
 *   -  admission    the supervisor has written the id maps and says go             jail_admit.c
 *   4  identity     ids without meaning, no capability, no new privileges, not     jail_ids.c
 *                   dumpable, no life after the supervisor's
 *   5  limits       a core-scheduling cookie of its own; rlimits                   jail_limits.c
 *   6  Landlock     no file, no TCP, no signal and no abstract socket outside      jail_landlock.c
 *   7  set-up filter  the system calls that prepare a VM and parse an image        jail_filter.c
 *   8  final filter   those of a running guest, for each thread by its role        jail_filter.c
 *
 * The order is forced: maps need a cell that is still dumpable, mounts need capabilities, the
 * parent-death signal is lost with a change of ids, Landlock forbids mounts, and filters forbid all
 * of it. The system calls that a filter lets pass are listed in calls.def, and nowhere else.
 *
 * What a host does not have is left out and named (jail_missing()), except with `strict`, which
 * refuses. Stage 8 and `no_new_privs` have no exception but `off`.
 */
#ifndef MAYFLY_SECCOMP_JAIL_H
#define MAYFLY_SECCOMP_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "seccomp/cgroup.h"

/* What nobody is called inside a user namespace, and outside where nothing else is asked for. */
#define JAIL_NOBODY 65534U

enum jail_mode {
	JAIL_DEFAULT, /* all that the host has */
	JAIL_STRICT,  /* no run without every stage; no network */
	JAIL_OFF,     /* the descriptors and the parent-death signal only */
	JAIL_TRACE,   /* as the default, but a call outside the filter fails and is named */
	JAIL_MODE_COUNT
};

enum jail_core { JAIL_CORE_AUTO, JAIL_CORE_ON, JAIL_CORE_OFF, JAIL_CORE_COUNT };

/* What holds a cell; bits. */
enum {
	JAIL_HAS_USER_NS = 1 << 0,
	JAIL_HAS_NAMESPACES = 1 << 1, /* mount, pid, ipc, uts, cgroup: all of them */
	JAIL_HAS_NETWORK_NS = 1 << 2,
	JAIL_HAS_ROOT = 1 << 3,
	JAIL_HAS_IDS = 1 << 4, /* of nobody, or of an ordinary user; no capability */
	JAIL_HAS_CORE = 1 << 5,
	JAIL_HAS_LANDLOCK = 1 << 6,
	JAIL_HAS_FILTERS = 1 << 7,
	JAIL_HAS_ALL = (1 << 8) - 1
};

/* Whose thread a final filter is for. */
enum jail_role {
	JAIL_SETUP,   /* the only thread, before the guest runs */
	JAIL_CONTROL, /* vCPU 0, the serial port's timer, the messages */
	JAIL_VCPU,    /* the other vCPUs */
	JAIL_LOOP,    /* a ring with its devices */
	JAIL_ROLE_COUNT
};

/*
 * The numbers of the cell's eventfds, moved there by F_DUPFD_CLOEXEC: vCPUs may write eight bytes to
 * them. A power of two, beginning at a multiple of it.
 */
#define JAIL_EVENTS     128
#define JAIL_EVENTS_MAX 128

struct jail {
	enum jail_mode mode;
	enum jail_core core;
	uid_t own_uid; /* of who starts it; root may give it any ids */
	gid_t own_gid;
	bool ids_asked; /* the user wants these, and no others */
	uid_t uid;      /* outside; what the cell is to be for the host */
	gid_t gid;
	struct cgroup cgroup; /* that it is born into or put into, if any */
	int socket; /* of the cell, once confined: the only one that its filters let it use */
	int output; /* and the only file that they let it write to, or -1 */
	uint64_t namespaces; /* CLONE_NEW* that the cell was given */
	bool is_only_id;     /* it keeps its caller's ids where there are no others */
	unsigned holds;      /* JAIL_HAS_* so far */
};

/* What the cell needs of the host, for its rlimits and filters. */
struct jail_limits {
	uint64_t memory;      /* bytes of the guest */
	uint64_t disk_memory; /* that its disks map */
	unsigned n_threads;   /* its vCPUs and loops, and what the kernel may add for their rings */
	int socket;           /* to the supervisor */
	int output;           /* of the serial port, or -1 */
};

/*
 * The jail of a run: root's cell is nobody and a user's is the user, but where ids are asked for;
 * (uid_t)-1: they are not.
 */
struct jail jail_plan(enum jail_mode mode, enum jail_core core, uid_t uid, gid_t gid);

/*
 * Makes the cell's process: like fork(), 0 in the cell and in the supervisor the cell's pid, with a
 * descriptor of it. What the host refuses of the namespaces is left out of `holds`, on both sides. The
 * supervisor has one thread. Errors: the host's; with `strict` also a namespace that could not be had, in words.
 */
MUST_CHECK int jail_spawn(struct jail *jail, pid_t *ret_pid, int *ret_pid_fd, struct err *err);

/* Has the cell to wait for jail_admit() before its stage 4? */
bool jail_awaits_admission(const struct jail *jail);

/*
 * Supervisor: puts the cell into its cgroups and writes its id maps; notes in `jail` which ids it
 * could give. `cell_fd` is the descriptor of the cell. Errors: the host's; ids that were asked for and
 * cannot be given; with `strict` root's, where there are others.
 */
MUST_CHECK int jail_admit(struct jail *jail, pid_t cell, int cell_fd, struct err *err);

/* Supervisor: takes the cell's word for what holds it, as far as it can know. */
void jail_hear(struct jail *jail, unsigned holds);

/* Cell, stage 2: closes every descriptor but the `n_keep` in `keep`. Errors: the host's. */
MUST_CHECK int jail_close_others(const int *keep, unsigned n_keep, struct err *err);

/* Cell, stage 3. Errors as jail_spawn(). */
MUST_CHECK int jail_empty_root(struct jail *jail, struct err *err);

/*
 * Cell, stages 4 to 7. From here on a forbidden call kills the cell; in trace mode it fails with
 * ENOSYS and calls `on_trap` with its number, on the stack of a signal handler. Errors as
 * jail_spawn().
 */
typedef void jail_trap_fn(unsigned call, enum jail_role role);
MUST_CHECK int jail_confine(struct jail *jail, const struct jail_limits *limits,
			    jail_trap_fn *on_trap, struct err *err);

/* Cell, stage 8, for the calling thread. Errors: the host's. */
MUST_CHECK int jail_seal(const struct jail *jail, enum jail_role role, struct err *err);

/* Are there namespaces that the cell was not given? Then "namespaces", or which, in `ret_text`. */
#define JAIL_NAMES_MAX 64 /* all their names */
bool jail_lacks_namespaces(const struct jail *jail, char ret_text[JAIL_NAMES_MAX]);

/* Is there a part that the mode wants and does not hold? Words for all of them in `ret_text`. */
bool jail_missing(const struct jail *jail, char *ret_text, size_t size);

/* The name of a system call of this architecture, "?" where it has none. */
const char *jail_call_name(unsigned call);

#endif
