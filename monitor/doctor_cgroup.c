/* SPDX-License-Identifier: Apache-2.0 */
/* Whether cells can have limits of their own. [linux Documentation/admin-guide/cgroup-v2.rst] */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor/doctor_findings.h"
#include "seccomp/cgroup.h"

#define TEXT_MAX 4096
#define OWN_MAX  384

/* Our own cgroup of version 2, as a folder. "0::/user.slice": its path. */
static bool find_own(const struct doctor *doctor, const struct cgroup_mounts *mounts,
		     char ret_own[OWN_MAX])
{
	char text[TEXT_MAX];
	const char *line;

	if (mounts->v2[0] == '\0' ||
	    doctor_read(doctor, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return false;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (line == NULL)
		return false;
	line = strstr(line, "::") + 2;
	/* Its root is outside of ours, in a container: nothing is to be seen of it. */
	if (strncmp(line, "/..", 3) == 0)
		return false;
	snprintf(ret_own, OWN_MAX, "%s%.*s", mounts->v2,
		 line[1] == '\n' || line[1] == '\0' ? 0 : (int)strcspn(line, "\n"), line);
	return true;
}

static bool may_write(const struct doctor *doctor, const char *folder, const char *name)
{
	char path[768];

	snprintf(path, sizeof(path), "%s%s/%s", doctor->root, folder, name);
	return access(path, W_OK) == 0;
}

static bool is_delegated(const struct doctor *doctor, const char *folder)
{
	return may_write(doctor, folder, "") && may_write(doctor, folder, "cgroup.procs") &&
	       may_write(doctor, folder, "cgroup.subtree_control");
}

static bool read_file(const struct doctor *doctor, const char *folder, const char *name,
		      char ret_text[TEXT_MAX])
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return doctor_read(doctor, path, ret_text, TEXT_MAX) == 0;
}

/* A cgroup with processes cannot pass its controllers on; the root, which has no type, can. */
static bool can_pass_on(const struct doctor *doctor, const char *folder)
{
	char text[TEXT_MAX];

	return !read_file(doctor, folder, "cgroup.type", text) ||
	       !read_file(doctor, folder, "cgroup.procs", text) || text[0] == '\0';
}

static bool has_controllers(const struct doctor *doctor, const char *folder,
			    char ret_controllers[TEXT_MAX])
{
	return read_file(doctor, folder, "cgroup.controllers", ret_controllers) &&
	       cgroup_is_listed(ret_controllers, "memory") &&
	       cgroup_is_listed(ret_controllers, "cpu");
}

/* Ours, or the nearest above it, below which a run can have its limits. */
static bool find_place(const struct doctor *doctor, const char *mount, const char *own,
		       char ret_place[OWN_MAX])
{
	char controllers[TEXT_MAX];

	snprintf(ret_place, OWN_MAX, "%s", own);
	for (;;) {
		if (is_delegated(doctor, ret_place) && can_pass_on(doctor, ret_place) &&
		    has_controllers(doctor, ret_place, controllers))
			return true;
		if (strlen(ret_place) <= strlen(mount))
			return false;
		*strrchr(ret_place, '/') = '\0';
	}
}

static void judge_v2(const struct doctor *doctor, const struct cgroup_mounts *mounts,
		     const char *own, struct finding *finding)
{
	char controllers[TEXT_MAX], place[OWN_MAX];
	bool has = has_controllers(doctor, own, controllers);
	bool is_ours = is_delegated(doctor, own);

	if (find_place(doctor, mounts->v2, own, place)) {
		doctor_say(finding, "version 2, delegated: --cgroup=%s/NAME",
			   place + strlen(mounts->v2));
		finding->verdict = GOOD;
		return;
	}
	doctor_say(finding, "version 2, %s: %s",
		   !has      ? "without the controllers of CPU and memory"
		   : is_ours ? "yours, with processes in it"
			     : "not yours",
		   controllers);
	if (!has)
		finding->mend = "--cgroup limits neither: the cgroup above must pass them on "
				"(cgroup.subtree_control)";
	else if (is_ours)
		finding->mend = "a cgroup with processes passes no controller on: make one below "
				"it, move what is in it there (cgroup.procs), and give --cgroup "
				"another one beside that: see docs/troubleshooting.md";
	else
		finding->mend = "--cgroup needs one that is delegated: systemd-run --user --scope "
				"-p Delegate=yes sh, and there the doctor names it";
}

static void judge_v1(struct finding *finding)
{
	doctor_say(finding, "version 1, which root may use");
	finding->verdict = geteuid() == 0 ? GOOD : ADVICE;
	if (finding->verdict == ADVICE)
		finding->mend = "version 2 can be delegated to you: boot with "
				"systemd.unified_cgroup_hierarchy=1";
}

void doctor_look_at_cgroup(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, ADVICE, "cgroups");
	struct cgroup_mounts mounts = {0};
	char own[OWN_MAX], controllers[TEXT_MAX];
	bool is_known = cgroup_find_mounts(doctor->root, &mounts) == 0;
	bool has_own = is_known && find_own(doctor, &mounts, own);
	bool has_v1 = mounts.v1[CGROUP_CPU][0] != '\0' && mounts.v1[CGROUP_MEMORY][0] != '\0';

	if (has_v1 && !(has_own && has_controllers(doctor, own, controllers))) {
		judge_v1(finding);
	} else if (has_own) {
		judge_v2(doctor, &mounts, own, finding);
	} else {
		doctor_say(finding, "none is to be seen from here");
		finding->verdict = UNKNOWN;
	}
}
