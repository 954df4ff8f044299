/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - a driver that breaks the rules, case by case: `mayfly run hostile -- all`, or names of
 * cases, after options. For each it says what it saw, then resets the device, does one good request
 * on it, and one on a disk that nobody has touched since the start.
 *
 * It wants two disks, a console and an entropy device, and polls. `disk=1`: the second is the victim.
 */
#include "images/hostile/hostile.h"

#include "boot-proto/ports_abi.h"
#include "images/lib/cpu.h"
#include "images/lib/guest.h"

#define SILENCE_S       5 /* of a device that should have said something */
#define GOOD_SECTOR     7
#define PIC_MASTER_MASK 0x21
#define PIC_SLAVE_MASK  0xa1
#define UART_STATUS     (PORT_COM1 + 5)

struct virtio device;
volatile struct rings rings[QUEUES];
struct request request;
uint64_t rounds = 100, ram_end;

static uint64_t disk, without;
static struct vblk witness;
static struct vblk_request witness_request;
static uint8_t witness_data[SECTOR];

static const struct option names[] = {
	{"disk", &disk},       /* the victim, from 0 */
	{"rounds", &rounds},   /* of the cases that repeat something */
	{"without", &without}, /* features not to take */
};

static const struct hostile_case *const tables[] = {register_cases, ring_cases, stream_cases,
						    input_cases, cpu_cases};

void meet(uint32_t id)
{
	device = (struct virtio){.polls = true, .without = without};
	if (!virtio_open(&device, id, id == VIRTIO_ID_BLOCK ? (unsigned)disk : 0, ~UINT64_C(0)))
		guest_fail("there is no device of type %u\n", id);
}

void tell_address(unsigned low_register, uint64_t gpa)
{
	virtio_write(&device, low_register, (uint32_t)gpa);
	virtio_write(&device, low_register + 4, (uint32_t)(gpa >> 32));
}

void set_up_queue(unsigned queue, uint16_t size)
{
	volatile struct rings *r = &rings[queue];

	memset((void *)r, 0, sizeof(*r));
	virtio_write(&device, VIRTIO_MMIO_QUEUE_SEL, queue);
	if (virtio_read(&device, VIRTIO_MMIO_QUEUE_NUM_MAX) == 0)
		return;
	virtio_write(&device, VIRTIO_MMIO_QUEUE_NUM, size);
	tell_address(VIRTIO_MMIO_QUEUE_DESC_LOW, (uintptr_t)r->desc);
	tell_address(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uintptr_t)&r->avail);
	tell_address(VIRTIO_MMIO_QUEUE_USED_LOW, (uintptr_t)&r->used);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_READY, 1);
}

void begin(uint32_t id)
{
	meet(id);
	for (unsigned i = 0; i < QUEUES; i++)
		set_up_queue(i, RING_SIZE);
	virtio_ready(&device);
}

void set_desc(volatile struct vring_desc *desc, const volatile void *at, uint32_t len,
	      uint16_t flags)
{
	desc->addr = (uintptr_t)at;
	desc->len = len;
	desc->flags = flags;
	desc->next = 0;
}

