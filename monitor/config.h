/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - everything a run was asked for, in the user's terms: paths, words, sizes.
 *
 * Filled from the configuration file and then the command line by the one table in options.c, and
 * checked as a whole by config_check(). Supervisor; the cell gets a struct cell_spec.
 */
#ifndef MAYFLY_MONITOR_CONFIG_H
#define MAYFLY_MONITOR_CONFIG_H

#include "monitor/disk_options.h"
#include "monitor/vm.h"
#include "seccomp/cgroup.h"

enum stream_kind { STREAM_STDIO, STREAM_NONE, STREAM_FILE };

/* Where a port of the guest's ends. */
struct stream {
	int kind; /* enum stream_kind */
	const char *path;
	bool said; /* and not only the default */
};

/* How a guest reads the registers of a virtio device. */
enum mmio_kind { MMIO_SLOT, MMIO_TRAP, MMIO_KIND_COUNT };

/* Whether a virtio device's interrupt status clears. */
enum isr_kind { ISR_STICKY, ISR_EXACT, ISR_KIND_COUNT };

/* How a table that was asked for is printed. */
enum table_format { TABLE_OFF, TABLE_TEXT, TABLE_JSON, TABLE_FORMAT_COUNT };

#define CONFIG_NO_ID UINT32_MAX /* as the kernel has it */

struct config {
	const char *image; /* a path, "-" for standard input, NULL for the built-in guest */
	const char *initrd;
	char cmdline[LAYOUT_CMDLINE_MAX]; /* the user's words */
	int format;                       /* enum boot_format */
	uint64_t memory;                  /* bytes */
	bool memfd;
	bool hugepages;
	bool prefault;
	unsigned n_cpus;
	unsigned n_pins;
	uint16_t pins[VM_PINS_MAX];
	bool acpi;
	int irqchip; /* enum irqchip_kind */
	struct stream serial;
	struct stream console;
	struct disk_list disks;
	bool rng;
	int mmio; /* enum mmio_kind */
	int isr;  /* enum isr_kind */
	unsigned n_io_threads;
	int jail;       /* enum jail_mode */
	uint32_t uid;   /* of the cell; CONFIG_NO_ID: not said */
	uint32_t gid;   /* the same */
	int core_sched; /* enum jail_core */
	struct cgroup_limits cgroup;
	uint64_t timeout_ns; /* 0: none */
	const char *config_path;
	const char *report_path;
	int exits;    /* enum table_format */
	int timeline; /* enum table_format */
	bool dry_run;
	bool verbose;
	bool quiet;
	char **argv; /* as main() got it: the strings that the paths above are parts of */
};

/* What `mayfly run` does when nothing is asked for. */
void config_init(struct config *config);

/* Whether the parts fit together and this host can try. Errors: -EINVAL, naming the option. */
MUST_CHECK int config_check(const struct config *config, struct err *err);

/*
 * Overwrites what was asked for, arguments and environment included, in the memory of the calling
 * process: a cell knows no path. The guest's command line stays.
 */
void config_forget(const struct config *config);

#endif
