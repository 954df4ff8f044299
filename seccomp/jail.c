/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/jail.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes every descriptor that is not in the ascending list. */
static int close_others(const int *sorted, unsigned n)
{
	unsigned first = 0;

	for (unsigned i = 0; i < n; i++) {
		if (sorted[i] < 0)
			continue;
		if ((unsigned)sorted[i] > first &&
		    close_range(first, (unsigned)sorted[i] - 1, 0) < 0)
			return -errno;
		first = (unsigned)sorted[i] + 1;
	}
	return close_range(first, ~0U, 0) < 0 ? -errno : 0;
}

static int close_inherited(const int *keep, unsigned n_keep)
{
	int sorted[16] = {0};

	for (unsigned i = 0; i < n_keep; i++)
		sorted[i] = keep[i];
	qsort(sorted, n_keep, sizeof(sorted[0]), compare);
	return close_others(sorted, n_keep);
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

	if ((ret = close_inherited(keep, n_keep)) < 0)
		return err_host(err, -ret, "jail: close_range");
	if ((ret = die_with(supervisor)) < 0)
		return err_host(err, -ret, "jail: parent-death signal");
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_host(err, errno, "jail: prctl");
	if ((ret = set_limits()) < 0)
		return err_host(err, -ret, "jail: limits");
	return 0;
}