void sound_read(void)
{
	volatile struct vring_desc *desc = rings[0].desc;

	request.header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
	request.status = VBLK_STATUS_UNSET;
	set_desc(&desc[0], &request.header, sizeof(request.header), VRING_DESC_F_NEXT);
	set_desc(&desc[1], request.data, SECTOR, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	set_desc(&desc[2], &request.status, 1, VRING_DESC_F_WRITE);
	desc[0].next = 1;
	desc[1].next = 2;
}

void show_index(unsigned queue, uint16_t idx)
{
	__atomic_store_n(&rings[queue].avail.idx, idx, __ATOMIC_RELEASE);
	virtio_write(&device, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

void offer(unsigned queue, uint16_t head)
{
	uint16_t idx = rings[queue].avail.idx;

	rings[queue].avail.ring[idx % RING_SIZE] = head;
	show_index(queue, (uint16_t)(idx + 1));
}

bool needs_reset(void)
{
	return (virtio_read(&device, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
}

enum answer await(unsigned queue, unsigned n)
{
	uint64_t began = read_tsc(), patience = SILENCE_S * tsc_frequency();

	while (patience == 0 || read_tsc() - began < patience) {
		if (needs_reset())
			return NEEDS_RESET;
		if (__atomic_load_n(&rings[queue].used.idx, __ATOMIC_ACQUIRE) == (uint16_t)n)
			return USED;
		pause_cpu();
	}
	return SILENT;
}

void tell_status(enum answer answer)
{
	if (answer == NEEDS_RESET)
		print("needs reset");
	else if (answer == USED)
		print("status %u", request.status);
	else
		print("silent");
}

void tell_len(unsigned queue, enum answer answer)
{
	uint32_t last = (uint32_t)(rings[queue].used.idx - 1) % RING_SIZE;

	if (answer == NEEDS_RESET)
		print("needs reset");
	else if (answer == USED)
		print("length %u", rings[queue].used.ring[last].len);
	else
		print("silent");
}

/* One of our rules: what is written is what is read. */
static bool disk_serves(void)
{
	for (unsigned i = 0; i < SECTOR; i++)
		request.data[i] = (uint8_t)(i * 7 + rounds);
	sound_read();
	request.header.type = VIRTIO_BLK_T_OUT;
	request.header.sector = GOOD_SECTOR;
	rings[0].desc[1].flags = VRING_DESC_F_NEXT;
	offer(0, 0);
	if (await(0, 1) != USED || request.status != VIRTIO_BLK_S_OK)
		return false;
	memset(request.data, 0, SECTOR);
	sound_read();
	request.header.sector = GOOD_SECTOR;
	offer(0, 0);
	return await(0, 2) == USED && request.status == VIRTIO_BLK_S_OK &&
	       request.data[SECTOR - 1] == (uint8_t)((SECTOR - 1) * 7 + rounds);
}

static bool console_serves(void)
{
	request.data[0] = '.';
	set_desc(&rings[1].desc[0], request.data, 1, 0);
	offer(1, 0);
	return await(1, 1) == USED;
}

static bool entropy_serves(void)
{
	set_desc(&rings[0].desc[0], request.data, 16, VRING_DESC_F_WRITE);
	offer(0, 0);
	return await(0, 1) == USED && rings[0].used.ring[0].len == 16;
}

static bool serves(uint32_t id)
{
	begin(id);
	if (id == VIRTIO_ID_BLOCK)
		return disk_serves();
	return id == VIRTIO_ID_CONSOLE ? console_serves() : entropy_serves();
}

static bool witness_serves(void)
{
	return vblk_do(&witness, &witness_request, VIRTIO_BLK_T_IN, 0) == VIRTIO_BLK_S_OK;
}

static bool all_ok = true;

static void run(const struct hostile_case *which)
{
	bool ok;

	print("%s: ", which->name);
	if (which->run != NULL)
		which->run();
	else if (!run_chain(which->name) && !run_request(which->name))
		guest_fail("no such case\n");
	ok = serves(which->id);
	print(", %s", ok ? "served" : "NOT SERVED");
	if (!witness_serves())
		print(", the other disk is DISTURBED");
	print("\n");
	all_ok &= ok;
}

static const char *wanted_name;

/* "all" are all but those that want somebody at the console's other end. */
static bool is_wanted(const char *name, bool by_name)
{
	return same_text(wanted_name, name) || (!by_name && same_text(wanted_name, "all"));
}

static void run_wanted(void)
{
	for (unsigned i = 0; chain_name(i) != NULL; i++)
		if (is_wanted(chain_name(i), false))
			run(&(struct hostile_case){chain_name(i), VIRTIO_ID_BLOCK, NULL});
	for (unsigned i = 0; request_name(i) != NULL; i++)
		if (is_wanted(request_name(i), false))
			run(&(struct hostile_case){request_name(i), VIRTIO_ID_BLOCK, NULL});
	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct hostile_case *at = tables[i]; at->name != NULL; at++)
			if (is_wanted(at->name, tables[i] == input_cases))
				run(at);
}

static uint64_t take_input(uint64_t unused)
{
	(void)unused;
	while ((in8(UART_STATUS) & 1) == 0)
		pause_cpu();
	return in8(PORT_COM1);
}

/* Somebody looks at the monitor, and types when he has. */
static void pause_until_input(void)
{
	print("paused\n");
	in_ring_0(take_input, 0);
}

static void act(uint64_t unused)
{
	(void)unused;
	take_options(names, sizeof(names) / sizeof(names[0]));
	ram_end = memory_end();
	witness.device.polls = true;
	vblk_open(&witness, disk == 0, 1, 16);
	witness_request.data = witness_data;
	witness_request.len = sizeof(witness_data);
	/* Nothing else takes words, so that this one stays. */
	while ((wanted_name = next_word()) != NULL)
		if (same_text(wanted_name, "pause"))
			pause_until_input();
		else
			run_wanted();
	guest_exit(all_ok ? 0 : 1);
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	/* No interrupt is wanted, by whatever way it would come. */
	out8(PIC_MASTER_MASK, 0xff);
	out8(PIC_SLAVE_MASK, 0xff);
	tsc_frequency();
	user_run(act, 0);
	return 1;
}
