/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages.c - what is written from the table of options besides --help: a man page (a template on
 * standard input, whose line @OPTIONS@ it fills in) and completion for bash, zsh and fish.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "monitor/options.h"

#define LINE_MAX_LEN 1024

static bool takes_file(const struct option_def *option)
{
	return option->argument != NULL && strstr(option->argument, "FILE") != NULL;
}

/* The values that can be completed, separated by spaces; "" for none. */
static void fixed_values(const struct option_def *option, char *text, size_t size)
{
	text[0] = '\0';
	switch (option->kind) {
	case OPTION_FLAG:
	case OPTION_SWITCH:
		snprintf(text, size, "on off");
		break;
	case OPTION_STREAM:
		snprintf(text, size, "stdio none");
		break;
	case OPTION_TABLE:
		snprintf(text, size, "json on off");
		break;
	case OPTION_CHOICE:
		for (size_t i = 0; option->choices[i] != NULL; i++)
			snprintf(text + strlen(text), size - strlen(text), "%s%s", i > 0 ? " " : "",
				 option->choices[i]);
		break;
	default:
		break;
	}
}

/* The man page, in mdoc. */

static void print_man_option(const struct option_def *option)
{
	if (option_is_positional(option)) {
		printf(".It Ar %s\n", option->argument);
	} else {
		printf(".It ");
		if (option->letter != 0)
			printf("Fl %c , ", option->letter);
		printf("Fl \\-%s", option->name);
		if (option->kind == OPTION_TABLE)
			printf(" Ns Oo = Ns Cm json Oc");
		else if (option->argument != NULL)
			printf(" Ns = Ns Ar %s", option->argument);
		putchar('\n');
	}
	printf("%c%s.\n", toupper((unsigned char)option->help[0]), option->help + 1);
	if (option->fallback != NULL)
		printf("The default is\n.Cm %s .\n", option->fallback);
	if (option->json != NULL)
		printf("In a configuration file:\n.Li %s .\n", option->json);
}

static int print_man(void)
{
	char line[LINE_MAX_LEN];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "@OPTIONS@\n") != 0) {
			fputs(line, stdout);
			continue;
		}
		for (size_t i = 0; i < n_options; i++)
			print_man_option(&options[i]);
	}
	return 0;
}

/* Completion. */

static void print_words(void)
{
	for (size_t i = 0; i < n_options; i++) {
		if (option_is_positional(&options[i]))
			continue;
		if (options[i].letter != 0)
			printf("-%c ", options[i].letter);
		printf("--%s%s ", options[i].name, option_is_optional(&options[i]) ? "" : "=");
	}
	printf("--help");
}

/* One that may be left out follows "=" only: a word of its own would be the IMAGE. */
static void print_bash_value(const struct option_def *option, const char *values)
{
	bool optional = option_is_optional(option);

	if (optional)
		printf("\t\tif [ \"$split\" = true ]; then\n");
	if (values[0] != '\0')
		printf("\t\tmapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n", values);
	if (takes_file(option))
		printf("\t\t_filedir\n");
	printf("\t\treturn\n");
	if (optional)
		printf("\t\tfi\n");
}

static int print_bash(void)
{
	char values[256];

	printf("# bash completion for mayfly\n"
	       "_mayfly() {\n"
	       "\tlocal cur prev words cword split i\n"
	       "\t_init_completion -s || return\n"
	       "\tif [ \"$cword\" -eq 1 ]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W 'run disk doctor --help --version' -- \"$cur\")\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tcase ${words[1]} in\n"
	       "\trun) ;;\n"
	       "\tdisk)\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W 'info check commit --json --base= --help' -- \"$cur\")\n"
	       "\t\t_filedir\n"
	       "\t\treturn\n"
	       "\t\t;;\n"
	       "\tdoctor) mapfile -t COMPREPLY < <(compgen -W '--json --help' -- \"$cur\"); return ;;\n"
	       "\t*) return ;;\n"
	       "\tesac\n"
	       "\tfor ((i = 2; i < cword; i++)); do\n"
	       "\t\t[ \"${words[i]}\" = -- ] && return\n"
	       "\tdone\n"
	       "\tcase $prev in\n");
	for (size_t i = 0; i < n_options; i++) {
		if (option_is_positional(&options[i]))
			continue;
		fixed_values(&options[i], values, sizeof(values));
		printf("\t--%s", options[i].name);
		if (options[i].letter != 0)
			printf(" | -%c", options[i].letter);
		printf(")\n");
		print_bash_value(&options[i], values);
		printf("\t\t;;\n");
	}
	printf("\tesac\n"
	       "\tif [[ $cur == -* ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	print_words();
	printf("' -- \"$cur\")\n"
	       "\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
	       "\telse\n"
	       "\t\t_filedir\n"
	       "\tfi\n"
	       "}\n"
	       "complete -F _mayfly mayfly\n");
	return 0;
}

/* Text for a zsh specification: brackets and colons mean something there. */
static void print_zsh_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("[]:\\", *text) != NULL)
			putchar('\\');
		if (*text == '\'')
			printf("'\\'");
		putchar(*text);
	}
}

