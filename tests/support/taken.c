/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/taken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run.h"

/* Over all mappings but the guest's, which is the only one of its size. */
static unsigned long sum_pss(const char *path)
{
	char *smaps = read_file(path, NULL), *line;
	unsigned long sum = 0, size = 0;

	while ((line = strsep(&smaps, "\n")) != NULL) {
		if (strncmp(line, "Size:", 5) == 0)
			size = strtoul(line + 5, NULL, 10);
		else if (strncmp(line, "Pss:", 4) == 0 && size < TAKEN_GUEST_KIB)
			sum += strtoul(line + 4, NULL, 10);
	}
	return sum;
}

struct taken taken_by(pid_t pid)
{
	struct taken taken;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	taken.pss_kib = sum_pss(path);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	taken.n_files = count_files(path);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	taken.n_threads = count_files(path);
	return taken;
}
