/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the command line: which command, and for `run` a checked configuration. Supervisor.
 *
 * Everything it says of options comes from the table in options.c.
 */
#ifndef MAYFLY_MONITOR_CLI_H
#define MAYFLY_MONITOR_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "monitor/config.h"
#include "monitor/disk.h"

enum cli_command { CLI_HELP, CLI_VERSION, CLI_RUN, CLI_DISK, CLI_DOCTOR };

struct cli {
	enum cli_command command;
	enum cli_command help_for; /* CLI_HELP: CLI_HELP itself is the overview */
	struct disk_command disk;
	bool doctor_json;
	struct config config; /* CLI_RUN */
	json_t *config_tree;  /* of the configuration file, in which strings of `config` live */
};

/* Reads the arguments and the configuration file they name. Errors: -EINVAL, with the option. */
MUST_CHECK int cli_parse(int argc, char **argv, struct cli *ret_cli, struct err *err);

/* Prints the help of a command, or the overview. */
void cli_print_help(FILE *to, enum cli_command command);

/* Prints words from `text` up to the width, and a newline; returns where the next line begins. */
const char *cli_print_line(FILE *to, const char *text, size_t width);

#endif
