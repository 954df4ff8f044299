/* SPDX-License-Identifier: Apache-2.0 */
/* How findings come about, and how they are told. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "monitor/cli.h"
#include "monitor/doctor_findings.h"

#define WIDTH       96
#define MEND_COLUMN 14

static const char *const verdict_names[] = {"good", "unknown", "advice", "lacking", "fatal"};

static_assert(ARRAY_LEN(verdict_names) == VERDICT_COUNT, "a name for each verdict");

struct finding *doctor_add(struct doctor *doctor, enum verdict verdict, const char *name)
{
	struct finding *finding;

	assert(doctor->n < FINDINGS_MAX);
	finding = &doctor->findings[doctor->n++];
	*finding = (struct finding){.verdict = verdict, .group = doctor->group, .name = name};
	return finding;
}

void doctor_say(struct finding *finding, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(finding->value, sizeof(finding->value), format, values);
	va_end(values);
	err_clean(finding->value);
}

int doctor_read(const struct doctor *doctor, const char *path, char *ret_text, size_t size)
{
	char whole[256];
	SCOPE_FD int fd = -1;
	ssize_t n;

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret_text, size - 1);
	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	if (n > 0 && ret_text[n - 1] == '\n')
		ret_text[n - 1] = '\0';
	return 0;
}

static void print_mend(const char *text)
{
	for (const char *lead = "-> "; *text != '\0'; lead = "") {
		printf("%*s", MEND_COLUMN, lead);
		text = cli_print_line(stdout, text, WIDTH - MEND_COLUMN);
	}
}

void doctor_print_text(const struct doctor *doctor)
{
	const char *group = NULL;

	for (unsigned i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];

		if (group == NULL || strcmp(group, finding->group) != 0)
			printf("%s%s\n", group != NULL ? "\n" : "", finding->group);
		group = finding->group;
		printf("  %-8s %-28s %s\n", verdict_names[finding->verdict], finding->name,
		       finding->verdict == UNKNOWN && finding->value[0] == '\0' ? "unknown"
										: finding->value);
		if (finding->mend != NULL)
			print_mend(finding->mend);
	}
}

void doctor_print_json(const struct doctor *doctor, int status)
{
	json_t *findings = json_array(), *root;

	for (unsigned i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];

		json_array_append_new(findings,
				      json_pack("{s:s, s:s, s:s, s:s?}", "name", finding->name,
						"verdict", verdict_names[finding->verdict], "value",
						finding->value, "mend", finding->mend));
	}
	root = json_pack("{s:i, s:o}", "status", status, "findings", findings);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}
