/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "seccomp/cgroup.h"
#include "tests/support/run.h"

static struct cgroup_mounts found_in(const char *mountinfo)
{
	struct cgroup_mounts mounts;
	char root[64];

	snprintf(root, sizeof(root), "%s", scratch("."));
	mkdir(scratch("proc"), 0755);
	mkdir(scratch("proc/self"), 0755);
	write_file("proc/self/mountinfo", mountinfo, strlen(mountinfo));
	cr_assert_eq(cgroup_find_mounts(root, &mounts), 0);
	return mounts;
}

Test(cgroup_mounts, knows_both_versions)
{
	struct cgroup_mounts mounts = found_in(
		"30 23 0:28 / /a rw,nosuid shared:9 - cgroup2 none rw,nsdelegate\n"
		"31 23 0:29 / /b rw - cgroup cgroup rw,cpu,cpuacct\n"
		"32 23 0:30 / /c rw - cgroup cgroup rw,blkio\n"
		"33 23 0:31 / /d rw - tmpfs cgroup rw,memory\n"
		"34 23 0:32 / /e rw - cgroup cgroup rw,name=pids\n"
		"35 23 0:33\n");

	cr_assert_str_eq(mounts.v2, "/a");
	cr_assert_str_eq(mounts.v1[CGROUP_CPU], "/b");
	cr_assert_str_eq(mounts.v1[CGROUP_IO], "/c");
	cr_assert_str_eq(mounts.v1[CGROUP_MEMORY], "");
	cr_assert_str_eq(mounts.v1[CGROUP_PIDS], "");
}

Test(cgroup_mounts, takes_the_first_place)
{
	struct cgroup_mounts mounts = found_in("30 23 0:28 / /a rw - cgroup2 none rw\n"
					       "31 23 0:28 / /b rw - cgroup2 none rw\n"
					       "32 23 0:30 / /c rw - cgroup none rw,memory\n"
					       "33 23 0:30 / /d rw - cgroup none rw,memory\n");

	cr_assert_str_eq(mounts.v2, "/a");
	cr_assert_str_eq(mounts.v1[CGROUP_MEMORY], "/c");
}

Test(cgroup_mounts, are_not_there_without_proc)
{
	struct cgroup_mounts mounts;

	cr_assert_eq(cgroup_find_mounts("/dev/null", &mounts), -ENOTDIR);
}

Test(cgroup_mounts, find_whole_words)
{
	cr_assert(cgroup_is_listed("cpuset cpu io\n", "cpu"));
	cr_assert(cgroup_is_listed("rw,cpu,cpuacct", "cpuacct"));
	cr_assert(cgroup_is_listed("io\n", "io"));
	cr_assert_not(cgroup_is_listed("cpuset cpuacct", "cpu"));
	cr_assert_not(cgroup_is_listed("", "cpu"));
}
