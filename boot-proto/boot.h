/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - from an image to a guest that is ready for its first instruction.
 *
 * Theory of operation. boot_identify() looks at the head of the image and says which protocol it
 * speaks and whether it is Linux; that decides the command line and the interrupt controllers.
 * boot_load() then writes everything the guest finds in its memory - the image, the initrd, the
 * tables - and returns the registers of the first vCPU. One file per protocol, one per table.
 *
 * Everything here is a pure function of bytes: no KVM, no path, no thread, and so fuzzable. The
 * bytes are hostile. A failure names field and value; `err->subject` says which file it is about.
 */
#ifndef MAYFLY_BOOT_BOOT_H
#define MAYFLY_BOOT_BOOT_H

#include <stdbool.h>

#include "boot-proto/image.h"
#include "boot-proto/layout_x86_64.h"

enum boot_format {
	BOOT_AUTO,
	BOOT_BZIMAGE, /* Linux, 64-bit entry of the compressed image */
	BOOT_ELF,     /* Linux 64-bit entry at e_entry */
	BOOT_PVH,     /* Xen's PVH entry, from an ELF file or the one inside a bzImage */
	BOOT_RAW,     /* bytes, loaded and entered at 1 MiB in long mode */
	BOOT_FORMAT_COUNT
};

/* What an image is. */
struct boot_kind {
	enum boot_format format; /* never BOOT_AUTO */
	bool linux_kernel;       /* takes Linux's words on its command line */
};

/* What the tables tell the guest of its machine. */
struct boot_machine {
	unsigned n_cpus;
	bool acpi;  /* ACPI tables are there */
	bool i8042; /* they name a keyboard controller */
	bool serial;
	bool pic;          /* 8259 and 8254 are there */
	unsigned n_virtio; /* virtio devices, from MMIO_VIRTIO and GSI_VIRTIO on */
};

struct boot_request {
	struct boot_image kernel;
	struct boot_image initrd; /* len 0: none */
	struct boot_kind kind;
	struct boot_machine machine;
	const char *cmdline; /* NUL-terminated */
};

enum boot_mode { BOOT_LONG_MODE, BOOT_PROTECTED_MODE };

/* The registers of the first vCPU; those not named are zero, or as after a reset. */
struct boot_entry {
	enum boot_mode mode; /* long: 1 GiB mapped one to one; protected: flat, no paging */
	uint64_t rip, rsp;
	uint64_t rsi; /* Linux: the zero page */
	uint64_t rbx; /* PVH: start_info */
};

/* Says what the image is; `wanted` is BOOT_AUTO or what the user asked for. */
MUST_CHECK int boot_identify(const struct boot_image *kernel, enum boot_format wanted,
			     struct boot_kind *ret_kind, struct err *err);

/* Fills guest memory and returns the entry registers. */
MUST_CHECK int boot_load(const struct boot_request *request, const struct mem *mem,
			 struct boot_entry *ret_entry, struct err *err);

#endif
