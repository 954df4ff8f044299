/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/report.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/run.h"

static struct report report;
static struct err err;

Test(report, has_no_name_until_it_is_whole)
{
	const char *path = scratch("r.json"), *folder = scratch("");

	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 0u);
	cr_assert_eq(report_write(&report, json_pack("{s:i}", "n", 5), &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 1u);
	cr_assert_str_eq(read_file(path, NULL), "{\n  \"n\": 5\n}\n");
}

Test(report, an_older_one_stays_until_it_is_replaced)
{
	const char *path = write_file("r.json", "old", 3), *folder = scratch("");

	cr_assert_eq(report_open(&report, path, &err), 0);
	cr_assert_str_eq(read_file(path, NULL), "old");
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0, "%s", err.text);
	cr_assert_str_eq(read_file(path, NULL), "{}\n");
	cr_assert_eq(count_files(folder), 1u);
}

Test(report, a_pipe_is_written_to)
{
	int ends[2];
	char path[64], text[16] = "";

	cr_assert_eq(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0, "%s", err.text);
	cr_assert_eq(read(ends[0], text, sizeof(text)), 3);
	cr_assert_str_eq(text, "{}\n");
}

static void *read_slowly(void *argument)
{
	const int *fd = argument;
	static char text[1 << 17];
	size_t len = 0;
	ssize_t n;

	/* The writer finds the pipe full before anything is taken. */
	poll(NULL, 0, 100);
	while ((n = read(*fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	return text;
}

/* With 32 vCPUs a report is larger than a pipe. */
Test(report, a_pipe_that_is_full_is_waited_for)
{
	static char letters[100000];
	int ends[2];
	char path[64];
	pthread_t reader;
	void *text;

	memset(letters, 'x', sizeof(letters) - 1);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	close(ends[1]);
	cr_assert_eq(pthread_create(&reader, NULL, read_slowly, &ends[0]), 0);
	cr_assert_eq(report_write(&report, json_pack("{s:s}", "text", letters), &err), 0, "%s",
		     err.text);
	pthread_join(reader, &text);
	cr_assert_eq(strlen(text), sizeof(letters) - 1 + strlen("{\n  \"text\": \"\"\n}\n"));
}

/* Nobody reads it: that is said at once. */
Test(report, a_fifo_without_a_reader_is_refused)
{
	const char *path = scratch("fifo");

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_lt(report_open(&report, path, &err), 0);
	cr_assert(has(err.text, "No such device or address"), "%s", err.text);
}

/* From here on, this system call of this process fails, if `bits` are in its third argument. */
static void forbid(int call, uint32_t bits, uint32_t error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = filter};

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* As on a file system that does not know O_TMPFILE. */
static void forbid_nameless_files(void)
{
	forbid(SYS_openat, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP);
}

static void write_one(const char *path)
{
	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0, "%s", err.text);
}

/* As where a file is mounted over another: it can be written, and not be replaced. */
Test(report, a_file_that_cannot_be_replaced_is_written_in_place)
{
	static const uint32_t errors[] = {EBUSY, EPERM, EXDEV};
	const char *path = write_file("r.json", "an old one, and longer", 22),
		   *folder = scratch("");
	struct stat before, after;

	for (int nameless = 1; nameless >= 0; nameless--)
		for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
			pid_t pid = fork();
			int status;

			if (pid == 0) {
				if (!nameless)
					forbid_nameless_files();
				forbid(SYS_rename, 0, errors[i]);
				forbid(SYS_renameat2, 0, errors[i]);
				write_one(path);
				_exit(0);
			}
			cr_assert_eq(stat(path, &before), 0);
			cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
			cr_assert_eq(stat(path, &after), 0);
			cr_assert_str_eq(read_file(path, NULL), "{}\n");
			cr_assert_eq(before.st_ino, after.st_ino);
			cr_assert_eq(count_files(folder), 1u);
			write_file("r.json", "an old one, and longer", 22);
		}
}

/* Without it, a file without a name cannot be given one. */
Test(report, needs_no_proc)
{
	const char *path = scratch("r.json"), *folder = scratch("");

	forbid(SYS_linkat, 0, ENOENT);
	write_one(path);
	write_one(path);
	cr_assert_str_eq(read_file(path, NULL), "{}\n");
	cr_assert_eq(count_files(folder), 1u);
}

Test(report, keeps_the_mode_of_an_older_one)
{
	const char *path = write_file("r.json", "old", 3);
	struct stat status;

	for (int nameless = 1; nameless >= 0; nameless--) {
		if (!nameless)
			forbid_nameless_files();
		cr_assert_eq(chmod(path, nameless ? 0600 : 0664), 0);
		write_one(path);
		cr_assert_eq(stat(path, &status), 0);
		cr_assert_eq(status.st_mode & 0777, nameless ? 0600u : 0664u);
	}
}

/* To a file in another folder, which may not be there yet. */
Test(report, goes_where_links_lead)
{
	const char *link = scratch("link.json"), *second = scratch("second"),
		   *folder = scratch("there");
	struct stat status;

	cr_assert_eq(mkdir(folder, 0700), 0);
	cr_assert_eq(symlink("second", link), 0);
	cr_assert_eq(symlink("there/r.json", second), 0);
	for (unsigned i = 0; i < 2; i++) {
		write_one(link);
		cr_assert_str_eq(read_file(scratch("there/r.json"), NULL), "{}\n");
		cr_assert_eq(count_files(folder), 1u);
		cr_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
		cr_assert(lstat(second, &status) == 0 && S_ISLNK(status.st_mode));
	}
	cr_assert_eq(unlink(second), 0);
	cr_assert_eq(symlink("link.json", second), 0);
	cr_assert_lt(report_open(&report, link, &err), 0);
	cr_assert(has(err.text, "Too many levels of symbolic links"), "%s", err.text);
}

Test(report, has_no_name_either_where_files_need_one)
{
	const char *path = scratch("r.json"), *folder = scratch("");

	forbid_nameless_files();
	cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 0u);
	cr_assert_eq(report_write(&report, json_pack("{s:i}", "n", 5), &err), 0, "%s", err.text);
	cr_assert_eq(count_files(folder), 1u);
	cr_assert_str_eq(read_file(path, NULL), "{\n  \"n\": 5\n}\n");
}

