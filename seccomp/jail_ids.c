/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids that own nothing, and no capability. Inside a user namespace the one id there is; without
 * one, root becomes the user that was asked for.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/jail_stages.h"

/* libc's own functions would first tell the other threads, of which there are none yet. */
static int become(uid_t uid, gid_t gid)
{
	int ret = syscall(SYS_setresgid, gid, gid, gid) < 0 ? -errno : 0;

	/* Either is worth having without the other. */
	return syscall(SYS_setresuid, uid, uid, uid) < 0 ? -errno : ret;
}

/* What a later exec could give back. Who has no right to drop them has none to keep. */
static int drop_bounding_set(void)
{
	int capability = 0;

	while (prctl(PR_CAPBSET_DROP, capability) == 0)
		capability++;
	return errno == EINVAL || errno == EPERM ? 0 : -errno;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	static const struct __user_cap_data_struct none[2];

	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int jail_drop_ids(struct jail *jail, struct err *err)
{
	bool own_user_ns = (jail->holds & JAIL_HAS_USER_NS) != 0;
	bool is_kept;
	int ret = 0;

	if ((ret = drop_bounding_set()) < 0)
		return err_host(err, -ret, "jail: bounding set");
	/* An ordinary user's groups cannot be dropped: the maps leave them without a name. */
	if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		return err_host(err, errno, "jail: groups");
	if (own_user_ns)
		ret = become(JAIL_NOBODY, JAIL_NOBODY);
	else if (jail->own_uid == 0)
		ret = become(jail->uid, jail->gid);
	/*
	 * Root of a container may have no nobody, or no right to become it: it stays what it is. A
	 * namespace without a map has no nobody either (EINVAL): the supervisor knows who that is
	 * outside. Refused in a namespace of one's own it is only by a filter around us.
	 */
	is_kept = ret < 0 && (!own_user_ns || ret == -EPERM);
	if (ret < 0 && ((ret != -EINVAL && ret != -EPERM) || jail->ids_asked))
		return err_host(err, -ret, "jail: ids %u and %u", jail->uid, jail->gid);
	if ((ret = drop_capabilities()) < 0)
		return err_host(err, -ret, "jail: capabilities");
	if (!is_kept)
		jail->holds |= JAIL_HAS_IDS;
	return 0;
}
