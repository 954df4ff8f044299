/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the one table behind the command line, `--help`, the man pages, shell completion and
 * the configuration file. Supervisor.
 *
 * An option says where in struct config its value lives and how it is written; everything else - the
 * parser, the pages, the JSON in and out - follows from that.
 */
#ifndef MAYFLY_MONITOR_OPTIONS_H
#define MAYFLY_MONITOR_OPTIONS_H

#include <ctype.h>
#include <jansson.h>

#include "monitor/config.h"

enum option_kind {
	OPTION_FLAG,   /* bool: none, on, off */
	OPTION_SWITCH, /* bool: on, off */
	OPTION_SIZE,   /* uint64_t bytes of guest memory: a number with K, M, G or T */
	OPTION_TIME,   /* uint64_t ns: a number with ms, s or m */
	OPTION_COUNT,  /* unsigned, from 1 to `max` */
	OPTION_CHOICE, /* int: one of `choices` */
	OPTION_TABLE,  /* int, enum table_format: none, json, on, off */
	OPTION_PATH,   /* const char * */
	OPTION_WORDS,  /* char[LAYOUT_CMDLINE_MAX] */
	OPTION_CPUS,   /* unsigned n_pins, then pins[] */
	OPTION_STREAM, /* struct stream: stdio, none or a path */
	OPTION_ID,     /* uint32_t: a numeric user or group id */
	OPTION_CGROUP, /* struct cgroup_limits */
	OPTION_DISK,   /* struct disk_list, to which each adds one */
};

struct option_def {
	const char *name;     /* without dashes; in capitals: a positional argument */
	char letter;          /* or 0 */
	const char *argument; /* what help calls its value; NULL: it has none */
	const char *json;     /* its field in the configuration file, NULL: it has none */
	enum option_kind kind;
	size_t offset; /* of its value in struct config */
	unsigned max;  /* OPTION_COUNT */
	const char *const *choices;
	const char *json_true; /* OPTION_FLAG: what the field says instead of true, false */
	const char *json_false;
	const char *fallback; /* what help says it is if not given, or NULL */
	const char *help;     /* a sentence without its full stop */
};

extern const struct option_def options[];
extern const size_t n_options;

extern const char *const format_names[];  /* of enum boot_format */
extern const char *const irqchip_names[]; /* of enum irqchip_kind */
extern const char *const jail_names[];    /* of enum jail_mode */

/* Is it told by its place on the command line? Then it is not by its name. */
static inline bool option_is_positional(const struct option_def *option)
{
	return isupper((unsigned char)option->name[0]) != 0;
}

/* May its value be left out? Then it follows "=" only. */
static inline bool option_is_optional(const struct option_def *option)
{
	return option->kind == OPTION_FLAG || option->kind == OPTION_TABLE;
}

/*
 * Sets an option from text; `value` is NULL where none was given. The text must outlive `config`.
 * Errors: -EINVAL, without the option's name, which the caller knows how the user wrote.
 */
MUST_CHECK int option_set(const struct option_def *option, struct config *config, const char *value,
			  struct err *err);

/* The option's value as the configuration file would have it; a new reference. */
json_t *option_to_json(const struct option_def *option, const struct config *config);

#endif
