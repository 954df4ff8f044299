/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The module that runs the guests. */
static const char *substrate(void)
{
	static const char *const modules[][2] = {
		{"/sys/module/kvm_intel", "VMX"},
		{"/sys/module/kvm_amd", "SVM"},
		{"/sys/module/kvm_pvm", "PVM"},
	};

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (access(modules[i][0], F_OK) == 0)
			return modules[i][1];
	return "unknown";
}

/* Of the last minute; the benchmark itself is a part of it. */
static double load(void)
{
	double average = 0;

	getloadavg(&average, 1);
	return average;
}

json_t *report_machine(void)
{
	struct utsname host;

	uname(&host);
	return json_pack("{s:s, s:s, s:s, s:i, s:f}", "kernel", host.release, "architecture",
			 host.machine, "kvm", substrate(), "processors",
			 (int)sysconf(_SC_NPROCESSORS_ONLN), "load", load());
}

void report_print_machine(void)
{
	struct utsname host;

	uname(&host);
	printf("Linux %s, KVM by %s, %ld processors, load %.1f\n", host.release, substrate(),
	       sysconf(_SC_NPROCESSORS_ONLN), load());
}

FILE *report_create(const char *folder, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (file == NULL)
		fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
	return file;
}
