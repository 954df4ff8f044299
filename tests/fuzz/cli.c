/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: an input is a struct control, the configuration file, then words, each with its
 * NUL. The one file that is opened, the configuration, is ours (see open() below).
 */
#include "monitor/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/config_json.h"
#include "monitor/options.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 64

enum file_kind { FILE_WHOLE, FILE_MISSING, FILE_NOT_REGULAR, FILE_TOO_LONG, FILE_KIND_COUNT };

struct control {
	uint8_t file_kind;
	uint8_t reserved;
	uint16_t file_len;
};

static const uint8_t *file_bytes;
static size_t file_len;
static enum file_kind file_kind;
static bool parsing;

/* The linker puts the first in the place of open(), which is then called the second. */
int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = parsing ? -1 : __real_open(path, flags, va_arg(args, int));
	va_end(args);
	if (!parsing)
		return fd;
	fuzz_check(strlen(path) > 0 && (flags & O_ACCMODE) == O_RDONLY);
	if (file_kind == FILE_MISSING) {
		errno = ENOENT;
		return -1;
	}
	if (file_kind == FILE_NOT_REGULAR)
		return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	fd = memfd_create("config", MFD_CLOEXEC);
	fuzz_check(fd >= 0 && pwrite(fd, file_bytes, file_len, 0) == (ssize_t)file_len);
	if (file_kind == FILE_TOO_LONG)
		fuzz_check(ftruncate(fd, (1 << 20) + 1) == 0);
	return fd;
}

/* Makes words out of the bytes; `text` is a copy with a NUL after it. */
static int split(char *text, size_t len, char **words)
{
	int n = 0;

	words[n++] = (char *)(uintptr_t) "mayfly";
	for (char *word = text; word < text + len && n < WORDS_MAX; word += strlen(word) + 1)
		words[n++] = word;
	words[n] = NULL;
	return n;
}

static void check_run(const struct config *config)
{
	struct err err = fuzz_err();
	json_t *json;

	fuzz_check(config_check(config, &err) == 0);
	fuzz_check(memchr(config->cmdline, '\0', sizeof(config->cmdline)) != NULL);
	fuzz_check(config->memory >= LAYOUT_RAM_MIN && config->memory % LAYOUT_PAGE == 0);
	fuzz_check(config->n_cpus >= 1 && config->n_cpus <= VM_VCPUS_MAX);
	fuzz_check(config->n_pins <= VM_PINS_MAX);
	fuzz_check(config->disks.n <= DISKS_MAX);
	for (unsigned i = 0; i < config->disks.n; i++)
		fuzz_check(config->disks.disks[i].n_queues >= 1 &&
			   config->disks.disks[i].n_queues <= DISK_QUEUES_MAX);
	/* --dry-run shows every option. */
	json = config_json_write(config);
	for (size_t i = 0; i < n_options; i++) {
		const char *name = options[i].json;

		if (name == NULL)
			continue;
		if (strchr(name, '.') == NULL) {
			fuzz_check(json_object_get(json, name) != NULL);
			continue;
		}
		name = strchr(name, '.') + 1;
		fuzz_check(json_object_get(json_object_get(json, "boot-source"), name) != NULL ||
			   json_object_get(json_object_get(json, "machine-config"), name) != NULL ||
			   json_object_get(json_object_get(json, "mayfly"), name) != NULL);
	}
	json_decref(json);
}

static void parse(int argc, char **argv)
{
	static struct cli cli;
	struct err err = fuzz_err();
	int ret;

	fuzz_taint(&cli, sizeof(cli));
	parsing = true;
	ret = cli_parse(argc, argv, &cli, &err);
	parsing = false;
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(fuzz_is_tainted(&cli, sizeof(cli)));
		return;
	}
	fuzz_check(ret == 0 && cli.command <= CLI_DOCTOR && cli.help_for <= CLI_DOCTOR);
	if (cli.command == CLI_RUN)
		check_run(&cli.config);
	if (cli.command == CLI_DISK)
		fuzz_check(cli.disk.file != NULL &&
			   (cli.disk.verb == DISK_COMMIT) == (cli.disk.base != NULL));
	json_decref(cli.config_tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPE_FREE char *text = NULL;
	char *words[WORDS_MAX + 1];
	struct control control;

	if (size < sizeof(control))
		return 0;
	memcpy(&control, data, sizeof(control));
	data += sizeof(control);
	size -= sizeof(control);
	json_object_seed(1);
	file_kind = control.file_kind % FILE_KIND_COUNT;
	file_bytes = data;
	file_len = control.file_len < size ? control.file_len : size;
	data += file_len;
	size -= file_len;
	text = calloc(1, size + 1);
	fuzz_check(text != NULL);
	memcpy(text, data, size);
	parse(split(text, size, words), words);
	return 0;
}
