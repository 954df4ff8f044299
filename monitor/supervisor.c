/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/supervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/cell.h"
#include "monitor/files.h"
#include "monitor/watch.h"

#define STACK_USED_MAX 65536 /* by all that comes before the cell */

struct supervisor {
	struct epilogue after;
	struct files files;
	struct watch watch;
};

static bool wants_counters(const struct config *config)
{
	return config->exits != TABLE_OFF || config->timeline != TABLE_OFF ||
	       config->report_path != NULL;
}

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

/* As nohup(1) and shells without job control have it: what is ignored at the start stays so. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return signal != SIGTERM && sigaction(signal, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

/*
 * Blocks the signals that end us, which are then read from signal_fd; those of the cell, until it
 * has handlers; and those that would kill either of us over a write.
 */
static int take_signals(struct supervisor *s, struct err *err)
{
	static const int others[] = {CONTROL_SIGNAL, SIGALRM, SIGPIPE, SIGXFSZ, SIGTTOU};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending_signals); i++)
		if (!is_ignored(ending_signals[i]))
			sigaddset(&set, ending_signals[i]);
	sigaddset(&set, SIGCONT);
	sigaddset(&set, SIGWINCH);
	s->watch.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		sigaddset(&set, others[i]);
	/* Who starts us may ignore it; then the cell's end could not be waited for. */
	signal(SIGCHLD, SIG_DFL);
	if (s->watch.signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_host(err, errno, "signals");
	return 0;
}

/*
 * The run is over: whoever still wants an end gets it at once, because what is said from here on may
 * have to wait for a reader.
 */
static void begin_to_wait(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	watch_say_the_rest();
}

static struct cell_spec make_spec(struct supervisor *s, int cell_socket)
{
	const struct config *config = s->after.config;
	const struct window_size window = terminal_size(&s->watch.terminal);
	struct cell_spec spec = {
		.socket = cell_socket,
		.kvm_fd = s->files.kvm,
		.serial = s->files.serial,
		.console = s->files.console,
		.jail = &s->after.jail,
		.kernel = s->files.kernel,
		.initrd = s->files.initrd,
		.format = (enum boot_format)config->format,
		.irqchip = (enum irqchip_kind)config->irqchip,
		.acpi = config->acpi,
		.dry_run = config->dry_run,
		.mounts_root = disks_root(&config->disks) != NULL,
		.cmdline = config->cmdline,
		.vm = {.memory = config->memory,
		       .backing = config->hugepages ? MEM_HUGETLB
				  : config->memfd   ? MEM_MEMFD
						    : MEM_ANONYMOUS,
		       .prefault = config->prefault,
		       .serial = config->serial.kind != STREAM_NONE,
		       .has_console = config->console.kind != STREAM_NONE,
		       .console = {.output = s->files.console.fd,
				   .input = s->files.console_input,
				   .cols = window.cols,
				   .rows = window.rows},
		       .n_disks = s->files.n_disks,
		       .has_rng = config->rng,
		       .mmio_trap = config->mmio == MMIO_TRAP,
		       .isr_exact = config->isr == ISR_EXACT,
		       .n_io_threads = config->n_io_threads,
		       .n_vcpus = config->n_cpus,
		       .n_pins = config->n_pins,
		       .counters = s->after.counters,
		       .count_exits = config->exits != TABLE_OFF || config->report_path != NULL},
	};

	memcpy(spec.vm.pins, config->pins, sizeof(spec.vm.pins));
	for (unsigned i = 0; i < s->files.n_disks; i++) {
		const struct disk_config *disk = &config->disks.disks[i];

		spec.vm.disks[i].block = s->files.disks[i];
		spec.vm.disks[i].isr_exact = disk->isr_said ? disk->isr_exact
							    : config->isr == ISR_EXACT;
	}
	return spec;
}

/* Gives the cell its ids, and lets it go on. */
static int admit_cell(struct supervisor *s, struct err *err)
{
	int ret;

	s->watch.expected = (struct expected){.dry_run = s->after.config->dry_run,
					      .console = s->after.config->console.kind ==
							 STREAM_STDIO};
	if (!jail_awaits_admission(&s->after.jail))
		return 0;
	ret = jail_admit(&s->after.jail, s->watch.cell, s->watch.cell_fd, err);
	if (ret < 0)
		return ret;
	s->watch.to.type = TO_CELL_GO;
	return watch_tell(&s->watch, err);
}

/*
 * What functions that have returned left on the stack, for the cell begins with a copy: cgroup.c puts
 * its paths together there.
 */
static __attribute__((noinline)) void forget_stack(void)
{
	char area[STACK_USED_MAX];

	explicit_bzero(area, sizeof(area));
}

