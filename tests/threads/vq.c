/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vq.c - a queue whose guest changes everything while the device works. Run under ASan and TSan.
 *
 * One thread is a driver that publishes sound chains, one flips bytes of rings and tables and flips
 * them back, and the main thread is the device. Whatever it is handed out has to be sound: that is the
 * copy, not what stands in memory by then. To the thread sanitizer the guest's accesses are atomic, so
 * each access of the monitor's that is not is a race. Plain C, for Criterion cannot live with it.
 */
#include "virtio-mmio/vq.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE    UINT64_C(4096)
#define SIZE    16
#define DESC    UINT64_C(0)
#define AVAIL   PAGE
#define USED    (2 * PAGE)
#define TABLES  (3 * PAGE) /* of four descriptors for each head */
#define BUFFERS (8 * PAGE)
#define LOW_END (64 * PAGE)
#define FAR     (UINT64_C(1) << 32)
#define FEATURES                                                                                   \
	(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define N_CHAINS 20000
#define N_BROKEN 200

static const struct mem_region regions[] = {
	{.gpa = 0, .len = LOW_END},
	{.gpa = FAR, .len = 8 * PAGE},
	{.gpa = LOW_END, .len = 8 * PAGE},
};
static const struct vq_geometry geometry = {
	.size = SIZE, .desc = DESC, .driver = AVAIL, .device = USED};

static struct mem mem;
static _Atomic uint64_t dirty[2];
static atomic_bool done;

static uint32_t next_random(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*random >> 32);
}

/* The driver. */

static void put(uint64_t gpa, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	struct vring_desc *desc = mem_get(&mem, gpa, sizeof(*desc));

	__atomic_store_n(&desc->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, len, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->flags, (uint16_t)flags, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->next, (uint16_t)next, __ATOMIC_RELAXED);
}

