/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor: the cell's cgroups and ids, before it goes on. [user_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "seccomp/jail_stages.h"

/*
 * The cell's number in /proc, which may show another pid namespace than ours: a container can be left
 * with its host's. 0: the cell is not to be seen there.
 */
static int find_in_proc(int cell_fd)
{
	char path[64], text[512] = "";
	const char *line;
	long number;
	SCOPE_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", cell_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	line = strstr(text, "\nPid:");
	number = line != NULL ? strtol(line + strlen("\nPid:"), NULL, 10) : 0;
	return number > 0 ? (int)number : 0;
}

static int write_proc(int cell, const char *name, const char *text)
{
	char path[64];
	SCOPE_FD int fd = -1;

	if (cell == 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/%s", cell, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int write_map(int cell, const char *name, unsigned outside)
{
	char line[64];

	snprintf(line, sizeof(line), "%u %u 1", JAIL_NOBODY, outside);
	return write_proc(cell, name, line);
}

/*
 * Root of a container may have no other id than its own, or no right to give another. Where that one
 * cannot be given either, the namespace stays without: its cell is the caller still, by no name.
 */
static void map_what_can_be(struct jail *jail, int cell)
{
	/* Who may not set groups must say so before. */
	if (jail->own_uid != 0)
		(void)!write_proc(cell, "setgroups", "deny");
	if (write_map(cell, "uid_map", jail->uid) < 0) {
		jail->uid = jail->own_uid;
		(void)!write_map(cell, "uid_map", jail->uid);
	}
	if (write_map(cell, "gid_map", jail->gid) < 0) {
		jail->gid = jail->own_gid;
		(void)!write_proc(cell, "setgroups", "deny");
		(void)!write_map(cell, "gid_map", jail->gid);
	}
}

static int map_what_was_asked(const struct jail *jail, int cell, struct err *err)
{
	int ret = jail->own_uid != 0 ? write_proc(cell, "setgroups", "deny") : 0;

	if (ret < 0 || (ret = write_map(cell, "uid_map", jail->uid)) < 0 ||
	    (ret = write_map(cell, "gid_map", jail->gid)) < 0)
		return err_host(err, -ret, "--uid, --gid: the cell cannot be given %u and %u",
				jail->uid, jail->gid);
	return 0;
}

static bool is_roots(const struct jail *jail)
{
	return jail->uid == 0 || jail->gid == 0;
}

/* Is there a nobody in our own user namespace? Who cannot tell has one. */
static bool has_nobody(void)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	char line[64]; /* "inside outside how-many" */
	bool found = file == NULL;

	while (!found && fgets(line, sizeof(line), file) != NULL) {
		char *rest;
		unsigned long first = strtoul(line, &rest, 10);
		unsigned long n;

		(void)strtoul(rest, &rest, 10);
		n = strtoul(rest, NULL, 10);
		found = JAIL_NOBODY >= first && JAIL_NOBODY - first < n;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

int jail_admit(struct jail *jail, pid_t cell, int cell_fd, struct err *err)
{
	int ret = cgroup_add(&jail->cgroup, cell, err);

	if (ret < 0 || (jail->holds & JAIL_HAS_USER_NS) == 0)
		return ret;
	if (jail->ids_asked)
		return map_what_was_asked(jail, find_in_proc(cell_fd), err);
	map_what_can_be(jail, find_in_proc(cell_fd));
	if (jail->mode == JAIL_STRICT && is_roots(jail) && has_nobody())
		return err_host(err, EPERM,
				"--jail=strict: a user and a group that are not root's "
				"(CAP_SETUID, CAP_SETGID)");
	return 0;
}

void jail_hear(struct jail *jail, unsigned holds)
{
	jail->holds = holds & JAIL_HAS_ALL;
	/* What is nobody inside may be root outside. */
	if (is_roots(jail))
		jail->holds &= ~(unsigned)JAIL_HAS_IDS;
	jail->is_only_id = (jail->holds & JAIL_HAS_IDS) == 0 && !has_nobody();
}
