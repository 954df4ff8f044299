/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/config_json.h"

#include <stdio.h>
#include <string.h>

#include "monitor/options.h"

#define FIELD_MAX 80

/* What Firecracker has and we do not; paths of fields or of whole sections. */
static const char *const not_supported[] = {
	"machine-config.smt",
	"machine-config.track_dirty_pages",
	"machine-config.cpu_template",
	"cpu-config",
	"network-interfaces",
	"vsock",
	"balloon",
	"entropy",
	"logger",
	"metrics",
	"mmds-config",
	"pmem",
	"memory-hotplug",
};

static const char *const sections[] = {"boot-source", "machine-config", "mayfly"};

static bool asks_for_nothing(const json_t *value)
{
	return json_is_null(value) || json_is_false(value) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_string(value) && strcmp(json_string_value(value), "None") == 0);
}

static bool is_listed(const char *field, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(field, list[i]) == 0)
			return true;
	return false;
}

static const struct option_def *find_field(const char *field)
{
	for (size_t i = 0; i < n_options; i++)
		if (options[i].json != NULL && strcmp(options[i].json, field) == 0)
			return &options[i];
	return NULL;
}

/* What the field of such an option holds, in words. */
static const char *expected(const struct option_def *option)
{
	switch (option->kind) {
	case OPTION_FLAG:
	case OPTION_SWITCH:
		return option->json_true != NULL ? "\"2M\" or \"None\"" : "true or false";
	case OPTION_SIZE:
		return "a number of MiB, or a string with K, M, G or T";
	case OPTION_COUNT:
	case OPTION_ID:
		return "a whole number";
	case OPTION_TABLE:
		return "true, false or \"json\"";
	case OPTION_TIME:
	case OPTION_CHOICE:
	case OPTION_PATH:
	case OPTION_WORDS:
	case OPTION_CPUS:
	case OPTION_STREAM:
	case OPTION_DISK:
	default:
		return "a string";
	}
}

static const char *flag_to_text(const struct option_def *option, const json_t *value)
{
	if (option->json_true == NULL)
		return json_is_boolean(value) ? (json_is_true(value) ? "on" : "off") : NULL;
	if (json_is_string(value) && strcmp(json_string_value(value), option->json_true) == 0)
		return "on";
	if (json_is_string(value) && strcmp(json_string_value(value), option->json_false) == 0)
		return "off";
	return NULL;
}

/* The value as the command line would have it; numbers go to `number`. NULL: of no such type. */
static const char *to_text(const struct option_def *option, const json_t *value, char *number,
			   size_t size)
{
	bool is_size = option->kind == OPTION_SIZE;
	bool is_number = option->kind == OPTION_COUNT || option->kind == OPTION_ID;

	if (option->kind == OPTION_FLAG || option->kind == OPTION_SWITCH)
		return flag_to_text(option, value);
	if (json_is_string(value) && !is_number)
		return json_string_value(value);
	if (json_is_boolean(value) && option->kind == OPTION_TABLE)
		return json_is_true(value) ? "on" : "off";
	if (!json_is_integer(value) || !(is_size || is_number) ||
	    (is_size && json_integer_value(value) < 0))
		return NULL;
	/* Firecracker's sizes are in MiB. */
	snprintf(number, size, "%lld%s", (long long)json_integer_value(value), is_size ? "M" : "");
	return number;
}

static int refuse_type(const struct option_def *option, const json_t *value, struct err *err)
{
	SCOPE_FREE char *text = json_dumps(value,
					   JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

	return err_input(err, "field \"%s\": %.50s is not %s", option->json,
			 text != NULL ? text : "the value", expected(option));
}

static int set_field(const char *field, const json_t *value, struct config *config, struct err *err)
{
	const struct option_def *option = find_field(field);
	struct err inner;
	char number[32];
	const char *text;

	if (option == NULL && is_listed(field, not_supported, ARRAY_LEN(not_supported)))
		return asks_for_nothing(value)
			       ? 0
			       : err_input(err, "field \"%s\" asks for what is not supported",
					   field);
	if (option == NULL)
		return err_input(err, "field \"%.*s\" is unknown", FIELD_MAX, field);
	if (json_is_null(value))
		return 0;
	if (option->kind == OPTION_DISK) {
		if (disks_from_json((struct disk_list *)(void *)((char *)config + option->offset),
				    value, &inner) < 0)
			return err_input(err, "field \"%s\": %.200s", field, inner.text);
		return 0;
	}
	text = to_text(option, value, number, sizeof(number));
	if (text == NULL)
		return refuse_type(option, value, err);
	if (option_set(option, config, text, &inner) < 0)
		return err_input(err, "field \"%s\": %.150s", field, inner.text);
	return 0;
}

static int read_section(const char *section, json_t *fields, struct config *config, struct err *err)
{
	char path[2 * FIELD_MAX];
	const char *name;
	json_t *value;
	int ret;

	if (!json_is_object(fields))
		return err_input(err, "field \"%s\" is no object", section);
	json_object_foreach (fields, name, value) {
		snprintf(path, sizeof(path), "%s.%.*s", section, FIELD_MAX, name);
		ret = set_field(path, value, config, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_root(json_t *root, struct config *config, struct err *err)
{
	const char *name;
	json_t *value;
	int ret = 0;

	json_object_foreach (root, name, value) {
		if (strcmp(name, "resolved") == 0)
			continue; /* --dry-run says there what the image made of the rest */
		if (is_listed(name, sections, ARRAY_LEN(sections)))
			ret = read_section(name, value, config, err);
		else
			ret = set_field(name, value, config, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int config_json_read(const char *text, size_t len, struct config *config, json_t **ret_root,
		     struct err *err)
{
	json_error_t parse_error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &parse_error);
	struct config read = *config;
	int ret;

	if (root == NULL)
		return err_input(err, "line %d, column %d: %s", parse_error.line,
				 parse_error.column, parse_error.text);
	ret = json_is_object(root) ? read_root(root, &read, err)
				   : err_input(err, "the file is no JSON object");
	if (ret < 0) {
		json_decref(root);
		return ret;
	}
	*config = read;
	*ret_root = root;
	return 0;
}

json_t *config_json_write(const struct config *config)
{
	json_t *root = json_object();

	for (size_t i = 0; i < n_options; i++) {
		char section[FIELD_MAX];
		const char *dot;

		if (options[i].json == NULL)
			continue;
		dot = strchr(options[i].json, '.');
		if (dot == NULL) {
			json_object_set_new(root, options[i].json,
					    option_to_json(&options[i], config));
			continue;
		}
		snprintf(section, sizeof(section), "%.*s", (int)(dot - options[i].json),
			 options[i].json);
		if (json_object_get(root, section) == NULL)
			json_object_set_new(root, section, json_object());
		json_object_set_new(json_object_get(root, section), dot + 1,
				    option_to_json(&options[i], config));
	}
	return root;
}
