/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_options.h - what a disk was asked to be: `--disk FILE|mem:SIZE|none[,key=value...]`, and the
 * objects of the list "drives" of the configuration file. Supervisor.
 *
 * Both are words of the same few keys: a drive's fields are those of Firecracker and, where it has none,
 * the keys themselves.
 */
#ifndef MAYFLY_MONITOR_DISK_OPTIONS_H
#define MAYFLY_MONITOR_DISK_OPTIONS_H

#include <jansson.h>

#include "virtio-mmio/vblk.h"

#define DISKS_MAX        16
#define DISK_QUEUES_MAX  VDEV_QUEUES_MAX
#define DISK_ID_MAX      64
#define DISKS_QUEUES_MAX 64 /* of all disks */

enum disk_kind { DISK_FILE, DISK_MEMORY, DISK_EMPTY };
enum disk_layer { DISK_LAYER_NONE, DISK_LAYER_MEMORY, DISK_LAYER_FILE };
enum disk_root { DISK_ROOT_UNSAID, DISK_ROOT_NO, DISK_ROOT_YES };

/* A part of a text that outlives the configuration. */
struct disk_path {
	const char *at;
	size_t len;
};

struct disk_config {
	enum disk_kind kind;
	struct disk_path path;
	uint64_t len; /* DISK_MEMORY: bytes */
	char id[DISK_ID_MAX + 1];
	char serial[VIRTIO_BLK_ID_BYTES + 1];
	bool read_only;
	bool direct;
	unsigned n_queues;
	unsigned sector;
	enum disk_layer layer;
	struct disk_path layer_path;
	uint64_t layer_max; /* DISK_LAYER_MEMORY: bytes; 0: no limit */
	struct throttle_config bandwidth, ops;
	bool isr_said;
	bool isr_exact;
	enum disk_root root; /* is_root_device */
	bool from_file;      /* it is the configuration file's */
};

struct disk_list {
	unsigned n;
	struct disk_config disks[DISKS_MAX];
};

/*
 * Adds a disk as the command line has it; one of the configuration file's with the same id goes.
 * Errors: -EINVAL.
 */
MUST_CHECK int disks_add(struct disk_list *list, const char *text, struct err *err);

/* Replaces the list by that of "drives". Errors: -EINVAL, with the drive and its field. */
MUST_CHECK int disks_from_json(struct disk_list *list, const json_t *drives, struct err *err);

/* The list as the configuration file would have it; a new reference. */
json_t *disks_to_json(const struct disk_list *list);

/* The first disk, where it is what Linux is to mount as its root; else NULL. */
const struct disk_config *disks_root(const struct disk_list *list);

#endif