static void print_zsh_value(const struct option_def *option)
{
	char values[256];

	fixed_values(option, values, sizeof(values));
	printf("%s:", option_is_optional(option) ? ":" : "");
	print_zsh_text(option->argument != NULL ? option->argument : "on|off");
	if (option->kind == OPTION_STREAM)
		printf(":_mayfly_%s", option->name);
	else if (values[0] != '\0')
		printf(":(%s)", values);
	else
		printf(takes_file(option) ? ":_files" : ": ");
}

/* Where a fixed value may stand, or a file. */
static void print_zsh_helpers(void)
{
	char values[256];

	for (size_t i = 0; i < n_options; i++) {
		if (options[i].kind != OPTION_STREAM)
			continue;
		fixed_values(&options[i], values, sizeof(values));
		printf("_mayfly_%s() {\n"
		       "\t_alternative 'values:value:(%s)' 'files:file:_files'\n"
		       "}\n",
		       options[i].name, values);
	}
}

/* The letter takes no value where one may be left out: it would be the next word. */
static void print_zsh_option(const struct option_def *option)
{
	char others[64] = "";

	if (option->letter != 0)
		snprintf(others, sizeof(others), "(-%c --%s)", option->letter, option->name);
	if (option->letter != 0) {
		printf("\t\t\t'%s-%c[", others, option->letter);
		print_zsh_text(option->help);
		putchar(']');
		if (!option_is_optional(option))
			print_zsh_value(option);
		printf("' \\\n");
	}
	printf("\t\t\t'%s--%s%s[", others, option->name, option_is_optional(option) ? "=-" : "=");
	print_zsh_text(option->help);
	putchar(']');
	print_zsh_value(option);
	printf("' \\\n");
}

static int print_zsh(void)
{
	printf("#compdef mayfly\n");
	print_zsh_helpers();
	printf("_mayfly() {\n"
	       "\tif ((CURRENT == 2)); then\n"
	       "\t\t_values command 'run[boot a microVM]' 'disk[look at disks]' 'doctor[look at this host]' "
	       "'--help[help]' '--version[version]'\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tlocal command=$words[2]\n"
	       "\tshift words\n"
	       "\t((CURRENT--))\n"
	       "\tcase $command in\n"
	       "\tdisk) _arguments '1:verb:(info check commit)' '2:file:_files' '--json[as JSON]' "
	       "'--base=[of a layer]:base:_files' ;;\n"
	       "\tdoctor) _arguments '--json[as JSON]' '--help[help]' ;;\n"
	       "\trun)\n"
	       "\t\t_arguments -S '(-h --help)'{-h,--help}'[help]' \\\n");
	for (size_t i = 0; i < n_options; i++)
		if (!option_is_positional(&options[i]))
			print_zsh_option(&options[i]);
	printf("\t\t\t'1:image:_files' \\\n"
	       "\t\t\t'*:word of the guest: '\n"
	       "\t\t;;\n"
	       "\tesac\n"
	       "}\n"
	       "_mayfly \"$@\"\n");
	return 0;
}

static void print_fish_text(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('\'');
}

static int print_fish(void)
{
	char values[256];

	printf("complete -c mayfly -n __fish_use_subcommand -f -a run -d 'boot a microVM'\n"
	       "complete -c mayfly -n __fish_use_subcommand -f -a disk -d 'look at disks'\n"
	       "complete -c mayfly -n '__fish_seen_subcommand_from disk' -a 'info check commit'\n"
	       "complete -c mayfly -n '__fish_seen_subcommand_from disk' -l json -d 'as JSON'\n"
	       "complete -c mayfly -n '__fish_seen_subcommand_from disk' -r -l base -d 'of a layer'\n"
	       "complete -c mayfly -n __fish_use_subcommand -f -a doctor -d 'look at this host'\n"
	       "complete -c mayfly -n __fish_use_subcommand -f -l version -d version\n"
	       "complete -c mayfly -s h -l help -d help\n"
	       "complete -c mayfly -n '__fish_seen_subcommand_from doctor' -f -l json -d 'as JSON'\n"
	       "complete -c mayfly -n '__fish_seen_subcommand_from doctor' -f\n");
	for (size_t i = 0; i < n_options; i++) {
		if (option_is_positional(&options[i]))
			continue;
		fixed_values(&options[i], values, sizeof(values));
		printf("complete -c mayfly -n '__fish_seen_subcommand_from run' -l %s",
		       options[i].name);
		if (options[i].letter != 0)
			printf(" -s %c", options[i].letter);
		if (!option_is_optional(&options[i]))
			printf(takes_file(&options[i]) ? " -r" : " -x");
		if (values[0] != '\0')
			printf(" -a '%s'", values);
		printf(" -d ");
		print_fish_text(options[i].help);
		putchar('\n');
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*print)(void);
	} pages[] = {
		{"man", print_man}, {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

	for (size_t i = 0; argc == 2 && i < ARRAY_LEN(pages); i++)
		if (strcmp(argv[1], pages[i].name) == 0)
			return pages[i].print();
	fprintf(stderr, "usage: pages man|bash|zsh|fish\n");
	return 2;
}
