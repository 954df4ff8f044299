/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "monitor/config_json.h"
#include "monitor/options.h"
#include "monitor/values.h"

#define OPTIONS_MAX    48
#define CONFIG_LEN_MAX (1 << 20)
#define LONG_ONLY      256 /* getopt's value of an option: its letter, or this plus its index */
#define HELP           1000

static int has_argument(const struct option_def *option)
{
	if (option_is_optional(option))
		return optional_argument;
	return option->argument != NULL ? required_argument : no_argument;
}

/* getopt's view of the table. */
struct getopt_tables {
	struct option longs[OPTIONS_MAX];
	char letters[3 * OPTIONS_MAX];
};

static void add_letter(char *letters, char letter, int has_arg)
{
	size_t len = strlen(letters);

	letters[len++] = letter;
	if (has_arg == required_argument)
		letters[len++] = ':';
	letters[len] = '\0';
}

static void fill_tables(struct getopt_tables *tables)
{
	unsigned n = 0;

	assert(n_options + 2 <= OPTIONS_MAX); /* --help, and the empty one at the end */
	*tables = (struct getopt_tables){.letters = ":h"};
	for (size_t i = 0; i < n_options; i++) {
		if (option_is_positional(&options[i]))
			continue;
		tables->longs[n++] = (struct option){options[i].name, has_argument(&options[i]),
						     NULL, LONG_ONLY + (int)i};
		if (options[i].letter != 0)
			add_letter(tables->letters, options[i].letter, has_argument(&options[i]));
	}
	tables->longs[n] = (struct option){"help", no_argument, NULL, HELP};
}

static const struct option_def *find_letter(int letter)
{
	for (size_t i = 0; i < n_options; i++)
		if (options[i].letter != 0 && options[i].letter == letter)
			return &options[i];
	return NULL;
}

/* Says which option getopt did not like; it has just read argv[optind - 1]. */
static int refuse(int code, char **argv, struct err *err)
{
	if (code == ':')
		return err_input(err, "%.150s: a value is missing", argv[optind - 1]);
	if (optopt >= LONG_ONLY)
		return err_input(err, "%.150s: it takes no value", argv[optind - 1]);
	if (optopt != 0)
		return err_input(err, "-%c: there is no such option (see --help)", optopt);
	return err_input(err, "%.150s: there is no such option (see --help)", argv[optind - 1]);
}

static int set_named(const struct option_def *option, struct config *config, struct err *err)
{
	struct err inner;

	if (option_set(option, config, optarg, &inner) == 0)
		return 0;
	return err_input(err, "--%s: %.200s", option->name, inner.text);
}

enum pass {
	PASS_CONFIG_FILE, /* only --config counts, and --help */
	PASS_ALL,
};

