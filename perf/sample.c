/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX  65536
#define PATIENCE_MS 20000
#define ERRORS_FILE "build/bench/errors.log" /* what the programs say on standard error */

struct output {
	size_t len;
	char bytes[OUTPUT_MAX];
};

static struct output output; /* of the last run */

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static pid_t start(const char *const argv[], int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, ERRORS_FILE,
					 O_WRONLY | O_CREAT | O_APPEND, 0666);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
			     environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error == 0)
		return pid;
	fprintf(stderr, "bench: %s: %s\n", argv[0], strerror(error));
	return -1;
}

/* Reads what is there; false at the end of the output. */
static bool read_some(int fd)
{
	ssize_t n = read(fd, output.bytes + output.len, OUTPUT_MAX - 1 - output.len);

	if (n <= 0)
		return false;
	output.len += (size_t)n;
	return true;
}

/*
 * When the first byte of the greeting came, or 0 where it never did. What is read is a byte of it if
 * all that stands after the monitor's own words is how the greeting begins.
 */
static double await_greeting(int fd, const char *greeting)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	while (poll(&readable, 1, PATIENCE_MS) > 0 && read_some(fd)) {
		double now = now_ms();

		for (size_t at = 0; at < output.len; at++) {
			size_t len = output.len - at;

			len = len < strlen(greeting) ? len : strlen(greeting);
			if (memcmp(output.bytes + at, greeting, len) == 0)
				return now;
		}
	}
	return 0;
}

/* Waits for its end; it is not read from meanwhile, so that it has the processors to itself. */
static int await_end(pid_t pid, struct rusage *ret_usage)
{
	struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int status;

	if (poll(&ended, 1, PATIENCE_MS) == 0)
		kill(pid, SIGKILL);
	close(ended.fd);
	while (wait4(pid, &status, 0, ret_usage) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static double to_ms(struct timeval time)
{
	return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static bool check(const char *const argv[], const char *greeting, int status, int wanted)
{
	bool greeted = greeting == NULL || strstr(output.bytes, greeting) != NULL;

	if (greeted && status == wanted)
		return true;
	fprintf(stderr, "bench: %s ended with status %d instead of %d%s; see %s\n", argv[0], status,
		wanted, greeted ? "" : " and without the guest's greeting", ERRORS_FILE);
	return false;
}

bool sample_take(const char *const argv[], const char *greeting, int wanted,
		 struct sample *ret_sample)
{
	double started, first = 0;
	struct rusage usage = {0};
	int fds[2], status;
	pid_t pid;

	output.len = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	started = now_ms();
	pid = start(argv, fds[1]);
	close(fds[1]);
	if (pid > 0 && greeting != NULL)
		first = await_greeting(fds[0], greeting);
	if (pid > 0 && greeting != NULL && first == 0)
		kill(pid, SIGKILL);
	status = pid > 0 ? await_end(pid, &usage) : -1;
	*ret_sample = (struct sample){.first_ms = first > 0 ? first - started : 0,
				      .end_ms = now_ms() - started};
	while (read_some(fds[0]))
		;
	output.bytes[output.len] = '\0';
	close(fds[0]);
	if (!check(argv, greeting, status, wanted))
		return false;
	ret_sample->cpu_ms = to_ms(usage.ru_utime) + to_ms(usage.ru_stime);
	return true;
}

void sample_order(unsigned *ret_order, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ret_order[i] = i;
	for (unsigned i = n; i > 1; i--) {
		unsigned j = (unsigned)random() % i, kept = ret_order[i - 1];

		ret_order[i - 1] = ret_order[j];
		ret_order[j] = kept;
	}
}

const char *sample_output(void)
{
	return output.bytes;
}
