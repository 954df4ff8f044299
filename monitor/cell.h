/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell.h - the process the guest lives in: it knows numbers and descriptors, no path. Cell, control
 * thread.
 *
 * It gives up what it inherited and confines itself, makes the VM, parses the image, runs the guest,
 * and tells the supervisor how that ended. It allocates nothing once the guest runs.
 */
#ifndef MAYFLY_MONITOR_CELL_H
#define MAYFLY_MONITOR_CELL_H

#include "monitor/protocol.h"

struct cell_spec {
	int socket;               /* to the supervisor */
	int kvm_fd;               /* -1 for a dry run */
	struct sink_file serial;  /* what is in its file goes, once nothing else can fail */
	struct sink_file console; /* the same; vm.console has what else there is to it */
	struct jail *jail;        /* how it is confined; the cell's own copy notes what holds */
	struct boot_image kernel;
	struct boot_image initrd; /* len 0: none */
	enum boot_format format;
	enum irqchip_kind irqchip;
	bool acpi;
	bool dry_run;        /* say what the image is, and end */
	bool mounts_root;    /* Linux mounts its first disk */
	const char *cmdline; /* the user's words */
	struct vm_config vm;
};

/* Lives the cell's life. The process is the cell's own, with one thread. */
_Noreturn void cell_main(const struct cell_spec *spec);

#endif
