/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_json.h - the configuration file: Firecracker's shape, and a section "mayfly" for what it
 * has no field for. Supervisor.
 *
 * What --dry-run prints can be read again; its section "resolved" is passed over.
 *
 * A field that is not known is an error. One that Firecracker has and we do not is accepted as long
 * as it asks for nothing: false, null, "None" or an empty list.
 */
#ifndef MAYFLY_MONITOR_CONFIG_JSON_H
#define MAYFLY_MONITOR_CONFIG_JSON_H

#include <jansson.h>

#include "monitor/config.h"

/*
 * Reads `text` into `config`. Strings of `config` point into `ret_root`, which the caller keeps as
 * long as `config`. Errors: -EINVAL with line and column, or the field and its value; then `config`
 * is as it was.
 */
MUST_CHECK int config_json_read(const char *text, size_t len, struct config *config,
				json_t **ret_root, struct err *err);

/* The whole configuration in the same shape; a new reference. */
json_t *config_json_write(const struct config *config);

#endif
