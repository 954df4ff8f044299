/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_access.c - what an access to a device's register costs on the KVM that is here, by the way the
 * register is made: exits for one access, and its time beside that of a store that rings a doorbell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "perf/access.h"

#define ROUNDS_MAX 1000
#define UNIT       3 /* the way that the others' times are divided by */

struct figures {
	struct access_cost cost; /* of the last round */
	double ns[ROUNDS_MAX];
};

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static const char *kvm_kind(void)
{
	static const char *const folders[] = {"/sys/module/kvm_intel", "/sys/module/kvm_amd",
					      "/sys/module/kvm_pvm"};

	for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (access(folders[i], F_OK) == 0)
			return strrchr(folders[i], '/') + 1;
	return "some kvm";
}

/* Each round has every way once, so that what else the machine does falls upon all of them. */
static int run_rounds(struct figures *figures, unsigned rounds, uint32_t times)
{
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < ACCESS_WAYS; i++) {
			if (access_measure(&access_ways[i], times, &figures[i].cost) < 0) {
				perror(access_ways[i].name);
				return -1;
			}
			figures[i].ns[round] = (double)figures[i].cost.ns / times;
		}
	return 0;
}

static void show(struct figures *figures, unsigned rounds, uint32_t times)
{
	double unit = median(figures[UNIT].ns, rounds);
	struct utsname host;

	uname(&host);
	printf("%s, Linux %s\n%-46s %10s %10s %10s\n", kvm_kind(), host.release, "one access",
	       "user exits", "exits", "time");
	for (unsigned i = 0; i < ACCESS_WAYS; i++)
		printf("%-46s %10.3f %10.3f %10.3f\n", access_ways[i].name,
		       (double)figures[i].cost.user_exits / times,
		       (double)figures[i].cost.exits / times, median(figures[i].ns, rounds) / unit);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 51;
	uint32_t times = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
	static struct figures figures[ACCESS_WAYS];

	if (rounds == 0 || rounds > ROUNDS_MAX || times == 0) {
		fprintf(stderr, "bench_access [ROUNDS, at most %u [ACCESSES]]\n", ROUNDS_MAX);
		return 1;
	}
	if (run_rounds(figures, rounds, times) < 0)
		return 1;
	show(figures, rounds, times);
	return 0;
}
