/* SPDX-License-Identifier: Apache-2.0 */
/* Whether cells can have limits of their own. [linux Documentation/admin-guide/cgroup-v2.rst] */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor/doctor_findings.h"

#define TEXT_MAX 4096

/* What is mounted where. */
struct mounts {
	char v2[128]; /* "": nowhere */
	bool v1_cpu, v1_memory;
};

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (; *text != '\0'; text += strcspn(text, " ,\n")) {
		text += strspn(text, " ,\n");
		if (strncmp(text, word, len) == 0 && strcspn(text, " ,\n") == len)
			return true;
	}
	return false;
}

/* "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw" [proc(5)] */
static void take_mount(const char *line, struct mounts *mounts)
{
	const char *rest = strstr(line, " - cgroup");

	if (rest == NULL)
		return;
	if (strncmp(rest, " - cgroup2 ", 11) == 0) {
		if (sscanf(line, "%*s %*s %*s %*s %127s", mounts->v2) != 1)
			mounts->v2[0] = '\0';
	} else if (strncmp(rest, " - cgroup ", 10) == 0) {
		mounts->v1_cpu |= has_word(rest, "cpu");
		mounts->v1_memory |= has_word(rest, "memory");
	}
}

static struct mounts find_mounts(const struct doctor *doctor)
{
	struct mounts mounts = {.v2 = ""};
	char path[256], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", doctor->root);
	file = fopen(path, "re");
	if (file == NULL)
		return mounts;
	while (fgets(line, sizeof(line), file) != NULL)
		take_mount(line, &mounts);
	fclose(file);
	return mounts;
}

/* Our own cgroup of version 2, as a folder. "0::/user.slice": its path. */
static bool find_own(const struct doctor *doctor, const struct mounts *mounts, char *ret_own,
		     size_t size)
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
	snprintf(ret_own, size, "%s%.*s", mounts->v2, (int)strcspn(line, "\n"), line);
	return true;
}

static bool may_write(const struct doctor *doctor, const char *folder, const char *name)
{
	char path[768];

	snprintf(path, sizeof(path), "%s%s/%s", doctor->root, folder, name);
	return access(path, W_OK) == 0;
}

static bool is_delegated(const struct doctor *doctor, const char *own)
{
	return may_write(doctor, own, "") && may_write(doctor, own, "cgroup.procs") &&
	       may_write(doctor, own, "cgroup.subtree_control");
}

void doctor_look_at_cgroup(struct doctor *doctor)
{
	struct finding *finding = doctor_add(doctor, UNKNOWN, "cgroups");
	struct mounts mounts = find_mounts(doctor);
	char own[384], path[512], controllers[160] = "";
	bool has_own = find_own(doctor, &mounts, own, sizeof(own));

	snprintf(path, sizeof(path), "%s/cgroup.controllers", has_own ? own : "");
	if (has_own && doctor_read(doctor, path, controllers, sizeof(controllers)) < 0)
		controllers[0] = '\0';
	finding->verdict = ADVICE;
	if (has_word(controllers, "memory") && has_word(controllers, "cpu")) {
		bool is_ours = is_delegated(doctor, own);

		doctor_say(finding, "version 2, %s: %s", is_ours ? "delegated" : "not yours",
			   controllers);
		finding->verdict = is_ours ? GOOD : ADVICE;
		if (!is_ours)
			finding->mend = "--cgroup needs one that is delegated: "
					"systemd-run --user --scope -p Delegate=yes mayfly run ...";
	} else if (mounts.v1_cpu && mounts.v1_memory) {
		doctor_say(finding, "version 1, which root may use");
		finding->verdict = geteuid() == 0 ? GOOD : ADVICE;
		if (finding->verdict == ADVICE)
			finding->mend = "version 2 can be delegated to you: boot with "
					"systemd.unified_cgroup_hierarchy=1";
	} else if (has_own) {
		doctor_say(finding, "version 2, without the controllers of CPU and memory: \"%s\"",
			   controllers);
		finding->mend = "--cgroup limits neither: the cgroup above must pass them on "
				"(cgroup.subtree_control)";
	} else {
		doctor_say(finding, "none is to be seen from here");
		finding->verdict = UNKNOWN;
	}
}
