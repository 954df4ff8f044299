/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define COPY_CHUNK 65536

extern const uint8_t builtin_guest[], builtin_guest_end[];

int files_reserve_standard(struct err *err)
{
	struct pollfd standard[] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};

	poll(standard, ARRAY_LEN(standard), 0);
	for (int fd = 0; fd < (int)ARRAY_LEN(standard); fd++)
		if ((standard[fd].revents & POLLNVAL) != 0 && open("/dev/null", O_RDWR) != fd)
			return err_host(err, errno, "/dev/null");
	return 0;
}

static int open_kvm(int *ret_fd, struct err *err)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_host(err, errno, "/dev/kvm (see mayfly doctor)");
	*ret_fd = fd;
	return 0;
}

static int open_image(const char *what, const char *path, struct boot_image *ret_image,
		      struct err *err)
{
	SCOPE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return err_file(err, errno, what, path);
	if (!S_ISREG(status.st_mode))
		return err_input(err, "%s \"%.150s\": it is no regular file", what, path);
	if (status.st_size == 0)
		return err_input(err, "%s \"%.150s\": the file is empty", what, path);
	*ret_image = (struct boot_image){.fd = TAKE_FD(fd), .len = (uint64_t)status.st_size};
	return 0;
}

/* Waits for standard input, until then at most. */
static int await_image(int64_t deadline, struct err *err)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int left_ms;

	do {
		left_ms = clock_poll_ms(deadline);
		if (left_ms == 0) {
			err_set_input(err, "image \"-\": the time limit ended the run before it "
					   "was read");
			err->status = EXIT_STATUS_TIMEOUT;
			return -ETIMEDOUT;
		}
	} while (poll(&input, 1, left_ms) <= 0);
	return 0;
}

/* An image on standard input may be a pipe: it is read to its end, as far as it could ever fit. */
static int spool_image(const struct config *config, struct boot_image *ret_image, struct err *err)
{
	int64_t deadline = config->timeout_ns > 0 ? clock_ns() + (int64_t)config->timeout_ns
						  : CLOCK_NEVER;
	SCOPE_FD int fd = memfd_create("image", MFD_CLOEXEC);
	static uint8_t chunk[COPY_CHUNK];
	uint64_t len = 0;
	ssize_t n;

	if (fd < 0)
		return err_host(err, errno, "image \"-\"");
	for (;;) {
		int ret = await_image(deadline, err);

		if (ret < 0)
			return ret;
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n == 0)
			break;
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_file(err, errno, "image", "-");
		len += (uint64_t)n;
		if (len > config->memory)
			return err_input(err,
					 "image \"-\": it is larger than the %" PRIu64
					 " MiB of --memory",
					 config->memory / MIB(1));
		if (fd_write_all(fd, chunk, (size_t)n) < 0)
			return err_host(err, errno, "image \"-\"");
	}
	*ret_image = (struct boot_image){.fd = TAKE_FD(fd), .len = len};
	return 0;
}

static int open_kernel(const struct config *config, struct boot_image *ret_image, struct err *err)
{
	if (config->image == NULL) {
		*ret_image = (struct boot_image){.fd = -1,
						 .bytes = builtin_guest,
						 .len = (uintptr_t)builtin_guest_end -
							(uintptr_t)builtin_guest};
		return 0;
	}
	if (strcmp(config->image, "-") == 0)
		return spool_image(config, ret_image, err);
	return open_image("image", config->image, ret_image, err);
}

static bool is_null_device(const struct stat *status)
{
	return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/*
 * Standard output, without changing the flags of a description that others share. A terminal is
 * opened once more, for us alone; a pipe could be too, but the way through /proc takes 40 us.
 */
static void open_stdout(struct sink_file *sink)
{
	struct stat status;
	int own;

	if (fstat(STDOUT_FILENO, &status) < 0)
		return;
	sink->fd = STDOUT_FILENO;
	sink->kind = OUTLET_FILE;
	if (S_ISREG(status.st_mode) || is_null_device(&status))
		return;
	sink->kind = OUTLET_NOWAIT;
	if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))
		return;
	sink->kind = OUTLET_POLLED;
	own = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return;
	sink->fd = own;
	sink->kind = OUTLET_NONBLOCKING;
}

static void open_stdin(const struct config *config, struct files *files)
{
	struct stat status;

	if (config->image != NULL && strcmp(config->image, "-") == 0)
		return;
	if (fstat(STDIN_FILENO, &status) < 0 || is_null_device(&status) || S_ISDIR(status.st_mode))
		return;
	files->input = STDIN_FILENO;
}

static int open_sink_file(const char *option, const char *path, struct sink_file *sink,
			  struct err *err)
{
	/* What is in it stays until there is something to write in its place. */
	SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return err_file(err, errno, option, path);
	sink->replace = S_ISREG(status.st_mode) && status.st_size > 0;
	sink->fd = TAKE_FD(fd);
	sink->kind = OUTLET_NONBLOCKING;
	return 0;
}

static int open_stream(const char *option, const struct stream *stream, struct sink_file *sink,
		       struct err *err)
{
	if (stream->kind == STREAM_FILE)
		return open_sink_file(option, stream->path, sink, err);
	if (stream->kind == STREAM_STDIO)
		open_stdout(sink);
	return 0;
}

