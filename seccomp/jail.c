/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/jail.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The least descriptor of the list that is not below `from`, or -1. */
static int next_kept(const int *keep, unsigned n_keep, int from)
{
	int next = -1;

	for (unsigned i = 0; i < n_keep; i++)
		if (keep[i] >= from && (next < 0 || keep[i] < next))
			next = keep[i];
	return next;
}

/* Closes every descriptor that is not in the list. */
static int close_others(const int *keep, unsigned n_keep)
{
	int from = 0, kept;

	while ((kept = next_kept(keep, n_keep, from)) >= 0) {
		if (kept > from && close_range((unsigned)from, (unsigned)kept - 1, 0) < 0)
			return -errno;
		from = kept + 1;
	}
	return close_range((unsigned)from, ~0U, 0) < 0 ? -errno : 0;
}

static int set_limits(void)
{
	static const struct rlimit none = {0, 0};

	return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

/* The signal comes after the parent has gone; a parent that went before never sends it. */
static int die_with(pid_t supervisor)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == supervisor ? 0 : -ESRCH;
}

int jail_enter(const int *keep, unsigned n_keep, pid_t supervisor, struct err *err)
{
	int ret;

	if ((ret = close_others(keep, n_keep)) < 0)
		return err_host(err, -ret, "jail: close_range");
	if ((ret = die_with(supervisor)) < 0)
		return err_host(err, -ret, "jail: parent-death signal");
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_host(err, errno, "jail: prctl");
	if ((ret = set_limits()) < 0)
		return err_host(err, -ret, "jail: limits");
	return 0;
}