/* Three parts, one of them over two regions; every other chain in a table. */
static void make_chain(uint16_t head)
{
	uint64_t table = TABLES + head * UINT64_C(64), desc = DESC + head * UINT64_C(16);

	put(table, BUFFERS, 16, VRING_DESC_F_NEXT, 1);
	put(table + 16, LOW_END - 100, 200, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	put(table + 32, FAR, 1, VRING_DESC_F_WRITE, 0);
	if (head % 2 == 0)
		put(desc, table, 48, VRING_DESC_F_INDIRECT, 0);
	else
		put(desc, FAR + PAGE, 512, 0, 0);
}

static void *drive(void *unused)
{
	struct vring_avail *avail = mem_get(&mem, AVAIL, PAGE);
	struct vring_used *used = mem_get(&mem, USED, PAGE);

	for (uint16_t i = 0; !atomic_load(&done); i++) {
		make_chain(i % SIZE);
		__atomic_store_n(&avail->ring[i % SIZE], i % SIZE, __ATOMIC_RELAXED);
		__atomic_store_n(&avail->ring[SIZE], i, __ATOMIC_RELAXED);
		__atomic_store_n(&avail->idx, (uint16_t)(i + 1), __ATOMIC_SEQ_CST);
		/* Some way behind is the device, unless it gave up and begins anew where we are. */
		for (int tries = 0; tries < 100; tries++, sched_yield())
			if ((uint16_t)(i + 1 - __atomic_load_n(&used->idx, __ATOMIC_SEQ_CST)) <
			    SIZE / 2)
				break;
	}
	return unused;
}

/* The enemy: bytes flip and are right again, at once or a little later. */
static void *flip(void *unused)
{
	static const struct {
		uint32_t gpa, len;
	} targets[] = {{DESC, SIZE * 16},
		       {TABLES, SIZE * 64},
		       {AVAIL, 6 + 2 * SIZE},
		       {USED, 6 + 8 * SIZE}};
	uint64_t random = 1;

	while (!atomic_load_explicit(&done, memory_order_relaxed)) {
		uint32_t choice = next_random(&random) % 16;
		size_t target = choice < 4 ? choice : choice % 2;
		uint64_t gpa = targets[target].gpa + next_random(&random) % targets[target].len;
		uint8_t *byte = mem_get(&mem, gpa, 1);
		uint8_t bits = (uint8_t)(1U << next_random(&random) % 8);

		__atomic_fetch_xor(byte, bits, __ATOMIC_RELAXED);
		for (uint32_t i = next_random(&random) % 64; i > 32; i--)
			__builtin_ia32_pause();
		__atomic_fetch_xor(byte, bits, __ATOMIC_RELAXED);
	}
	return unused;
}

/* The device. */

struct device {
	struct vq vq;
	struct iovec *iov; /* on the heap, to the byte */
	unsigned n_iov;
	bool promised; /* vq_arm() said that there is something to take */
	unsigned n_chains, n_broken, n_interrupts;
};

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static bool is_ram(const struct iovec *part)
{
	for (size_t i = 0; i < ARRAY_LEN(regions); i++) {
		uint64_t inside = (uint64_t)((uint8_t *)part->iov_base - mem.hva) -
				  mem.regions[i].offset;

		if (inside < mem.regions[i].len && part->iov_len <= mem.regions[i].len - inside)
			return true;
	}
	return false;
}

static void judge(const struct device *device, const struct vq_chain *chain)
{
	uint64_t lens[2] = {0};
	uint8_t head[16];

	insist(chain->head < SIZE, "a head is a descriptor's");
	insist(chain->n_out + chain->n_in <= device->n_iov, "no more parts than there is room for");
	for (unsigned i = 0; i < chain->n_out + chain->n_in; i++) {
		insist(chain->iov[i].iov_len > 0 && is_ram(&chain->iov[i]), "parts are RAM");
		lens[i >= chain->n_out] += chain->iov[i].iov_len;
	}
	insist(lens[0] == chain->out_len && lens[1] == chain->in_len, "lengths are sums");
	insist(lens[0] + lens[1] <= UINT64_C(1) << 32, "sums are bounded");
	if (chain->out_len >= sizeof(head) && chain->iov[0].iov_len >= sizeof(head))
		mem_copy_in(head, chain->iov[0].iov_base, sizeof(head));
}

/* A driver would reset the device; this one begins where the driver is by now. */
static void start_again(struct device *device)
{
	const struct vring_avail *avail = mem_get(&mem, AVAIL, PAGE);
	const struct vq_state state = {.desc = DESC,
				       .driver = AVAIL,
				       .device = USED,
				       .size = SIZE,
				       .started = 1,
				       .next = __atomic_load_n(&avail->idx, __ATOMIC_SEQ_CST)};

	insist(vq_load(&device->vq, &mem, &state, FEATURES) == 0, "a sound state is loaded");
	device->n_broken++;
}

/* Takes up to `n` chains, and gives them back the other way round. */
static void turn(struct device *device, unsigned n)
{
	uint16_t heads[SIZE];
	unsigned n_heads = 0;
	int ret = 0;

	while (n_heads < n) {
		struct vq_chain chain = {.iov = device->iov, .n_iov = device->n_iov};

		ret = vq_pop(&device->vq, &chain);
		insist(ret != 0 || !device->promised, "what arming promised is there");
		device->promised = false;
		if (ret <= 0)
			break;
		judge(device, &chain);
		heads[n_heads++] = chain.head;
		device->n_chains++;
	}
	insist(vq_n_in_flight(&device->vq) == n_heads, "what is in flight is what was taken");
	for (unsigned i = n_heads; i > 0; i--)
		vq_push(&device->vq, heads[i - 1], i);
	if (vq_flush(&device->vq))
		device->n_interrupts++;
	if (n_heads == 0)
		sched_yield();
	if (ret < 0)
		start_again(device);
	else
		device->promised = ret == 0 && vq_arm(&device->vq);
}

static void work(void)
{
	struct device device = {.n_iov = 6};
	pthread_t driver, enemy;

	device.iov = malloc(device.n_iov * sizeof(device.iov[0]));
	insist(device.iov != NULL && vq_start(&device.vq, &mem, &geometry, FEATURES) == 0,
	       "a queue starts");
	if (pthread_create(&driver, NULL, drive, NULL) != 0 ||
	    pthread_create(&enemy, NULL, flip, NULL) != 0)
		abort();
	for (unsigned n = 1; device.n_chains < N_CHAINS || device.n_broken < N_BROKEN; n++)
		turn(&device, 1 + n % SIZE);
	atomic_store(&done, true);
	pthread_join(driver, NULL);
	pthread_join(enemy, NULL);
	free(device.iov);
	insist(device.n_interrupts > 0, "the driver is interrupted");
	fprintf(stderr, "%u chains, %u times broken\n", device.n_chains, device.n_broken);
}

int main(int argc, char **argv)
{
	FILE *tap = stdout;
	struct err err;

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--tap=", 6) == 0)
			tap = fopen(argv[i] + 6, "we");
	if (tap == NULL || mem_init(&mem, regions, ARRAY_LEN(regions), MEM_ANONYMOUS, &err) < 0 ||
	    mem_dirty_words(&mem) > ARRAY_LEN(dirty))
		return 1;
	mem_track(&mem, dirty);
	work();
	fprintf(tap, "ok - vq: bytes of rings and tables flip while the device works\n");
	mem_done(&mem);
	return fclose(tap) != 0;
}
