/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An empty read-only root. The new file system is mounted where it hides no file that is needed any
 * more, becomes the root with the old one under it at the same place, and the old one is detached.
 * An initramfs cannot be detached: there the new root is moved over it. [pivot_root(2) NOTES]
 */
#include <errno.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"

#define PLACE "/proc"

static int pivot(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH);
	if (errno != EINVAL)
		return -1;
	return mount(".", "/", NULL, MS_MOVE, NULL) < 0 ? -1 : chroot(".");
}

static int replace_root(bool own_user_ns)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	/* A mount namespace of another user namespace gets nothing from here anyway. */
	if (!own_user_ns && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	if (mount("none", PLACE, "tmpfs", flags, "size=4k,nr_inodes=2,mode=555") < 0 ||
	    chdir(PLACE) < 0 || pivot() < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int jail_empty_root(struct jail *jail, struct err *err)
{
	int ret;

	if ((jail->holds & JAIL_HAS_NAMESPACES) == 0)
		return 0;
	ret = replace_root((jail->holds & JAIL_HAS_USER_NS) != 0);
	if (ret < 0)
		return jail_without(jail, err, -ret, "an empty root");
	jail->holds |= JAIL_HAS_ROOT;
	return 0;
}
