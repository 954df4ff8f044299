/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - runs a harness over inputs that are there, and leaves TAP: one line for each folder, and
 * one for each input that fails.
 *
 * Folders are arguments, or else FUZZ_INPUTS names those in which a folder of the harness's name is.
 * The inputs run in a child, so that one that kills it is known by its name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/fuzz/fuzz.h"

#define PATIENCE_S 20 /* for one input, under sanitizers on a busy machine */

struct folder {
	const char *path;
	struct dirent **entries;
	int n;
};

static FILE *tap;
static atomic_int *current; /* [any] which input the child is at */
static unsigned n_inputs;

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int run_file(const char *path)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	SCOPE_FREE uint8_t *bytes = NULL;
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	/* To the byte, so that the sanitizer sees what reads past it. */
	bytes = malloc((size_t)status.st_size + (status.st_size == 0));
	if (bytes == NULL || fd_pread_all(fd, bytes, (size_t)status.st_size, 0) < 0)
		return -EIO;
	return LLVMFuzzerTestOneInput(bytes, (size_t)status.st_size);
}

static _Noreturn void run_child(const struct folder *folder, int first)
{
	char path[PATH_MAX];

	for (int i = first; i < folder->n; i++) {
		atomic_store(current, i);
		alarm(PATIENCE_S);
		snprintf(path, sizeof(path), "%s/%s", folder->path, folder->entries[i]->d_name);
		if (run_file(path) != 0) {
			fprintf(stderr, "%s: cannot be read\n", path);
			exit(1);
		}
	}
	alarm(0);
	atomic_store(current, folder->n);
	exit(0); /* and write the profile, if there is one */
}

/* Runs the inputs from `first` on. Returns the one that failed, or how many there are. */
static int run_from(const struct folder *folder, int first, int *ret_status)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(folder, first);
	if (pid < 0 || waitpid(pid, ret_status, 0) < 0)
		return first;
	return atomic_load(current);
}

static void tell_failure(const char *name, const char *path, int status)
{
	fprintf(tap, "not ok - fuzz %s: %s ", name, path);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(tap, "takes longer than %d s\n", PATIENCE_S);
	else if (WIFSIGNALED(status))
		fprintf(tap, "ends in signal %d\n", WTERMSIG(status));
	else
		fprintf(tap, "ends with status %d\n", WEXITSTATUS(status));
}

static int run_folder(const char *name, const char *path)
{
	struct folder folder = {.path = path};
	int failed = 0, status = 0;

	folder.n = scandir(path, &folder.entries, is_input, alphasort);
	if (folder.n <= 0)
		return 0;
	for (int i = 0; i < folder.n; i++) {
		char input[PATH_MAX];

		i = run_from(&folder, i, &status);
		if (i == folder.n)
			break;
		snprintf(input, sizeof(input), "%s/%s", path, folder.entries[i]->d_name);
		tell_failure(name, input, status);
		failed++;
	}
	n_inputs += (unsigned)folder.n;
	if (failed == 0)
		fprintf(tap, "ok - fuzz %s: %d inputs of %s\n", name, folder.n, path);
	for (int i = 0; i < folder.n; i++)
		free(folder.entries[i]);
	free(folder.entries);
	return failed;
}

/* The folders of this harness's name in those that FUZZ_INPUTS lists. */
static int run_listed(const char *name)
{
	const char *list = getenv("FUZZ_INPUTS");
	SCOPE_FREE char *copy = list != NULL ? strdup(list) : NULL;
	char path[PATH_MAX], *rest = NULL;
	int failed = 0;

	for (char *word = copy != NULL ? strtok_r(copy, " ", &rest) : NULL; word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		snprintf(path, sizeof(path), "%s/%s", word, name);
		failed += run_folder(name, path);
	}
	return failed;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	int failed = 0, n_folders = 0;

	tap = stdout;
	current = mmap(NULL, sizeof(*current), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (current == MAP_FAILED)
		return 1;
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--tap=", 6) == 0)
			tap = fopen(argv[i] + 6, "we");
	if (tap == NULL)
		return 1;
	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-') {
			failed += run_folder(name, argv[i]);
			n_folders++;
		}
	if (n_folders == 0)
		failed += run_listed(name);
	if (n_inputs == 0) {
		fprintf(tap, "not ok - fuzz %s: there are no inputs\n", name);
		failed++;
	}
	return fclose(tap) != 0 || failed > 0;
}
