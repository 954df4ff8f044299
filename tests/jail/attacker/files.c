/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/jail/attacker/attacks.h"

#define SECRET "/etc/passwd"
#define MADE   "/tmp/mayfly-attack"

static int open_file(const struct scene *scene)
{
	(void)scene;
	return result(open(SECRET, O_RDONLY));
}

static int open_by_openat2(const struct scene *scene)
{
	struct open_how how = {.flags = O_RDONLY};

	(void)scene;
	return result(syscall(SYS_openat2, AT_FDCWD, SECRET, &how, sizeof(how)));
}

static int make_file(const struct scene *scene)
{
	int ret = result(open(MADE, O_CREAT | O_WRONLY, 0600));

	(void)scene;
	if (ret == 0)
		unlink(MADE);
	return ret;
}

static int make_folder(const struct scene *scene)
{
	int ret = result(mkdir(MADE, 0700));

	(void)scene;
	if (ret == 0)
		rmdir(MADE);
	return ret;
}

static int make_link(const struct scene *scene)
{
	int ret = result(symlink(SECRET, MADE));

	(void)scene;
	if (ret == 0)
		unlink(MADE);
	return ret;
}

static int make_device(const struct scene *scene)
{
	int ret = result(mknod(MADE, S_IFCHR | 0600, makedev(1, 1)));

	(void)scene;
	if (ret == 0)
		unlink(MADE);
	return ret;
}

static int look_at_file(const struct scene *scene)
{
	struct stat status;

	(void)scene;
	return result(stat(SECRET, &status));
}

static int list_root(const struct scene *scene)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	(void)scene;
	return result(fd);
}

static int read_link(const struct scene *scene)
{
	char text[64];

	(void)scene;
	return result(readlink("/proc/self/exe", text, sizeof(text)));
}

static int change_folder(const struct scene *scene)
{
	(void)scene;
	return result(chdir("/etc"));
}

static int change_root(const struct scene *scene)
{
	(void)scene;
	return result(chroot("/"));
}

static int mount_proc(const struct scene *scene)
{
	int ret = result(mount("none", "/mnt", "tmpfs", 0, NULL));

	(void)scene;
	if (ret == 0)
		umount("/mnt");
	return ret;
}

static int mount_by_fsopen(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_fsopen, "tmpfs", 0));
}

static int open_own_memory(const struct scene *scene)
{
	(void)scene;
	return result(open("/proc/self/mem", O_RDWR));
}

static int open_supervisors_memory(const struct scene *scene)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)scene->supervisor);
	return result(open(path, O_RDONLY));
}

static int open_victims_memory(const struct scene *scene)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)scene->victim);
	return result(open(path, O_RDONLY));
}

static int open_sys(const struct scene *scene)
{
	(void)scene;
	return result(open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY));
}

static int open_device(const struct scene *scene)
{
	(void)scene;
	return result(open("/dev/zero", O_RDWR));
}

static int open_raw_memory(const struct scene *scene)
{
	(void)scene;
	/* A container has none. */
	return access("/dev/mem", F_OK) < 0 ? ENODEV : result(open("/dev/mem", O_RDONLY));
}

/* In a child, where it can: what is asked is whether the program would start. */
static int run_program(const struct scene *scene)
{
	static char *const argv[] = {(char *)(uintptr_t) "true", NULL}, *const none[] = {NULL};
	pid_t pid = (pid_t)syscall(SYS_fork);
	int status;

	(void)scene;
	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(execve("/bin/true", argv, none) < 0 ? errno : 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int replace_program(const struct scene *scene)
{
	static char *const none[] = {NULL};

	(void)scene;
	/* Would not come back: a bad address is as far as it gets. */
	errno = 0;
	execve((const char *)8, none, none);
	return errno == EFAULT ? 0 : errno;
}

static int execute_memory(const struct scene *scene)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)scene;
	return page == MAP_FAILED ? errno : 0;
}

static int make_executable(const struct scene *scene)
{
	static _Alignas(4096) char page[4096];

	(void)scene;
	return result(mprotect(page, sizeof(page), PROT_READ | PROT_EXEC));
}

static int make_dumpable(const struct scene *scene)
{
	(void)scene;
	return result(prctl(PR_SET_DUMPABLE, 1));
}

const struct attack attacks_on_files[] = {
	{.name = "open", .make = open_file},
	{.name = "openat2", .make = open_by_openat2},
	{.name = "create", .make = make_file},
	{.name = "mkdir", .make = make_folder},
	{.name = "symlink", .make = make_link},
	{.name = "mknod", .make = make_device, .for_root = true},
	{.name = "stat", .make = look_at_file},
	{.name = "list-root", .make = list_root},
	{.name = "readlink", .make = read_link},
	{.name = "chdir", .make = change_folder},
	{.name = "chroot", .make = change_root, .for_root = true},
	{.name = "mount", .make = mount_proc, .for_root = true},
	{.name = "fsopen", .make = mount_by_fsopen, .for_root = true},
	{.name = "own-memory", .make = open_own_memory},
	{.name = "supervisors-memory", .make = open_supervisors_memory},
	{.name = "victims-memory", .make = open_victims_memory, .for_root = true},
	{.name = "sys", .make = open_sys},
	{.name = "device", .make = open_device},
	{.name = "dev-mem", .make = open_raw_memory, .for_root = true},
	{.name = "fork-exec", .make = run_program},
	{.name = "exec", .make = replace_program},
	{.name = "map-executable", .make = execute_memory},
	{.name = "make-executable", .make = make_executable},
	{.name = "dumpable", .make = make_dumpable},
	{0},
};
