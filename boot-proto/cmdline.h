/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline.h - the guest's command line: what is added to the user's words, and questions about it.
 *
 * Words are separated by blanks; a word `key=value` answers to its key.
 */
#ifndef MAYFLY_BOOT_CMDLINE_H
#define MAYFLY_BOOT_CMDLINE_H

#include "boot-proto/boot.h"

/* What the command line is made of. */
struct cmdline_parts {
	const char *user; /* the user's words */
	bool linux_kernel;
	bool serial;       /* there is a serial port */
	unsigned n_virtio; /* devices that nothing else announces */
	bool root;         /* the first disk is what Linux mounts as its root */
	bool root_read_only;
};

/*
 * Writes the final command line to `ret_cmdline`, LAYOUT_CMDLINE_MAX bytes. Linux gets, before the
 * user's words and except for keys that these hold: console=ttyS0 where there is a serial port,
 * reboot=k panic=1 pci=off, and root=/dev/vda with rw or ro where there is a root. Every image is told
 * there of virtio devices that no ACPI table announces. Errors: -EINVAL if it gets too long.
 */
MUST_CHECK int cmdline_compose(const struct cmdline_parts *parts, char *ret_cmdline,
			       struct err *err);

/* Writes it to where the guest finds it. Errors: -EINVAL if it is too long. */
MUST_CHECK int cmdline_write(const char *cmdline, const struct mem *mem, struct err *err);

/* Is there a word `key` or `key=...`? */
bool cmdline_has(const char *cmdline, const char *key);

/* Does Linux reset by the keyboard controller, that is: has the last `reboot=` the letter k? */
bool cmdline_resets_by_i8042(const char *cmdline);

#endif
