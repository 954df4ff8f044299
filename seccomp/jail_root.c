/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An empty read-only root. The new file system is mounted where it hides no file that is needed any
 * more, becomes the root with the old one under it at the same place, and the old one is detached.
 * [pivot_root(2) NOTES]
 *
 * In an initramfs and in a chroot that cannot be. There the new root is a mount that is nowhere in the
 * tree: the old one stays in the namespace, out of reach of who has no capability. [fsmount(2)]
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"

#define PLACE "/proc"

static int pivot(bool own_user_ns)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	/* A mount namespace of another user namespace gets nothing from here anyway. */
	if (!own_user_ns && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	if (mount("none", PLACE, "tmpfs", flags, "size=4k,nr_inodes=2,mode=555") < 0 ||
	    chdir(PLACE) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

static int leave_tree(void)
{
	const unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				    MOUNT_ATTR_NOEXEC;
	SCOPE_FD int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	SCOPE_FD int root = -1;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "2", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "555", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	return root < 0 || fchdir(root) < 0 || chroot(".") < 0 ? -errno : 0;
}

static int replace_root(bool own_user_ns)
{
	int ret = pivot(own_user_ns);

	if (ret == -EINVAL)
		ret = leave_tree();
	return ret == 0 && chdir("/") < 0 ? -errno : ret;
}

int jail_empty_root(struct jail *jail, struct err *err)
{
	int ret;

	if ((jail->namespaces & CLONE_NEWNS) == 0)
		return 0;
	ret = replace_root((jail->holds & JAIL_HAS_USER_NS) != 0);
	if (ret < 0)
		return jail_without(jail, err, -ret, "an empty root (see mayfly doctor)");
	jail->holds |= JAIL_HAS_ROOT;
	return 0;
}
