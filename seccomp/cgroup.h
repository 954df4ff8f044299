/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - what a cell may take of the host's CPUs, memory, processes and block devices. Supervisor.
 *
 * A run gets a cgroup of its own, PATH/mayfly-PID, in every hierarchy that has one of the four
 * controllers: the one of version 2, else those of version 1. It is removed when the cell is gone; what
 * a supervisor left behind that was killed by SIGKILL, the next run in PATH removes: the folder of a
 * run that lives is locked, so that no number has to be looked up, which another pid namespace may know
 * otherwise. PATH itself is made where it is not there; the sticky bit, which means nothing else for a
 * cgroup, marks it, and the last run takes it away.
 * [linux admin-guide/cgroup-v2.rst], [linux admin-guide/cgroup-v1/]
 */
#ifndef MAYFLY_SECCOMP_CGROUP_H
#define MAYFLY_SECCOMP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_PATH_MAX 256

enum cgroup_controller {
	CGROUP_CPU,
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_IO,
	CGROUP_CONTROLLER_COUNT
};

struct cgroup_limits {
	char path[CGROUP_PATH_MAX]; /* below the hierarchy's root; "": no cgroup */
	/*
	 * CPU: percent of one; memory: bytes; pids: threads; io: weight from 1 to 10000. 0 is what is
	 * fitting: no limit but for memory and pids, which are what the cell should need at most.
	 */
	uint64_t values[CGROUP_CONTROLLER_COUNT];
};

/* What --cgroup calls each of the values. */
extern const char *const cgroup_keys[CGROUP_CONTROLLER_COUNT];

struct cgroup {
	int fd; /* the directory of version 2, to be born into; -1: none */
	unsigned n_dirs;
	struct cgroup_dir {
		bool is_v2;
		int lock; /* the directory; locked until it is removed */
		char path[2 * CGROUP_PATH_MAX];
	} dirs[CGROUP_CONTROLLER_COUNT];
};

/*
 * Makes the cgroups and sets the limits. `fitting` are the values for those that are 0; a controller
 * that is nowhere is an error only where the user asked for its limit. Errors: the host's, with the
 * file; nothing is left behind.
 */
MUST_CHECK int cgroup_make(struct cgroup *ret_cgroup, const struct cgroup_limits *limits,
			   const uint64_t fitting[CGROUP_CONTROLLER_COUNT], struct err *err);

/* A cell was not born into that of version 2: cgroup_add() has to move it there, too. */
void cgroup_join_later(struct cgroup *cgroup);

/* Is cgroup_add() needed? */
bool cgroup_awaits_cell(const struct cgroup *cgroup);

/* Moves a cell into the cgroups that it was not born into. Errors: the host's. */
MUST_CHECK int cgroup_add(const struct cgroup *cgroup, pid_t cell, struct err *err);

/* Cell: overwrites where they are. */
void cgroup_forget(struct cgroup *cgroup);

/* Removes what was made; the cell is gone. Errors: the first, with the folder that stays. */
MUST_CHECK int cgroup_remove(struct cgroup *cgroup, struct err *err);

/* The hierarchies of a host, as far as they have controllers of ours; "": none. */
struct cgroup_mounts {
	char v1[CGROUP_CONTROLLER_COUNT][CGROUP_PATH_MAX];
	char v2[CGROUP_PATH_MAX];
};

/*
 * Finds them; of several places the first, in which there is a hierarchy. `root` is "", or a folder
 * with a picture of a host. Errors: -errno of /proc/self/mountinfo.
 */
MUST_CHECK int cgroup_find_mounts(const char *root, struct cgroup_mounts *ret_mounts);

/* Is the word in a list that is separated by commas or blanks? */
bool cgroup_is_listed(const char *list, const char *word);

#endif
