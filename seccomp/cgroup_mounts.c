/* SPDX-License-Identifier: Apache-2.0 */
/* Where the hierarchies are mounted. Supervisor. [proc(5), /proc/PID/mountinfo] */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "seccomp/cgroup.h"

/* What version 1 calls the controllers. */
static const char *const v1_names[CGROUP_CONTROLLER_COUNT] = {"cpu", "memory", "pids", "blkio"};

bool cgroup_is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; *at != '\0'; at += strspn(at, ", \n")) {
		size_t item_len = strcspn(at, ", \n");

		if (item_len == len && memcmp(at, word, len) == 0)
			return true;
		at += item_len;
	}
	return false;
}

/* Another file system can lie over it; a host that is only a picture has none. */
static bool is_there(const char *root, const char *place, bool is_v2)
{
	struct statfs status;

	return root[0] != '\0' ||
	       (statfs(place, &status) == 0 &&
		status.f_type == (is_v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC));
}

/* "36 35 98:0 /root /mount/point options - type source super,options" */
static void take_mount(const char *root, const char *line, struct cgroup_mounts *mounts)
{
	char place[CGROUP_PATH_MAX], type[16], options[128];
	const char *rest = strstr(line, " - ");
	bool is_v2;

	if (rest == NULL || sscanf(line, "%*s %*s %*s %*s %255s", place) != 1 ||
	    sscanf(rest, " - %15s %*s %127s", type, options) != 2)
		return;
	is_v2 = strcmp(type, "cgroup2") == 0;
	if ((!is_v2 && strcmp(type, "cgroup") != 0) || !is_there(root, place, is_v2))
		return;
	if (is_v2 && mounts->v2[0] == '\0')
		memcpy(mounts->v2, place, sizeof(place));
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT && !is_v2; i++)
		if (cgroup_is_listed(options, v1_names[i]) && mounts->v1[i][0] == '\0')
			memcpy(mounts->v1[i], place, sizeof(place));
}

int cgroup_find_mounts(const char *root, struct cgroup_mounts *ret_mounts)
{
	char path[2 * CGROUP_PATH_MAX];
	SCOPE_FREE char *line = NULL;
	char buffer[BUFSIZ]; /* nothing of the host's mounts is to stay on the heap */
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	*ret_mounts = (struct cgroup_mounts){0};
	while (getline(&line, &size, file) >= 0)
		take_mount(root, line, ret_mounts);
	fclose(file);
	explicit_bzero(line, size);
	explicit_bzero(buffer, sizeof(buffer));
	return 0;
}
