/* SPDX-License-Identifier: Apache-2.0 */
/* cli_help.c - what --help prints; the options are those of the table in options.c. */
#include <string.h>

#include "monitor/cli.h"
#include "monitor/options.h"

#define HELP_COLUMN 30
#define HELP_WIDTH  96

static const char overview[] =
	"usage: mayfly COMMAND\n"
	"\n"
	"  run [OPTIONS] [IMAGE] [-- ARG...]   boot a microVM and wait for its end\n"
	"  disk info|check|commit FILE         look at an image or the layer of an overlay, or end it\n"
	"  doctor [--json]                     tell whether this host can run microVMs\n"
	"\n"
	"  mayfly --version, --help; mayfly COMMAND --help\n";

static const char run_usage[] =
	"usage: mayfly run [OPTIONS] [IMAGE] [-- ARG...]\n"
	"\n"
	"Boots a microVM, connects its serial port to this terminal, and ends when it ends.\n"
	"\n";

static const char run_endings[] =
	"\n"
	"An option without a value may be written --name=on or --name=off, which takes back what\n"
	"the configuration file says.\n"
	"\n"
	"On a terminal, Ctrl-] is the escape key: then q ends the run, r types Ctrl-Alt-Del,\n"
	"Ctrl-] types itself, ? shows this list.\n"
	"\n"
	"Exit status: 0-123 the guest's own; 124 the time limit; 125 usage, configuration, image\n"
	"or host files; 126 this host cannot; 127 the guest or its cell died; 128+N signal N.\n";

static const char disk_usage[] =
	"usage: mayfly disk info FILE [--json]\n"
	"       mayfly disk check FILE [--json]\n"
	"       mayfly disk commit FILE --base=BASE\n"
	"\n"
	"Says what an image or the layer of an overlay is; whether it is sound; or writes a layer into\n"
	"its base, after which it is empty. A commit that was stopped is begun again and goes on.\n"
	"\n"
	"Exit status: 0 sound, or done; 1 damaged; 2 it could not be read or written.\n";

static const char doctor_usage[] =
	"usage: mayfly doctor [--json]\n"
	"\n"
	"Looks at KVM, at what a guest's process can give up on this host, and at settings that keep\n"
	"guests apart; says what is missing, what that means, and how to mend it.\n"
	"\n"
	"Exit status: 0 good, or with advice; 1 works with something missing; 2 cannot run.\n";

const char *cli_print_line(FILE *to, const char *text, size_t width)
{
	size_t len = strlen(text);

	if (len > width) {
		len = width;
		while (len > 0 && text[len] != ' ')
			len--;
	}
	fprintf(to, "%.*s\n", (int)len, text);
	text += len;
	return *text == ' ' ? text + 1 : text;
}

static void print_option(FILE *to, const struct option_def *option)
{
	char left[64], help[256];
	const char *rest = help;
	bool optional = option->kind == OPTION_TABLE;

	if (option_is_positional(option))
		snprintf(left, sizeof(left), "  %s", option->argument);
	else
		snprintf(left, sizeof(left), "  %c%c%c --%s%s%s%s", option->letter ? '-' : ' ',
			 option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
			 option->name,
			 option->argument == NULL ? ""
			 : optional               ? "["
						  : "=",
			 option->argument == NULL ? ""
			 : optional               ? "=json"
						  : option->argument,
			 optional ? "]" : "");
	snprintf(help, sizeof(help), "%s%s%s%s", option->help, option->fallback ? " (" : "",
		 option->fallback ? option->fallback : "", option->fallback ? ")" : "");
	fprintf(to, "%-*s", HELP_COLUMN, left);
	if (strlen(left) >= HELP_COLUMN)
		fprintf(to, "\n%*s", HELP_COLUMN, "");
	rest = cli_print_line(to, rest, HELP_WIDTH - HELP_COLUMN);
	while (*rest != '\0') {
		fprintf(to, "%*s", HELP_COLUMN, "");
		rest = cli_print_line(to, rest, HELP_WIDTH - HELP_COLUMN);
	}
}

void cli_print_help(FILE *to, enum cli_command command)
{
	switch (command) {
	case CLI_RUN:
		fputs(run_usage, to);
		for (size_t i = 0; i < n_options; i++)
			print_option(to, &options[i]);
		fputs(run_endings, to);
		break;
	case CLI_DOCTOR:
		fputs(doctor_usage, to);
		break;
	case CLI_DISK:
		fputs(disk_usage, to);
		break;
	case CLI_HELP:
	case CLI_VERSION:
	default:
		fputs(overview, to);
		break;
	}
}