/* The disk is full: the older one stays as it is, and nothing beside it. */
Test(report, that_cannot_be_written_leaves_nothing)
{
	static char letters[10000];
	const char *path = write_file("r.json", "old", 3), *folder = scratch("");

	for (int nameless = 1; nameless >= 0; nameless--) {
		if (!nameless)
			forbid_nameless_files();
		memset(letters, 'x', sizeof(letters) - 1);
		cr_assert_eq(report_open(&report, path, &err), 0, "%s", err.text);
		signal(SIGXFSZ, SIG_IGN);
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, RLIM_INFINITY}), 0);
		cr_assert_lt(report_write(&report, json_pack("{s:s}", "text", letters), &err), 0);
		cr_assert_eq(
			setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}), 0);
		cr_assert(has(err.text, "File too large"), "%s", err.text);
		cr_assert_str_eq(read_file(path, NULL), "old");
		cr_assert_eq(count_files(folder), 1u);
	}
}

Test(report, a_folder_that_is_not_there_is_named)
{
	const char *path = scratch("none/r.json");

	cr_assert_lt(report_open(&report, path, &err), 0);
	cr_assert(has(err.text, path));
	cr_assert(has(err.text, "No such file or directory"));
	cr_assert_eq(err.status, EXIT_STATUS_USAGE);
}

Test(report, none_is_fine)
{
	cr_assert_eq(report_open(&report, NULL, &err), 0);
	cr_assert_eq(report_write(&report, json_pack("{}"), &err), 0);
}
