/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/kvm_stats.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>

#include "base/fd.h"

#define NAME_MAX_LEN 64
#define STATS_MAX    256

static const struct {
	const char *name;
	size_t offset; /* into struct kvm_counts */
} wanted[] = {
	{"exits", offsetof(struct kvm_counts, exits)},
	{"io_exits", offsetof(struct kvm_counts, io_exits)},
	{"mmio_exits", offsetof(struct kvm_counts, mmio_exits)},
	{"halt_exits", offsetof(struct kvm_counts, halt_exits)},
	{"irq_exits", offsetof(struct kvm_counts, irq_exits)},
};

/* A descriptor and the name after it, as one statistic has them. */
struct described {
	struct kvm_stats_desc desc;
	char name[NAME_MAX_LEN];
};

static void read_one(int fd, const struct kvm_stats_header *header,
		     const struct described *described, struct kvm_counts *counts)
{
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		uint64_t value;

		if (strncmp(described->name, wanted[i].name, header->name_size) != 0)
			continue;
		if (fd_pread_all(fd, &value, sizeof(value),
				 (uint64_t)header->data_offset + described->desc.offset) == 0)
			memcpy((char *)counts + wanted[i].offset, &value, sizeof(value));
	}
}

void kvm_stats_read(int stats_fd, struct kvm_counts *counts)
{
	struct kvm_stats_header header;
	struct described described = {0};

	if (stats_fd < 0 || fd_pread_all(stats_fd, &header, sizeof(header), 0) < 0 ||
	    header.name_size > NAME_MAX_LEN || header.num_desc > STATS_MAX)
		return;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		size_t len = sizeof(described.desc) + header.name_size;

		if (fd_pread_all(stats_fd, &described, len, header.desc_offset + i * len) < 0)
			return;
		read_one(stats_fd, &header, &described, counts);
	}
}
