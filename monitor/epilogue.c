/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/epilogue.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "monitor/config_json.h"
#include "monitor/crash_report.h"
#include "monitor/doctor.h"
#include "monitor/names.h"
#include "monitor/options.h"
#include "monitor/tables.h"

void epilogue_print_error(const struct err *err)
{
	fprintf(stderr, "mayfly: %s\n", err->text);
}

int epilogue_flush(int status)
{
	struct err err;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	err_set_host(&err, errno, "standard output");
	epilogue_print_error(&err);
	return EXIT_STATUS_USAGE;
}

/* Makes one outcome of what the cell said and what we did to it. */
static void settle(struct epilogue *e)
{
	struct outcome *outcome = &e->outcome;

	outcome->n_vcpus = e->config->n_cpus;
	if (e->told && e->last.type == FROM_CELL_FAILED) {
		outcome->kind = OUTCOME_CELL_FAILED;
		outcome->is_hearsay = e->has_parsed;
		outcome->failed = e->last.failed;
	}
	outcome->has_ended = e->told && e->last.type == FROM_CELL_ENDED;
	if (!outcome->has_ended)
		return;
	outcome->ended = e->last.ended;
	if (outcome->ended.reason != END_STOPPED)
		outcome->kind = OUTCOME_ENDED;
}

static const char *why_dropped(const struct dropped *dropped)
{
	if (dropped->error == 0 || dropped->error == EPIPE)
		return "nobody read them";
	return strerror((int)dropped->error);
}

static void print_dropped(const char *port, const struct dropped *dropped)
{
	if (dropped->bytes > 0)
		fprintf(stderr, "mayfly: %llu bytes of %s output were dropped: %s\n",
			(unsigned long long)dropped->bytes, port, why_dropped(dropped));
}

static json_t *dropped_to_json(const struct dropped *dropped)
{
	return json_pack("{s:I, s:s*}", "bytes", (json_int_t)(dropped->bytes & INT64_MAX),
			 "because", dropped->bytes > 0 ? why_dropped(dropped) : NULL);
}

static bool has_crashed(const struct outcome *outcome)
{
	return outcome->kind == OUTCOME_ENDED && (outcome->ended.reason == END_TRIPLE_FAULT ||
						  outcome->ended.reason == END_KVM_ERROR);
}

static json_t *ending_to_json(const struct epilogue *e)
{
	const struct outcome *outcome = &e->outcome;
	const struct ended *ended = &outcome->ended;
	json_t *json = json_object(), *states;
	char text[512];

	outcome_describe(outcome, text, sizeof(text));
	json_object_set_new(json, "exit_status", json_integer(outcome_status(outcome)));
	json_object_set_new(json, "ending", json_string(text));
	if (!outcome->has_ended)
		return json;
	json_object_set_new(json, "reason", json_string(end_reason_name(ended->reason)));
	json_object_set_new(json, "dropped_serial_output", dropped_to_json(&ended->serial));
	json_object_set_new(json, "dropped_console_output", dropped_to_json(&ended->console));
	if (has_crashed(outcome))
		json_object_set_new(json, "crash",
				    crash_to_json(&ended->crash, (enum end_reason)ended->reason));
	if (ended->reason == END_EXIT)
		json_object_set_new(json, "guest_status", json_integer(ended->detail));
	if (ended->reason != END_STOPPED)
		return json;
	states = json_array();
	for (unsigned i = 0; i < outcome->n_vcpus; i++)
		json_array_append_new(states, json_string(vcpu_state_name(ended->states[i])));
	json_object_set_new(json, "vcpus", states);
	return json;
}

static json_t *jail_to_json(const struct jail *jail)
{
	static const struct {
		unsigned bit;
		const char *name;
	} parts[] = {
		{JAIL_HAS_USER_NS, "user_namespace"}, {JAIL_HAS_NAMESPACES, "namespaces"},
		{JAIL_HAS_ROOT, "empty_root"},        {JAIL_HAS_IDS, "no_privileges"},
		{JAIL_HAS_CORE, "core_scheduling"},   {JAIL_HAS_LANDLOCK, "landlock"},
		{JAIL_HAS_FILTERS, "filters"},
	};
	json_t *json = json_pack("{s:s}", "mode", jail_names[jail->mode]);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		json_object_set_new(json, parts[i].name,
				    json_boolean((jail->holds & parts[i].bit) != 0));
	/* An empty network namespace, the host's without a way to a socket, or the host's. */
	json_object_set_new(json, "network",
			    json_string((jail->holds & JAIL_HAS_NETWORK_NS) != 0 ? "empty"
					: (jail->holds & JAIL_HAS_FILTERS) != 0  ? "filtered"
										 : "host"));
	return json;
}

