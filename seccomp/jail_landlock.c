/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: everything it can refuse, with no exception. Older headers than kernels are usual, so
 * the structure is the one of version 6. [linux userspace-api/landlock.rst]
 */
#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"

struct ruleset {
	uint64_t access_fs;
	uint64_t access_net; /* from version 4 */
	uint64_t scoped;     /* from version 6 */
};

/* What each version can refuse: so many kinds of access to files, of use of TCP, of scopes. */
static const struct version {
	unsigned n_fs, n_net, n_scopes;
	size_t len;
} versions[] = {
	{13, 0, 0, 8}, {14, 0, 0, 8}, {15, 0, 0, 8}, {15, 2, 0, 16}, {16, 2, 0, 16}, {16, 2, 2, 24},
};

static uint64_t low_bits(unsigned n)
{
	return (UINT64_C(1) << n) - 1;
}

static int restrict_self(long abi)
{
	const struct version *version =
		&versions[(size_t)abi < ARRAY_LEN(versions) ? (size_t)abi - 1
							    : ARRAY_LEN(versions) - 1];
	const struct ruleset ruleset = {low_bits(version->n_fs), low_bits(version->n_net),
					low_bits(version->n_scopes)};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, version->len, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int jail_restrict_files(struct jail *jail, struct err *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int ret = abi < 1 ? (abi < 0 ? -errno : -ENOSYS) : restrict_self(abi);

	if (ret == 0) {
		jail->holds |= JAIL_HAS_LANDLOCK;
		return 0;
	}
	/* EPERM: a filter around us that does not know it. */
	if (ret == -ENOSYS || ret == -EOPNOTSUPP || ret == -EPERM)
		return jail_without(jail, err, -ret, "Landlock");
	return err_host(err, -ret, "jail: Landlock");
}
