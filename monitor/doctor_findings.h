/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_findings.h - what the parts of the doctor share: doctor.c looks at KVM, doctor_jail.c at what
 * a cell can give up here, doctor_host.c and doctor_cgroup.c at settings of the host;
 * doctor_findings.c keeps and tells. Supervisor.
 */
#ifndef MAYFLY_MONITOR_DOCTOR_FINDINGS_H
#define MAYFLY_MONITOR_DOCTOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "seccomp/jail.h"

#define FINDINGS_MAX 64

/* From well to ill. */
enum verdict {
	GOOD,
	UNKNOWN, /* cannot be seen from here: said, and no fault */
	ADVICE,  /* works as it is; whoever runs hostile guests should know */
	LACKING, /* works, with something missing: exit status 1 */
	FATAL,   /* no microVM can run: exit status 2 */
	VERDICT_COUNT
};

struct finding {
	enum verdict verdict;
	const char *group;
	const char *name;
	char value[200];
	const char *mend; /* what it means and what to do; NULL where there is nothing to mend */
};

struct doctor {
	const char *root;     /* of the file system that is looked at; "" but in tests */
	const char *group;    /* of the findings that come now */
	int kvm;              /* -1: cannot be opened */
	char permission[160]; /* how to get that */
	unsigned n;
	struct finding findings[FINDINGS_MAX];
};

/* Adds a finding to be filled in. */
struct finding *doctor_add(struct doctor *doctor, enum verdict verdict, const char *name);

/* Sets its value; what is no printable ASCII becomes '?'. */
void doctor_say(struct finding *finding, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The text of a small file under the root, without its last newline. Errors: -errno. */
MUST_CHECK int doctor_read(const struct doctor *doctor, const char *path, char *ret_text,
			   size_t size);

/* Makes a cell that goes through the stages of the jail, and adds what it has come to. */
void doctor_look_at_jail(struct doctor *doctor);

/* Settings that matter to guests which do not trust each other. */
void doctor_look_at_host(struct doctor *doctor);

/* Limits. */
void doctor_look_at_cgroup(struct doctor *doctor);

/* What this jail of a cell means, and these JAIL_HAS_* of it. */
void doctor_judge_jail(struct doctor *doctor, const struct jail *jail);
void doctor_judge_core(struct doctor *doctor, unsigned holds);

/* A ring in the cell: why it cannot be made, or nothing. */
void doctor_judge_ring(struct doctor *doctor, const char *error);

void doctor_print_text(const struct doctor *doctor);
void doctor_print_json(const struct doctor *doctor, int status);

#endif
