/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/host.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "tests/support/run.h"

void need_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR);

	if (fd < 0)
		cr_skip_test("no /dev/kvm here: runs in the NPT lab");
	close(fd);
}

void need_root(const char *what_for)
{
	if (geteuid() != 0)
		cr_skip_test("needs root: %s", what_for);
}

void need_program(const char *name)
{
	char path[256];
	const char *folders[] = {"/usr/bin", "/usr/sbin", "/bin", "/sbin"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return;
	}
	cr_skip_test("%s is not installed", name);
}

bool is_sanitized(void)
{
	return WITH_SANITIZER || strstr(mayfly_path(), "build/tsan/") != NULL;
}

bool kvm_is_pvm(void)
{
	return access("/sys/module/kvm_pvm", F_OK) == 0 &&
	       access("/sys/module/kvm_amd", F_OK) < 0 && access("/sys/module/kvm_intel", F_OK) < 0;
}

unsigned count_for(unsigned quick, unsigned full)
{
	const char *is_long = getenv("MAYFLY_LONG");

	return is_long != NULL && strcmp(is_long, "1") == 0 ? full : quick;
}

unsigned test_seed(void)
{
	const char *seed = getenv("SEED");
	unsigned value = seed != NULL ? (unsigned)strtoul(seed, NULL, 0) : (unsigned)time(NULL);

	fprintf(stderr, "seed %u (SEED=%u repeats it)\n", value, value);
	return value;
}