/* One pass over the options, up to "--". Positional words are left behind optind. */
static int parse_options(int argc, char **argv, enum pass pass, struct cli *cli, struct err *err)
{
	struct getopt_tables tables;
	int code, ret;

	fill_tables(&tables);
	optind = 0; /* starts glibc's getopt anew */
	opterr = 0;
	while ((code = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
		const struct option_def *option;

		if (code == '?' || code == ':')
			return refuse(code, argv, err);
		if (code == 'h' || code == HELP) {
			*cli = (struct cli){.command = CLI_HELP, .help_for = CLI_RUN};
			return 0;
		}
		option = code >= LONG_ONLY ? &options[code - LONG_ONLY] : find_letter(code);
		if (pass == PASS_CONFIG_FILE &&
		    option->offset != offsetof(struct config, config_path))
			continue;
		ret = set_named(option, &cli->config, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_config_text(const char *path, char **ret_text, size_t *ret_len, struct err *err)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	SCOPE_FREE char *text = NULL;
	struct stat status;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || fstat(fd, &status) < 0)
		return err_file(err, errno, "config", path);
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
		return err_input(err, "config \"%.150s\": it is neither a regular file nor a pipe",
				 path);
	text = malloc(CONFIG_LEN_MAX + 1);
	/* To open a pipe does not wait for a writer; to read from it does. */
	if (text == NULL || (S_ISFIFO(status.st_mode) && fcntl(fd, F_SETFL, 0) < 0))
		return err_file(err, text == NULL ? ENOMEM : errno, "config", path);
	while ((n = read(fd, text + len, CONFIG_LEN_MAX + 1 - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_file(err, errno, "config", path);
		len += n > 0 ? (size_t)n : 0;
		if (len > CONFIG_LEN_MAX)
			return err_input(err, "config \"%.150s\": it has more than %d bytes", path,
					 CONFIG_LEN_MAX);
	}
	*ret_len = len;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int read_config_file(struct cli *cli, struct err *err)
{
	const char *path = cli->config.config_path;
	SCOPE_FREE char *text = NULL;
	struct err inner;
	size_t len = 0;
	int ret = read_config_text(path, &text, &len, err);

	if (text == NULL)
		return ret;
	if (config_json_read(text, len, &cli->config, &cli->config_tree, &inner) < 0)
		ret = err_input(err, "config \"%.100s\": %.140s", path, inner.text);
	explicit_bzero(text, len); /* with the paths that a cell should not find */
	return ret;
}

/* Joins what follows "--" into the guest's command line. */
static int join_words(int n_words, char **words, struct config *config, struct err *err)
{
	size_t len = 0, word_len;

	for (int i = 0; i < n_words; i++) {
		word_len = strlen(words[i]);
		if (word_len + (i > 0) >= sizeof(config->cmdline) - len)
			return err_input(err, "command line: its words take more than %zu bytes",
					 sizeof(config->cmdline) - 1);
		if (i > 0)
			config->cmdline[len++] = ' ';
		memcpy(config->cmdline + len, words[i], word_len + 1);
		len += word_len;
	}
	return 0;
}

static int take_image(int argc, char **argv, struct config *config, struct err *err)
{
	if (argc - optind > 1)
		return err_input(err, "%.150s: one IMAGE is enough (the guest's words go after --)",
				 argv[optind + 1]);
	if (optind < argc)
		config->image = argv[optind];
	return 0;
}

/* Where "--" is, or argc. */
static int find_separator(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

static int parse_run(int argc, char **argv, struct cli *cli, struct err *err)
{
	int separator = find_separator(argc, argv), ret;

	config_init(&cli->config);
	ret = parse_options(separator, argv, PASS_CONFIG_FILE, cli, err);
	if (ret == 0 && cli->command == CLI_RUN && cli->config.config_path != NULL)
		ret = read_config_file(cli, err);
	if (ret == 0 && cli->command == CLI_RUN)
		ret = parse_options(separator, argv, PASS_ALL, cli, err);
	if (ret < 0 || cli->command != CLI_RUN)
		return ret;
	if ((ret = take_image(separator, argv, &cli->config, err)) < 0)
		return ret;
	if (separator < argc &&
	    (ret = join_words(argc - separator - 1, argv + separator + 1, &cli->config, err)) < 0)
		return ret;
	return config_check(&cli->config, err);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

static int parse_doctor(int argc, char **argv, struct cli *cli, struct err *err)
{
	for (int i = 1; i < argc; i++) {
		if (is_help(argv[i]))
			*cli = (struct cli){.command = CLI_HELP, .help_for = CLI_DOCTOR};
		else if (strcmp(argv[i], "--json") == 0)
			cli->doctor_json = true;
		else
			return err_input(err, "%.150s: there is no such option (see doctor --help)",
					 argv[i]);
	}
	return 0;
}

static int take_disk_word(char *word, struct disk_command *disk, struct err *err)
{
	static const char base[] = "--base=";

	if (strncmp(word, base, sizeof(base) - 1) == 0 && disk->verb == DISK_COMMIT)
		disk->base = word + sizeof(base) - 1;
	else if (strcmp(word, "--json") == 0 && disk->verb != DISK_COMMIT)
		disk->json = true;
	else if (word[0] == '-')
		return err_input(err, "%.150s: there is no such option (see disk --help)", word);
	else if (disk->file != NULL)
		return err_input(err, "%.150s: one FILE is enough", word);
	else
		disk->file = word;
	return 0;
}

static int parse_disk(int argc, char **argv, struct cli *cli, struct err *err)
{
	static const char *const verbs[] = {"info", "check", "commit", NULL};
	int verb = 0, ret;

	if (argc < 2)
		return err_input(err, "disk: info, check or commit is missing (see disk --help)");
	for (int i = 1; i < argc; i++)
		if (is_help(argv[i])) {
			*cli = (struct cli){.command = CLI_HELP, .help_for = CLI_DISK};
			return 0;
		}
	ret = value_choice(argv[1], verbs, &verb, err);
	cli->disk.verb = (enum disk_verb)verb;
	for (int i = 2; i < argc && ret == 0; i++)
		ret = take_disk_word(argv[i], &cli->disk, err);
	if (ret == 0 && cli->disk.file == NULL)
		ret = err_input(err, "disk %s: a FILE is missing", argv[1]);
	if (ret == 0 && cli->disk.verb == DISK_COMMIT && cli->disk.base == NULL)
		ret = err_input(err, "disk commit: --base=FILE is missing: a layer does not say "
				     "where its base is");
	return ret;
}

static int parse(int argc, char **argv, struct cli *cli, struct err *err)
{
	if (argc < 2)
		return err_input(err, "a command is missing: run, disk or doctor (see --help)");
	if (is_help(argv[1]))
		return 0;
	if (strcmp(argv[1], "--version") == 0) {
		if (argc > 2)
			return err_input(err, "%.150s: --version takes no more words", argv[2]);
		cli->command = CLI_VERSION;
		return 0;
	}
	if (strcmp(argv[1], "run") == 0) {
		cli->command = CLI_RUN;
		return parse_run(argc - 1, argv + 1, cli, err);
	}
	if (strcmp(argv[1], "doctor") == 0) {
		cli->command = CLI_DOCTOR;
		return parse_doctor(argc - 1, argv + 1, cli, err);
	}
	if (strcmp(argv[1], "disk") == 0) {
		cli->command = CLI_DISK;
		return parse_disk(argc - 1, argv + 1, cli, err);
	}
	return err_input(err, "%.100s: there is no such command (see --help)", argv[1]);
}

int cli_parse(int argc, char **argv, struct cli *ret_cli, struct err *err)
{
	struct cli cli = {.command = CLI_HELP, .help_for = CLI_HELP};
	int ret = parse(argc, argv, &cli, err);

	cli.config.argv = argv;
	if (ret < 0)
		json_decref(cli.config_tree);
	else
		*ret_cli = cli;
	return ret;
}
