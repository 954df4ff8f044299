/* SPDX-License-Identifier: Apache-2.0 */
/* chains.c - a sound read of one sector, and one field of one of its descriptors twisted. */
#include "boot-proto/ports_abi.h"
#include "images/hostile/hostile.h"
#include "images/lib/guest.h"

enum { NEXT = VRING_DESC_F_NEXT, WRITE = VRING_DESC_F_WRITE, INDIRECT = VRING_DESC_F_INDIRECT };

/* Of which table of descriptors, which one, and what of it. */
enum place { DIRECT, IN_TABLE };
enum field { ADDR, RAM_END, LEN, FLAGS, NEXT_INDEX };

struct twist {
	const char *name;
	enum place place; /* IN_TABLE: the chain is in a table of indirect descriptors */
	unsigned at;      /* descriptor; TABLE: the one that refers to the table */
	enum field field;
	uint64_t value;
};

#define TABLE 3 /* descriptor of the ring that refers to the table */

static const struct twist twists[] = {
	{"loop-of-one", DIRECT, 1, NEXT_INDEX, 1},
	{"loop-of-two", DIRECT, 1, NEXT_INDEX, 0},
	{"loop-at-the-end", DIRECT, 2, FLAGS, WRITE | NEXT},
	{"next-beyond", DIRECT, 0, NEXT_INDEX, RING_SIZE},
	{"next-far-beyond", DIRECT, 1, NEXT_INDEX, 0xffff},
	{"zero-header", DIRECT, 0, LEN, 0},
	{"zero-data", DIRECT, 1, LEN, 0},
	{"zero-status", DIRECT, 2, LEN, 0},
	{"address-wraps", DIRECT, 1, ADDR, -256ULL},
	{"address-wraps-to-0", DIRECT, 1, ADDR, -512ULL},
	{"length-all", DIRECT, 1, LEN, 0xffffffff},
	{"header-length-all", DIRECT, 0, LEN, 0xffffffff},
	{"status-length-all", DIRECT, 2, LEN, 0xffffffff},
	{"address-negative", DIRECT, 1, ADDR, 1ULL << 63},
	{"address-unmapped", DIRECT, 1, ADDR, 1ULL << 40},
	{"address-in-hole", DIRECT, 1, ADDR, 0xd0000000},
	{"address-ioapic", DIRECT, 1, ADDR, MMIO_IOAPIC},
	{"address-lapic", DIRECT, 1, ADDR, MMIO_LAPIC},
	{"address-registers", DIRECT, 1, ADDR, MMIO_VIRTIO},
	{"address-config", DIRECT, 1, ADDR, MMIO_VIRTIO + 0x100},
	{"header-in-registers", DIRECT, 0, ADDR, MMIO_VIRTIO},
	{"status-in-registers", DIRECT, 2, ADDR, MMIO_VIRTIO + 0x70},
	{"status-in-timer", DIRECT, 2, ADDR, MMIO_BOOT_TIMER},
	{"data-over-the-end", DIRECT, 1, RAM_END, -256ULL},
	{"data-at-the-end", DIRECT, 1, RAM_END, 0},
	{"data-up-to-the-end", DIRECT, 1, RAM_END, -512ULL},
	{"write-before-read", DIRECT, 2, FLAGS, 0},
	{"nothing-to-read", DIRECT, 0, FLAGS, NEXT | WRITE},
	{"nothing-to-write", DIRECT, 1, FLAGS, NEXT},
	{"no-status", DIRECT, 0, FLAGS, 0},
	{"flags-unknown", DIRECT, 2, FLAGS, 0xfff8 | WRITE},
	{"status-with-data", DIRECT, 2, LEN, 513},
	{"indirect-sound", IN_TABLE, 2, LEN, 1},
	{"indirect-nested", IN_TABLE, 1, FLAGS, INDIRECT},
	{"indirect-self", IN_TABLE, 0, FLAGS, INDIRECT | NEXT},
	{"indirect-with-next", IN_TABLE, TABLE, FLAGS, INDIRECT | NEXT},
	{"indirect-to-write", IN_TABLE, TABLE, FLAGS, INDIRECT | WRITE},
	{"indirect-odd-length", IN_TABLE, TABLE, LEN, 47},
	{"indirect-empty", IN_TABLE, TABLE, LEN, 0},
	{"indirect-too-short", IN_TABLE, TABLE, LEN, 32},
	{"indirect-all-lengths", IN_TABLE, TABLE, LEN, 0xfffffff0},
	{"indirect-in-registers", IN_TABLE, TABLE, ADDR, MMIO_VIRTIO},
	{"indirect-unmapped", IN_TABLE, TABLE, ADDR, 1ULL << 40},
	{"indirect-wraps", IN_TABLE, TABLE, ADDR, -16ULL},
	{"indirect-over-the-end", IN_TABLE, TABLE, RAM_END, -32ULL},
	{"indirect-loop", IN_TABLE, 1, NEXT_INDEX, 1},
	{"indirect-next-beyond", IN_TABLE, 1, NEXT_INDEX, 3},
	{"indirect-zero", IN_TABLE, 1, LEN, 0},
	{"indirect-to-mmio", IN_TABLE, 1, ADDR, MMIO_VIRTIO},
};

static void apply(const struct twist *twist, volatile struct vring_desc *desc)
{
	switch (twist->field) {
	case ADDR:
		desc->addr = twist->value;
		break;
	case RAM_END:
		desc->addr = ram_end + twist->value;
		break;
	case LEN:
		desc->len = (uint32_t)twist->value;
		break;
	case FLAGS:
		desc->flags = (uint16_t)twist->value;
		break;
	case NEXT_INDEX:
		desc->next = (uint16_t)twist->value;
		break;
	}
}

/* The chain of three moves into a table. */
static void use_table(void)
{
	for (unsigned i = 0; i < 3; i++)
		request.table[i] = rings[0].desc[i];
	set_desc(&rings[0].desc[TABLE], request.table, 3 * sizeof(request.table[0]), INDIRECT);
}

static void run_twist(const struct twist *twist)
{
	begin(VIRTIO_ID_BLOCK);
	sound_read();
	if (twist->place == IN_TABLE) {
		use_table();
		apply(twist,
		      twist->at == TABLE ? &rings[0].desc[TABLE] : &request.table[twist->at]);
		offer(0, TABLE);
	} else {
		apply(twist, &rings[0].desc[twist->at]);
		offer(0, 0);
	}
	tell_status(await(0, 1));
}

const char *chain_name(unsigned i)
{
	return i < sizeof(twists) / sizeof(twists[0]) ? twists[i].name : NULL;
}

bool run_chain(const char *name)
{
	for (unsigned i = 0; chain_name(i) != NULL; i++)
		if (same_text(twists[i].name, name)) {
			run_twist(&twists[i]);
			return true;
		}
	return false;
}