/* False where it could not be written, which has been said. */
static bool write_report(struct epilogue *e)
{
	struct err err = {0};
	json_t *json;
	int ret;

	if (e->report.path == NULL)
		return true;
	json = ending_to_json(e);
	json_object_set_new(json, "jail", jail_to_json(&e->jail));
	json_object_set_new(json, "exits", tables_exits_to_json(e->counters, e->config->n_cpus));
	json_object_set_new(json, "timeline", tables_timeline_to_json(e->counters));
	ret = report_write(&e->report, json, &err);
	if (ret < 0)
		epilogue_print_error(&err);
	json_decref(json);
	return ret == 0;
}

/* A document of one line, so that a program finds it among ours. */
static void print_json(const char *name, json_t *table)
{
	json_t *json = json_pack("{s:o}", name, table);

	json_dumpf(json, stderr, JSON_COMPACT | JSON_REAL_PRECISION(TABLES_DIGITS));
	fputc('\n', stderr);
	json_decref(json);
}

static void print_tables(const struct epilogue *e)
{
	const struct config *config = e->config;

	if (config->timeline == TABLE_TEXT)
		tables_print_timeline(stderr, e->counters);
	if (config->timeline == TABLE_JSON)
		print_json("timeline", tables_timeline_to_json(e->counters));
	if (config->exits == TABLE_TEXT)
		tables_print_exits(stderr, e->counters, config->n_cpus);
	if (config->exits == TABLE_JSON)
		print_json("exits", tables_exits_to_json(e->counters, config->n_cpus));
}

/* It gets nowhere there, and does not say why. /sys is asked only when that may be so. */
static bool is_linux_on_pvm(const struct outcome *outcome)
{
	return outcome->has_ended && outcome->ended.linux_kernel != 0 && outcome_is_bad(outcome) &&
	       doctor_sees_pvm();
}

static void print_outcome(const struct epilogue *e)
{
	const struct outcome *outcome = &e->outcome;
	char text[512];

	if (e->config->quiet)
		return;
	if (e->config->verbose || outcome_is_bad(outcome)) {
		outcome_describe(outcome, text, sizeof(text));
		fprintf(stderr, "mayfly: %s\n", text);
	}
	print_dropped("serial", &outcome->ended.serial);
	print_dropped("console", &outcome->ended.console);
	if (is_linux_on_pvm(outcome))
		fputs("mayfly: hint: KVM is PVM here, without hardware virtualisation: Linux guests "
		      "need VT-x or AMD-V (see mayfly doctor)\n",
		      stderr);
	if (has_crashed(outcome))
		crash_print(stderr, &outcome->ended.crash, (enum end_reason)outcome->ended.reason);
}

/* Why there is no guest. The cell knows no path and may lie: the name of the file is ours. */
static void print_failure(const struct epilogue *e)
{
	const struct config *config = e->config;
	const uint32_t subject = e->outcome.failed.subject;
	char text[512];

	outcome_describe(&e->outcome, text, sizeof(text));
	if (subject == ERR_SUBJECT_IMAGE)
		fprintf(stderr, "mayfly: image \"%s\": %s\n",
			config->image != NULL ? config->image : "(built-in)", text);
	else if (subject == ERR_SUBJECT_INITRD && config->initrd != NULL)
		fprintf(stderr, "mayfly: initrd \"%s\": %s\n", config->initrd, text);
	else if (subject >= ERR_SUBJECT_DISK && subject - ERR_SUBJECT_DISK < config->disks.n)
		fprintf(stderr, "mayfly: disk \"%s\": %s\n",
			config->disks.disks[subject - ERR_SUBJECT_DISK].id, text);
	else
		fprintf(stderr, "mayfly: %s\n", text);
}

/* --dry-run: the configuration with what the image made of it, on standard output. */
static int print_resolved(const struct epilogue *e)
{
	const struct resolved *resolved = &e->last.resolved;
	json_t *root = config_json_write(e->config);

	/* As a configuration file this one is to run. */
	json_object_del(json_object_get(root, "mayfly"), "dry_run");
	json_object_set_new(
		root, "resolved",
		json_pack("{s:s, s:b, s:s, s:s}", "format", format_names[resolved->format], "linux",
			  resolved->linux_kernel, "irqchip", irqchip_names[resolved->irqchip],
			  "cmdline", resolved->cmdline));
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	return epilogue_flush(0);
}

int epilogue_tell(struct epilogue *e)
{
	int status;

	if (e->told && e->last.type == FROM_CELL_RESOLVED)
		return print_resolved(e);
	settle(e);
	if (e->outcome.kind == OUTCOME_CELL_FAILED) {
		print_failure(e);
	} else {
		print_outcome(e);
		print_tables(e);
	}
	status = outcome_status(&e->outcome);
	if (!write_report(e) && status == 0)
		return EXIT_STATUS_USAGE;
	return status;
}
