/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h - a virtual machine: memory, interrupt controllers, devices and vCPUs, made in the order
 * that KVM is fast at: VM, all memory slots, controllers, vCPUs (docs/architecture.md says why).
 * Cell.
 *
 * Threads: the caller of vm_run() is vCPU 0's thread and the control thread; every other vCPU has
 * one of its own.
 */
#ifndef MAYFLY_MONITOR_VM_H
#define MAYFLY_MONITOR_VM_H

#include <stddef.h>

#include "monitor/coalesced.h"
#include "monitor/legacy/i8042.h"
#include "monitor/legacy/uart.h"
#include "monitor/vcpu.h"
#include "monitor/virtio.h"
#include "seccomp/jail.h"
#include "virtio-mmio/vblk.h"
#include "virtio-mmio/vcon.h"
#include "virtio-mmio/vrng.h"

#define VM_VCPUS_MAX COUNTERS_VCPUS_MAX
#define VM_PINS_MAX  64
#define VM_DISKS_MAX ERR_DISKS_MAX

struct vm_config {       /* [ro] */
	uint64_t memory; /* bytes */
	enum mem_backing backing;
	bool prefault;
	bool serial;
	enum irqchip_kind irqchip; /* never IRQCHIP_AUTO */
	unsigned n_vcpus;
	unsigned n_pins;
	uint16_t pins[VM_PINS_MAX]; /* host CPUs: vCPU i runs on pins[i % n_pins] */
	struct counters *counters;  /* may be NULL */
	bool count_exits;           /* and not only stamp phases */
	const struct jail *jail;    /* what holds the cell so far */
	bool has_console;
	struct vcon_config console;
	unsigned n_disks;
	struct vm_disk {
		struct vblk_config block;
		bool isr_exact;
	} disks[VM_DISKS_MAX];
	bool has_rng;
	bool mmio_trap; /* --mmio=trap */
	bool isr_exact; /* --isr=exact */
	unsigned n_io_threads;
	/* Called again and again while the control thread's vCPU waits for a device. */
	void (*listen)(void);
};

struct vm {
	int kvm_fd;                     /* [ro] */
	int fd;                         /* [ro] */
	int64_t since;                  /* [ro] clock_ns() when it was made */
	const struct vm_config *config; /* [ro] */
	struct mem mem;             /* [ro] once vm_init() has returned; its bytes: the guest's */
	struct bus pio, mmio;       /* [ro] once vm_init() has returned */
	struct irqchip irqchip;     /* [any] */
	struct ending_box ending;   /* [any] */
	struct i8042 i8042;         /* [any] under its lock */
	struct vcpu_env env;        /* [ro] once the guest runs */
	struct gate gate;           /* [any] */
	struct coalesced coalesced; /* [any] as it says */
	_Atomic unsigned n_sealed;  /* [any] vCPU threads under their final filter */
	struct vcpu vcpus[VM_VCPUS_MAX]; /* [vcpu] but for what says otherwise */
	struct uart uart;                /* [any] under its lock; from here on, what is large */
	struct virtio virtio;            /* [any] as it says */
	struct vrng rng;                 /* [io] */
	struct vcon console;             /* [io] */
	struct vblk disks[VM_DISKS_MAX]; /* [io] */
};

/* How many virtio devices there are, and loops for them. */
unsigned vm_n_virtio(const struct vm_config *config);
unsigned vm_n_loops(const struct vm_config *config);

/* Calls the control thread away from its guest: vm_run() returns. Any thread. */
void vm_call_control(struct vm *vm);

/*
 * The serial port sends much, or has been given help with that: looks again. Returns whether to come
 * again in COALESCED_TICK_MS. Control thread.
 */
bool vm_relieve_serial(struct vm *vm);

/* The console's window has this size now. Any thread. */
void vm_resize_console(struct vm *vm, uint16_t cols, uint16_t rows);

/* The file of a disk has this length now. Any thread. */
void vm_resize_disk(struct vm *vm, unsigned disk, uint64_t len);

/*
 * Makes the rings of the VM to be, in the order of the jail: no filter sees what a ring does that is
 * not restricted, so that none can be made once an image is read. Errors: the host's.
 */
MUST_CHECK int vm_open_rings(struct vm *vm, const struct vm_config *config, struct err *err);

/*
 * Makes everything up to the vCPUs; nothing runs yet. The caller has set up `vm->uart.outlet`.
 * `config` must outlive the VM. Errors: -EINVAL for what --memory and --hugepages cannot have
 * together, else the host's.
 */
MUST_CHECK int vm_init(struct vm *vm, int kvm_fd, const struct vm_config *config, struct err *err);

/* Gives every vCPU its CPUID, made in `host`, and the first its entry. Errors: the host's. */
MUST_CHECK int vm_set_entry(struct vm *vm, struct cpuid_host *host, const struct boot_entry *entry,
			    struct err *err);

/*
 * Starts the threads of vCPUs 1 and up and of the loops, and waits until each is under its final
 * filter; the guest does not run before vm_run(). Errors: the host's.
 */
MUST_CHECK int vm_start(struct vm *vm, struct err *err);

/* Runs vCPU 0 until the run has ended or the thread is interrupted. */
enum vcpu_stop vm_run(struct vm *vm);

/*
 * After the end: stops every vCPU and waits up to `timeout_ms` until each has noted its state. Those
 * that have not keep VCPU_UNKNOWN. Then tells the devices to finish what they have begun.
 */
void vm_stop(struct vm *vm, int timeout_ms);

#endif
