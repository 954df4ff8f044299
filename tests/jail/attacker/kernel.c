/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tests/jail/attacker/attacks.h"

static int perf(const struct scene *scene)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_CPU_CLOCK,
				       .exclude_kernel = 1};

	(void)scene;
	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static int bpf_map(const struct scene *scene)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

	(void)scene;
	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int keyring(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1));
}

static int key(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_add_key, "user", "mayfly", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int user_faults(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

static int uring(const struct scene *scene)
{
	struct io_uring_params params = {0};

	(void)scene;
	return result(syscall(SYS_io_uring_setup, 4, &params));
}

static int set_clock(const struct scene *scene)
{
	struct timespec now;

	(void)scene;
	clock_gettime(CLOCK_REALTIME, &now);
	return result(clock_settime(CLOCK_REALTIME, &now));
}

static int look_at_clock(const struct scene *scene)
{
	struct timex timex = {0};

	(void)scene;
	return adjtimex(&timex) < 0 ? errno : 0;
}

static int set_host_name(const struct scene *scene)
{
	struct utsname name;

	(void)scene;
	if (uname(&name) < 0)
		return errno;
	return result(sethostname(name.nodename, strlen(name.nodename)));
}

static int shared_memory(const struct scene *scene)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);

	(void)scene;
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	return result(id);
}

static int anonymous_file(const struct scene *scene)
{
	(void)scene;
	return result(memfd_create("x", 0));
}

static int more_memory(const struct scene *scene)
{
	void *page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	(void)scene;
	return page == MAP_FAILED ? errno : 0;
}

static int more_heap(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_brk, 0));
}

static int watch_files(const struct scene *scene)
{
	(void)scene;
	return result(inotify_init1(0));
}

static int wait_for_many(const struct scene *scene)
{
	(void)scene;
	return result(epoll_create1(0));
}

static int event(const struct scene *scene)
{
	(void)scene;
	return result(eventfd(0, 0));
}

static int timer(const struct scene *scene)
{
	(void)scene;
	return result(timerfd_create(CLOCK_MONOTONIC, 0));
}

static int make_pipe(const struct scene *scene)
{
	int ends[2];

	(void)scene;
	return result(pipe(ends));
}

static int ports(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_iopl, 0));
}

static int old_addresses(const struct scene *scene)
{
	(void)scene;
	return result(personality(ADDR_NO_RANDOMIZE));
}

static int core_limit(const struct scene *scene)
{
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	(void)scene;
	return result(setrlimit(RLIMIT_CORE, &unlimited));
}

static int priority(const struct scene *scene)
{
	(void)scene;
	return result(setpriority(PRIO_PROCESS, 0, -5));
}

static int lock_memory(const struct scene *scene)
{
	static char page[4096];

	(void)scene;
	return result(mlock(page, sizeof(page)));
}

static int kernel_log(const struct scene *scene)
{
	(void)scene;
	return result(syscall(SYS_syslog, 10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0));
}

static int ask_for_filters(const struct scene *scene)
{
	uint32_t action = SECCOMP_RET_ALLOW;

	(void)scene;
	return result(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action));
}

/* Terminals can be typed into by such calls; this one only asks. */
static int ioctl_on_stderr(const struct scene *scene)
{
	int n;

	(void)scene;
	return result(ioctl(STDERR_FILENO, FIONREAD, &n));
}

const struct attack attacks_on_the_kernel[] = {
	{.name = "perf", .make = perf, .for_root = true},
	{.name = "bpf", .make = bpf_map, .for_root = true},
	{.name = "keyring", .make = keyring},
	{.name = "add-key", .make = key},
	{.name = "userfaultfd", .make = user_faults, .for_root = true},
	{.name = "io-uring", .make = uring},
	{.name = "settime", .make = set_clock, .for_root = true},
	{.name = "adjtimex", .make = look_at_clock},
	{.name = "sethostname", .make = set_host_name, .for_root = true},
	{.name = "shmget", .make = shared_memory},
	{.name = "memfd", .make = anonymous_file},
	{.name = "mmap", .make = more_memory},
	{.name = "brk", .make = more_heap},
	{.name = "inotify", .make = watch_files},
	{.name = "epoll", .make = wait_for_many},
	{.name = "eventfd", .make = event},
	{.name = "timerfd", .make = timer},
	{.name = "pipe", .make = make_pipe},
	{.name = "iopl", .make = ports, .for_root = true},
	{.name = "personality", .make = old_addresses},
	{.name = "core-limit", .make = core_limit, .for_root = true},
	{.name = "priority", .make = priority, .for_root = true},
	{.name = "mlock", .make = lock_memory},
	{.name = "syslog", .make = kernel_log, .for_root = true},
	{.name = "seccomp", .make = ask_for_filters},
	{.name = "ioctl-stderr", .make = ioctl_on_stderr},
	{0},
};
