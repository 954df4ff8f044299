/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/run.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATHS      8
#define PATH_SIZE  4096
#define READ_CHUNK 65536

static char *next_buffer(void)
{
	static char buffers[PATHS][PATH_SIZE];
	static unsigned next;

	return buffers[next++ % PATHS];
}

static const char *from_environment(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value != NULL ? value : fallback;
}

const char *mayfly_path(void)
{
	return from_environment("MAYFLY", "build/release/mayfly");
}

const char *guest(const char *name)
{
	char *path = next_buffer();

	snprintf(path, PATH_SIZE, "%s/%s", from_environment("GUESTS", "build/guests"), name);
	return path;
}

static char scratch_folder[64];

static void remove_scratch(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch_folder);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", scratch_folder);
}

const char *scratch(const char *name)
{
	char *path = next_buffer();

	if (scratch_folder[0] == '\0') {
		strcpy(scratch_folder, "/tmp/mayfly-test-XXXXXX");
		cr_assert(mkdtemp(scratch_folder) != NULL);
		atexit(remove_scratch);
	}
	snprintf(path, PATH_SIZE, "%s/%s", scratch_folder, name);
	return path;
}

void heed_signals(void)
{
	for (int number = 1; number < SIGRTMIN; number++)
		signal(number, SIG_DFL);
}

static unsigned run_uid;

void run_as(unsigned uid)
{
	run_uid = uid;
}

static void (*run_enter)(void);

void run_after(void (*enter)(void))
{
	run_enter = enter;
}

const char *public_copy(const char *path)
{
	const char *copy = scratch(strrchr(path, '/') + 1);
	size_t len;
	char *bytes = read_file(path, &len);
	int fd = open(copy, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);

	cr_assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	cr_assert_eq(fchmod(fd, 0755), 0);
	cr_assert_eq(chmod(scratch_folder, 0755), 0);
	close(fd);
	free(bytes);
	return copy;
}

/* In a mount namespace of its own, where /dev/kvm is everybody's. */
static void become_user(unsigned uid)
{
	const char *folder = scratch("dev"), *node = scratch("dev/kvm");
	struct stat status;

	mkdir(folder, 0755);
	if (stat("/dev/kvm", &status) == 0 &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	     mount("none", folder, "tmpfs", 0, "mode=755") < 0 ||
	     mknod(node, S_IFCHR | 0600, status.st_rdev) < 0 || chmod(node, 0666) < 0 ||
	     mount(node, "/dev/kvm", NULL, MS_BIND, NULL) < 0))
		_exit(98);
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(97);
}

static void become(const char *const argv[], const int in[2], const int out[2], const int err[2])
{
	int null = open("/dev/null", O_RDWR);

	dup2(in[0] >= 0 ? in[0] : null, STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	close_range(3, ~0U, 0);
	heed_signals();
	if (run_uid != 0)
		become_user(run_uid);
	if (run_enter != NULL)
		run_enter();
	setenv("ASAN_OPTIONS", "detect_leaks=1", 1); /* the tests themselves leak, and may */
	execv(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(99);
}

struct process process_start(const char *const argv[], bool with_input)
{
	int in[2] = {-1, -1}, out[2], err[2];
	pid_t pid;

	cr_assert(!with_input || pipe2(in, O_CLOEXEC) == 0);
	cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0)
		become(argv, in, out, err);
	if (in[0] >= 0)
		close(in[0]);
	close(out[1]);
	close(err[1]);
	return (struct process){.pid = pid, .in = in[1], .out = out[0], .err = err[0]};
}

struct text {
	char *bytes;
	size_t len;
};

static void take_output(int *fd, struct text *text)
{
	ssize_t n = read(*fd, text->bytes + text->len, RUN_OUTPUT_MAX - text->len);

	if (n > 0) {
		text->len += (size_t)n;
		return;
	}
	close(*fd);
	*fd = -1;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

struct run process_finish(struct process *process)
{
	struct text out = {malloc(RUN_OUTPUT_MAX + 1), 0}, err = {malloc(RUN_OUTPUT_MAX + 1), 0};
	time_t deadline = now() + RUN_PATIENCE_S;
	int status;

	if (process->in >= 0)
		close(process->in);
	while (process->out >= 0 || process->err >= 0) {
		struct pollfd fds[] = {{.fd = process->out, .events = POLLIN},
				       {.fd = process->err, .events = POLLIN}};

		if (now() >= deadline)
			kill(process->pid, SIGKILL);
		poll(fds, 2, 1000);
		if (fds[0].revents != 0)
			take_output(&process->out, &out);
		if (fds[1].revents != 0)
			take_output(&process->err, &err);
	}
	cr_assert(waitpid(process->pid, &status, 0) == process->pid);
	out.bytes[out.len] = '\0';
	err.bytes[err.len] = '\0';
	return (struct run){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		.out = out.bytes,
		.out_len = out.len,
		.err = err.bytes,
		.err_len = err.len,
	};
}

struct run run_program(const char *const argv[], const char *input)
{
	struct process process = process_start(argv, input != NULL);

	if (input != NULL) {
		signal(SIGPIPE, SIG_IGN);
		if (write(process.in, input, strlen(input)) < 0)
			cr_log_info("its input was closed\n");
	}
	return process_finish(&process);
}

struct run run_shell(const char *format, ...)
{
	char command[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
}

void process_fill_err(const struct process *process)
{
	char path[64];
	int fd;

	cr_assert_eq(fcntl(process->err, F_SETPIPE_SZ, 4096), 4096);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", process->err);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	while (write(fd, "\n", 1) > 0)
		;
	cr_assert(fd >= 0 && errno == EAGAIN);
	close(fd);
}

pid_t child_of(pid_t parent)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	return (pid_t)strtol(text, NULL, 10);
}

bool process_wait_for(struct process *process, const char *text)
{
	static char seen[RUN_OUTPUT_MAX];
	time_t deadline = now() + RUN_PATIENCE_S;
	size_t len = 0;

	while (len < sizeof(seen) - 1 && now() < deadline) {
		struct pollfd fd = {.fd = process->out, .events = POLLIN};
		ssize_t n;

		if (poll(&fd, 1, 1000) == 0)
			continue;
		n = read(process->out, seen + len, sizeof(seen) - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		seen[len] = '\0';
		if (strstr(seen, text) != NULL)
			return true;
	}
	return false;
}

bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

unsigned long long number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	cr_assert(at != NULL, "no \"%s\" in:\n%s", key, text);
	return strtoull(at + strlen(key) + strspn(at + strlen(key), ": "), NULL, 0);
}

const char *write_file(const char *name, const void *bytes, size_t len)
{
	const char *path = scratch(name);
	FILE *file = fopen(path, "wb");

	cr_assert(file != NULL);
	cr_assert(fwrite(bytes, 1, len, file) == len);
	cr_assert(fclose(file) == 0);
	return path;
}

unsigned count_files(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;

	cr_assert(dir != NULL, "%s: %s", folder, strerror(errno));
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

char *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	size_t len = 0, n;

	cr_assert(file != NULL, "%s: %s", path, strerror(errno));
	/* Chunk by chunk: some files of /proc refuse a large read. */
	do {
		bytes = realloc(bytes, len + READ_CHUNK + 1);
		n = fread(bytes + len, 1, READ_CHUNK, file);
		len += n;
	} while (n > 0);
	fclose(file);
	bytes[len] = '\0';
	if (ret_len != NULL)
		*ret_len = len;
	return bytes;
}