/* Returns in the supervisor only. */
static int start_cell(struct supervisor *s, struct err *err)
{
	const struct config *config = s->after.config;
	struct cell_spec spec;
	int sockets[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_host(err, errno, "socket pair");
	spec = make_spec(s, sockets[1]);
	if (config->cgroup.path[0] != '\0')
		forget_stack();
	ret = jail_spawn(&s->after.jail, &s->watch.cell, &s->watch.cell_fd, err);
	if (ret < 0)
		return ret;
	if (s->watch.cell == 0) {
		if (config->jail != JAIL_OFF) {
			config_forget(config);
			cgroup_forget(&s->after.jail.cgroup);
			explicit_bzero(err, sizeof(*err)); /* of what was tried in vain */
		}
		cell_main(&spec);
	}
	close(sockets[1]);
	if (s->files.console_input >= 0)
		close(s->files.console_input);
	s->watch.socket = sockets[0];
	return admit_cell(s, err);
}

/* While the cell makes its VM: asking takes KVM as long as that. */
static int send_cpuid(struct supervisor *s, struct err *err)
{
	int ret = cpuid_ask_host(s->files.kvm, &s->watch.to.host);

	if (ret < 0)
		return err_host(err, -ret, "/dev/kvm: CPUID of the host");
	s->watch.to.type = TO_CELL_CPUID;
	return watch_tell(&s->watch, err);
}

static void reap(struct supervisor *s)
{
	/* It is on its way, or it lies: a cell that said its last word has no say any more. */
	watch_signal(&s->watch, SIGKILL);
	while (waitpid(s->watch.cell, &s->after.outcome.wait_status, 0) < 0 && errno == EINTR)
		;
	counters_stamp(s->after.counters, PHASE_REAPED);
}

/* Nothing of the run is left; who wants an end gets it before anything is said of that. */
static void clean_up(struct supervisor *s)
{
	struct err err;
	int ret;

	if (s->watch.cell > 0)
		reap(s);
	ret = cgroup_remove(&s->after.jail.cgroup, &err);
	terminal_restore(&s->watch.terminal);
	begin_to_wait();
	if (ret < 0)
		epilogue_print_error(&err);
}

/* Beside the guest's memory: the monitor's, page tables, KVM's own. */
#define MEMORY_FITTING(guest) ((guest) + (guest) / 64 + MIB(64))
#define THREADS_FITTING(n)    ((n) + 8)

/* What disks keep in memory: all that their guest may write there. */
static uint64_t disk_memory(const struct files *files)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < files->n_disks; i++) {
		const struct vblk_config *disk = &files->disks[i];
		bool is_layer = disk->kind == VBLK_OVERLAY && disk->layer_fd < 0;

		if (is_layer && disk->layer_max > 0 && disk->layer_max < disk->len)
			len += disk->layer_max;
		else if (is_layer || disk->kind == VBLK_MEMORY)
			len += disk->len;
	}
	return len;
}

/* The loops of virtio devices, and what the kernel adds to each. */
static unsigned n_loop_threads(const struct config *config)
{
	bool has_any = config->disks.n > 0 || config->rng || config->console.kind != STREAM_NONE;

	return has_any ? config->n_io_threads * (1 + RING_WORKERS) : 0;
}

/* A cgroup for the cell where one is asked for. */
static int limit_cell(struct supervisor *s, struct err *err)
{
	const struct config *config = s->after.config;
	const uint64_t fitting[CGROUP_CONTROLLER_COUNT] = {
		[CGROUP_MEMORY] = MEMORY_FITTING(config->memory + disk_memory(&s->files)),
		[CGROUP_PIDS] = THREADS_FITTING(config->n_cpus + n_loop_threads(config)),
	};

	if (config->cgroup.path[0] == '\0' || config->dry_run)
		return 0;
	return cgroup_make(&s->after.jail.cgroup, &config->cgroup, fitting, err);
}

static int set_up(struct supervisor *s, int64_t started_ns, struct err *err)
{
	const struct config *config = s->after.config;
	int ret;

	watch_init(&s->watch, &s->after, config->timeout_ns);
	if (wants_counters(config)) {
		s->after.counters = counters_new(config->n_cpus);
		if (s->after.counters == NULL)
			return err_host(err, ENOMEM, "counters");
		counters_start(s->after.counters, started_ns);
		counters_stamp(s->after.counters, PHASE_CONFIG);
	}
	if ((ret = files_open(config, &s->files, err)) < 0 ||
	    (ret = report_open(&s->after.report, config->report_path, err)) < 0 ||
	    (ret = take_signals(s, err)) < 0 || (ret = limit_cell(s, err)) < 0)
		return ret;
	counters_stamp(s->after.counters, PHASE_FILES);
	s->watch.files = &s->files;
	s->watch.input = s->files.input;
	s->watch.feed = s->files.console_feed;
	terminal_init(&s->watch.terminal, s->files.input);
	return start_cell(s, err);
}

int supervisor_run(const struct config *config, int64_t started_ns)
{
	static struct supervisor supervisor; /* some 14 KiB of messages: not for a stack */
	struct supervisor *s = &supervisor;
	struct err err = {0};
	int ret;

	s->after.config = config;
	s->after.outcome.kind = OUTCOME_CELL_DIED;
	s->after.jail = jail_plan((enum jail_mode)config->jail, (enum jail_core)config->core_sched,
				  config->uid, config->gid);
	ret = set_up(s, started_ns, &err);
	if (ret == 0 && !config->dry_run)
		ret = send_cpuid(s, &err);
	if (ret < 0) {
		clean_up(s);
		epilogue_print_error(&err);
		return err.status;
	}
	terminal_guard(&s->watch.terminal);
	watch_run(&s->watch);
	clean_up(s);
	return epilogue_tell(&s->after);
}