/*
 * What is typed goes to the console through a socket, which is read when the guest has a buffer for it;
 * to the serial port it goes in messages.
 */
static int open_console_input(struct files *files, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_host(err, errno, "--console: input");
	files->console_input = ends[0];
	files->console_feed = ends[1];
	return 0;
}

static int open_ports(const struct config *config, struct files *files, struct err *err)
{
	const bool console_on_stdio = config->console.kind == STREAM_STDIO;
	int ret = open_stream("--serial", &config->serial, &files->serial, err);

	if (ret < 0)
		return ret;
	if (console_on_stdio && config->serial.kind == STREAM_STDIO)
		files->console = files->serial;
	else
		ret = open_stream("--console", &config->console, &files->console, err);
	if (console_on_stdio || config->serial.kind == STREAM_STDIO)
		open_stdin(config, files);
	return ret == 0 && console_on_stdio ? open_console_input(files, err) : ret;
}

/* Are these two names of one file with bytes in it? One that is not there yet has its name only. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	if (strcmp(a, b) == 0 && stat(a, &first) < 0)
		return true;
	return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* A disk is no place for output. */
static int check_no_disk(const struct config *config, const char *option, const char *path,
			 struct err *err)
{
	for (unsigned i = 0; i < config->disks.n; i++) {
		const struct disk_path *files[] = {&config->disks.disks[i].path,
						   &config->disks.disks[i].layer_path};

		for (size_t j = 0; j < ARRAY_LEN(files); j++) {
			SCOPE_FREE char *disk = files[j]->at != NULL
							? strndup(files[j]->at, files[j]->len)
							: NULL;

			if (disk != NULL && is_same_file(path, disk))
				return err_input(err,
						 "%s \"%.150s\": it is the file of a disk, too",
						 option, path);
		}
	}
	return 0;
}

/* What is written must be no file that is read, nor be written twice. */
static int check_output(const struct config *config, const char *option, const char *path,
			struct err *err)
{
	const bool on_stdio = config->serial.kind == STREAM_STDIO ||
			      config->console.kind == STREAM_STDIO;
	const struct {
		const char *name, *path;
	} others[] = {
		{"the image", config->image},
		{"the initrd", config->initrd},
		{"--config", config->config_path},
		{"--serial", config->serial.path},
		{"--console", config->console.path},
		{"standard input", "/proc/self/fd/0"},
		{"standard output", on_stdio ? "/proc/self/fd/1" : NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (others[i].path != NULL && others[i].path != path &&
		    is_same_file(path, others[i].path))
			return err_input(err, "%s \"%.150s\": it is the file of %s, too", option,
					 path, others[i].name);
	return check_no_disk(config, option, path, err);
}

static int check_outputs(const struct config *config, struct err *err)
{
	int ret = 0;

	if (config->serial.kind == STREAM_FILE)
		ret = check_output(config, "--serial", config->serial.path, err);
	if (ret == 0 && config->console.kind == STREAM_FILE)
		ret = check_output(config, "--console", config->console.path, err);
	if (ret == 0 && config->report_path != NULL)
		ret = check_output(config, "--report", config->report_path, err);
	return ret;
}

static int open_disks(const struct config *config, struct files *files, struct err *err)
{
	int ret = 0;

	while (ret == 0 && files->n_disks < config->disks.n) {
		ret = disk_open(&config->disks.disks[files->n_disks], config->dry_run,
				&files->disks[files->n_disks], err);
		files->n_disks += ret == 0;
	}
	return ret;
}

static int open_all(const struct config *config, struct files *files, struct err *err)
{
	int ret = check_outputs(config, err);

	if (ret == 0)
		ret = open_kernel(config, &files->kernel, err);
	if (ret == 0 && config->initrd != NULL)
		ret = open_image("initrd", config->initrd, &files->initrd, err);
	if (ret == 0)
		ret = open_disks(config, files, err);
	if (ret == 0 && !config->dry_run)
		ret = open_ports(config, files, err);
	if (ret == 0 && !config->dry_run)
		ret = open_kvm(&files->kvm, err);
	return ret;
}

static void close_one(int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
	*fd = -1;
}

static void close_all(struct files *files)
{
	close_one(&files->kvm);
	close_one(&files->kernel.fd);
	close_one(&files->initrd.fd);
	close_one(&files->serial.fd);
	close_one(&files->console.fd);
	close_one(&files->console_input);
	close_one(&files->console_feed);
	for (unsigned i = 0; i < files->n_disks; i++)
		disk_close(&files->disks[i]);
}

int files_open(const struct config *config, struct files *ret_files, struct err *err)
{
	int ret;

	*ret_files = (struct files){
		.kvm = -1,
		.kernel = {.fd = -1},
		.initrd = {.fd = -1},
		.serial = {.fd = -1},
		.console = {.fd = -1},
		.input = -1,
		.console_input = -1,
		.console_feed = -1,
	};
	ret = open_all(config, ret_files, err);
	if (ret < 0)
		close_all(ret_files);
	return ret;
}
