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
	"drives",
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

/* Kinds that keep the text, or would take any. */
static bool wants_string(const struct option_def *option)
{
	return option->kind == OPTION_PATH || option->kind == OPTION_WORDS ||
	       option->kind == OPTION_SERIAL;
}

/* The value as the command line would have it; numbers go to `text`. NULL: of no such type. */
static const char *to_text(const struct option_def *option, const json_t *value, char *text,
			   size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (wants_string(option))
		return NULL;
	if (json_is_boolean(value))
		return json_is_true(value) ? "on" : "off";
	if (!json_is_integer(value))
		return NULL;
	/* Firecracker's sizes are in MiB. */
	snprintf(text, size, "%lld%s", (long long)json_integer_value(value),
		 option->kind == OPTION_SIZE ? "M" : "");
	return text;
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
	text = to_text(option, value, number, sizeof(number));
	if (text == NULL)
		return err_input(err, "field \"%s\" has a value of the wrong type", field);
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
		snprintf(section, sizeof(section), "%.*s", (int)(dot - options[i].json),
			 options[i].json);
		if (json_object_get(root, section) == NULL)
			json_object_set_new(root, section, json_object());
		json_object_set_new(json_object_get(root, section), dot + 1,
				    option_to_json(&options[i], config));
	}
	return root;
}
