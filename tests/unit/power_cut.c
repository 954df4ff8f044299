/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host loses its power while a disk is written to. A model of the medium is told of every operation:
 * what was written before a sync that succeeded is there, of the rest any sectors may be. A sync that
 * fails loses for good what was not durable. [fsync(2)] After each turn of the loop the power could be
 * cut: what is then on the medium has to be a disk with all that was flushed, each sector whole.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "iouring-io/block_overlay.h"
#include "iouring-io/block_raw.h"
#include "iouring-io/overlay_file.h"
#include "tests/support/block_fixture.h"
#include "tests/support/faults.h"
#include "tests/support/host.h"

#define SECTOR     512
#define SECTORS    165 /* the last cluster is shorter */
#define LEN        ((size_t)SECTORS * SECTOR)
#define MEDIUM_MAX ((size_t)2 * 65536)
#define WRITES_MAX 1024
#define SYNCS_MAX  8
#define LIVES      10 /* as a thread has room for rings */
#define ROUNDS     12

static struct block_overlay overlay;
static struct block_raw raw;
static bool is_overlay;
static int base_fd, file_fd;
static uint8_t base[LEN];

/* The medium. */

struct write {
	uint64_t user_data, offset, len;
	uint8_t *bytes; /* NULL: a hole */
	bool in_flight;
	bool durable;
	bool lost;      /* no sync is going to make it durable any more */
	uint32_t syncs; /* bits: those that make it durable when they end */
};

static struct {
	uint8_t bytes[MEDIUM_MAX]; /* with all writes that are not in the list */
	size_t len;
	struct write writes[WRITES_MAX]; /* in their order */
	unsigned n_writes;
	uint64_t syncs[SYNCS_MAX]; /* user_data + 1; 0: a free place */
	unsigned n_syncs, failing_sync;
} medium;

static unsigned n_cuts, n_kept, n_dropped;

static void apply(uint8_t *bytes, const struct write *write, uint64_t at, uint64_t len)
{
	cr_assert_leq(write->offset + at + len, MEDIUM_MAX);
	if (write->bytes != NULL)
		memcpy(bytes + write->offset + at, write->bytes + at, len);
	else
		memset(bytes + write->offset + at, 0, len);
}

static void note_write(const struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	struct write *write = &medium.writes[medium.n_writes++];
	uint64_t len = 0;

	cr_assert_leq(medium.n_writes, WRITES_MAX);
	*write = (struct write){.user_data = sqe->user_data, .offset = sqe->off, .in_flight = true};
	if (sqe->opcode == IORING_OP_FALLOCATE) {
		write->len = sqe->addr; /* its length is there [io_uring_enter(2)] */
		return;
	}
	for (unsigned i = 0; i < sqe->len; i++)
		write->len += iov[i].iov_len;
	write->bytes = malloc(write->len + 1);
	for (unsigned i = 0; i < sqe->len; len += iov[i++].iov_len)
		memcpy(write->bytes + len, iov[i].iov_base, iov[i].iov_len);
}

static void note_sync(uint64_t user_data)
{
	bool fails = ++medium.n_syncs == medium.failing_sync;
	unsigned place = 0;

	while (medium.syncs[place] != 0)
		cr_assert_lt(++place, SYNCS_MAX);
	medium.syncs[place] = user_data + 1;
	for (unsigned i = 0; i < medium.n_writes; i++) {
		struct write *write = &medium.writes[i];

		if (write->in_flight || write->durable || write->lost)
			continue;
		write->lost = fails;
		write->syncs |= fails ? 0 : 1U << place;
	}
}

static void on_made(const struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_WRITEV || sqe->opcode == IORING_OP_FALLOCATE)
		note_write(sqe);
	else if (sqe->opcode == IORING_OP_FSYNC)
		note_sync(sqe->user_data);
}

/* Those at the head of the list that are durable need not be kept apart. */
static void shorten_list(void)
{
	unsigned n = 0;

	for (; n < medium.n_writes && medium.writes[n].durable; n++) {
		apply(medium.bytes, &medium.writes[n], 0, medium.writes[n].len);
		free(medium.writes[n].bytes);
	}
	medium.n_writes -= n;
	memmove(medium.writes, medium.writes + n, medium.n_writes * sizeof(struct write));
}

static void end_sync(unsigned place, int32_t result)
{
	medium.syncs[place] = 0;
	for (unsigned i = 0; i < medium.n_writes; i++) {
		medium.writes[i].durable |= result == 0 &&
					    (medium.writes[i].syncs & 1U << place) != 0;
		medium.writes[i].syncs &= ~(1U << place);
	}
	shorten_list();
}

static void on_done(uint64_t user_data, int32_t result)
{
	for (unsigned i = 0; i < SYNCS_MAX; i++)
		if (medium.syncs[i] == user_data + 1) {
			end_sync(i, result);
			return;
		}
	for (unsigned i = 0; i < medium.n_writes; i++) {
		struct write *write = &medium.writes[i];

		if (!write->in_flight || write->user_data != user_data)
			continue;
		write->in_flight = false;
		if (result < 0 || write->bytes != NULL)
			write->len = result < 0 ? 0 : (uint64_t)result;
		return;
	}
}

/* What is found when the power is back. */
static void cut_power(uint8_t *ret_bytes)
{
	memcpy(ret_bytes, medium.bytes, MEDIUM_MAX);
	for (unsigned i = 0; i < medium.n_writes; i++) {
		const struct write *write = &medium.writes[i];
		int mode = write->durable ? 0 : rand() % 4; /* all, none, or some sectors */

		for (uint64_t at = 0; at < write->len && mode != 1; at += SECTOR) {
			bool kept = mode == 0 || rand() % 2 == 0;

			n_kept += kept;
			n_dropped += !kept;
			if (kept)
				apply(ret_bytes, write, at, SECTOR);
		}
	}
	n_cuts++;
}

/* What the guest knows of each sector: versions of its bytes, which say their number; 0: the base's. */

static uint64_t flushed[SECTORS], written[SECTORS], done_version[SECTORS], last_zero[SECTORS];
static uint64_t last_version;

static void stamp(uint8_t *sector, uint64_t number, uint64_t version)
{
	le64_put(sector, version);
	for (unsigned i = 8; i < SECTOR; i += 8)
		le64_put(sector + i,
			 (number + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ version << 20 ^ i);
}

static uint64_t version_of(const uint8_t *sector, uint64_t number)
{
	static const uint8_t zeros[SECTOR];
	uint8_t whole[SECTOR];
	uint64_t version = le64_get(sector);

	if (memcmp(sector, zeros, SECTOR) == 0) {
		cr_assert_neq(last_zero[number], 0, "sector %lu is not there",
			      (unsigned long)number);
		return last_zero[number];
	}
	stamp(whole, number, version);
	cr_assert_eq(memcmp(sector, whole, SECTOR), 0, "sector %lu is torn or another's",
		     (unsigned long)number);
	return version;
}

static void check_sector(const uint8_t *sector, uint64_t number)
{
	uint64_t version = version_of(sector, number);

	cr_assert(version >= flushed[number] && version <= written[number],
		  "sector %lu: version %lu of %lu to %lu after %u cuts", (unsigned long)number,
		  (unsigned long)version, (unsigned long)flushed[number],
		  (unsigned long)written[number], n_cuts);
}

/* The disk on a medium. */
static void read_disk(const uint8_t *bytes, uint8_t *ret_disk)
{
	struct overlay_header header;
	struct overlay_geometry geometry;
	uint8_t map[OVERLAY_SECTOR] = {0};
	int fd = memfd_create("cut", 0);

	memcpy(ret_disk, is_overlay ? base : bytes, LEN);
	if (is_overlay) {
		cr_assert_eq(fd_pwrite_all(fd, bytes, medium.len, 0), 0);
		cr_assert_eq(overlay_file_read_header(fd, &header, &err), 0, "%s", err.text);
		geometry = overlay_geometry(header.len, header.cluster_shift);
		cr_assert_eq(overlay_file_read_map(fd, &geometry, map, &err), 0, "%s", err.text);
		for (uint64_t i = 0; i < geometry.n_clusters; i++)
			if (overlay_map_get(map, i))
				memcpy(ret_disk + (i << geometry.cluster_shift),
				       bytes + geometry.data_offset + (i << geometry.cluster_shift),
				       overlay_cluster_len(&geometry, i));
	}
	close(fd);
}

static void check_cut(void)
{
	static uint8_t bytes[MEDIUM_MAX], disk[LEN];

	cut_power(bytes);
	read_disk(bytes, disk);
	for (uint64_t i = 0; i < SECTORS; i++)
		check_sector(disk + i * SECTOR, i);
}

/* Requests, of which those that are in flight have no sector in common, but clusters. */

static struct {
	enum block_op op;
	uint64_t first, n, version;
	uint8_t bytes[64 * SECTOR];
	uint64_t snapshot[SECTORS]; /* of a flush: what it makes durable */
	bool in_flight;
} guests[REQUESTS];

static bool is_free(uint64_t first, uint64_t n)
{
	for (unsigned i = 0; i < REQUESTS; i++)
		if (guests[i].in_flight && first < guests[i].first + guests[i].n &&
		    guests[i].first < first + n)
			return false;
	return true;
}

static void submit_write(unsigned i, enum block_op op)
{
	uint64_t n = 1 + (uint64_t)rand() % (rand() % 4 == 0 ? 40 : 6);
	uint64_t first = (uint64_t)rand() % (SECTORS - n + 1);

	if (!is_free(first, n))
		return;
	guests[i].op = op;
	guests[i].first = first;
	guests[i].n = n;
	guests[i].version = ++last_version;
	guests[i].in_flight = true;
	for (uint64_t s = 0; s < n; s++) {
		stamp(guests[i].bytes + s * SECTOR, first + s, last_version);
		written[first + s] = last_version;
		if (op == BLOCK_ZERO)
			last_zero[first + s] = last_version;
	}
	host_submit(i, op, first * SECTOR, guests[i].bytes, n * SECTOR,
		    1 + (unsigned)rand() % (n > 2 ? 3 : 1));
}

static void submit_flush(unsigned i)
{
	guests[i].op = BLOCK_FLUSH;
	guests[i].n = 0;
	guests[i].in_flight = true;
	memcpy(guests[i].snapshot, done_version, sizeof(done_version));
	host_submit(i, BLOCK_FLUSH, 0, NULL, 0, 1);
}

static void take_result(unsigned i)
{
	guests[i].in_flight = false;
	if (results[i] != 0)
		return;
	for (uint64_t s = 0; s < SECTORS; s++)
		if (guests[i].op == BLOCK_FLUSH && guests[i].snapshot[s] > flushed[s])
			flushed[s] = guests[i].snapshot[s];
	for (uint64_t s = 0; s < guests[i].n; s++)
		done_version[guests[i].first + s] = guests[i].version;
}

/* Returns whether something is in flight. */
static bool turn_and_cut(void)
{
	bool busy = false;

	for (unsigned i = 0; i < REQUESTS; i++)
		busy |= guests[i].in_flight && results[i] == PENDING;
	cr_assert_eq(ring_turn(ring, busy), 0);
	busy = false;
	for (unsigned i = 0; i < REQUESTS; i++) {
		if (guests[i].in_flight && results[i] != PENDING)
			take_result(i);
		busy |= guests[i].in_flight;
	}
	check_cut();
	return busy;
}

static void submit_some(void)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		int kind = rand() % 8;

		if (guests[i].in_flight || kind == 0)
			continue;
		if (kind < 3)
			submit_flush(i);
		else
			submit_write(i, kind == 3 ? BLOCK_ZERO : BLOCK_WRITE);
	}
}

/* Lives of a disk, each on what a cut of the power left of the one before. */

static void start(void)
{
	const struct block_raw_config raw_config = {.fd = file_fd, .direct_fd = -1};
	const struct block_overlay_config overlay_config = {
		.len = LEN, .base_fd = base_fd, .base_mtime = 1, .layer_fd = file_fd};

	memset(&overlay, 0, sizeof(overlay));
	memset(&raw, 0, sizeof(raw));
	raw.block = overlay.block = host_init();
	block = is_overlay ? &overlay.block : &raw.block;
	if (is_overlay)
		cr_assert_eq(block_overlay_init(&overlay, &overlay_config, &err), 0, "%s",
			     err.text);
	else
		cr_assert_eq(block_raw_init(&raw, &raw_config), 0);
	medium.n_writes = 0;
	memset(medium.syncs, 0, sizeof(medium.syncs));
	medium.len = (size_t)lseek(file_fd, 0, SEEK_END);
	cr_assert_leq(medium.len, MEDIUM_MAX);
	cr_assert_eq(fd_pread_all(file_fd, medium.bytes, medium.len, 0), 0);
	host_start();
}

static void set_up(bool overlay_or_raw, unsigned try)
{
	static const struct faults_watcher watcher = {.made = on_made, .done = on_done};

	srand(test_seed() + try);
	is_overlay = overlay_or_raw;
	for (uint64_t i = 0; i < SECTORS; i++)
		stamp(base + i * SECTOR, i, 0);
	base_fd = memfd_create("base", 0);
	file_fd = memfd_create("file", 0);
	cr_assert_eq(fd_pwrite_all(is_overlay ? base_fd : file_fd, base, LEN, 0), 0);
	if (is_overlay)
		cr_assert_eq(fd_pwrite_all(base_fd, base, LEN, 0), 0);
	faults_watch(&watcher);
}

/* The power is cut, and what is found is all there ever was. */
static void begin_again(void)
{
	static uint8_t bytes[MEDIUM_MAX], disk[LEN];

	cut_power(bytes);
	read_disk(bytes, disk);
	for (uint64_t i = 0; i < SECTORS; i++) {
		uint64_t version = version_of(disk + i * SECTOR, i);

		flushed[i] = written[i] = done_version[i] = version;
		if (last_zero[i] > version)
			last_zero[i] = 0;
	}
	/* The host of the test goes on: its ring has to be empty. */
	for (unsigned i = 0; i < REQUESTS; i++)
		if (guests[i].in_flight)
			host_await(i);
	for (unsigned i = 0; i < medium.n_writes; i++)
		free(medium.writes[i].bytes);
	host_done();
	if (is_overlay)
		block_overlay_done(&overlay);
	cr_assert_eq(fd_pwrite_all(file_fd, bytes, medium.len, 0), 0);
	memset(guests, 0, sizeof(guests));
	start();
}

static void live(bool with_overlay, unsigned n_lives, unsigned try)
{
	set_up(with_overlay, try);
	start();
	for (unsigned life = 0; life < n_lives; life++) {
		for (unsigned round = 0; round < ROUNDS; round++) {
			submit_some();
			for (int turns = rand() % 6; turns >= 0; turns--)
				if (!turn_and_cut())
					break;
		}
		if (life + 1 < n_lives)
			while (rand() % 2 == 0 && turn_and_cut())
				;
		if (life + 1 < n_lives)
			begin_again();
	}
	while (turn_and_cut())
		;
	/* It was tried in earnest. */
	cr_assert(n_kept > 0 && n_dropped > 0 && n_cuts > n_lives * ROUNDS);
}

static void add_fault(uint8_t op, unsigned nth, enum fault_kind kind, int value)
{
	const struct fault fault = {.op = op, .nth = nth, .kind = kind, .value = value};

	faults_add(&fault);
}

/* Each in a process of its own, with other random choices. */
static struct criterion_test_params all_tries(void)
{
	static unsigned tries[60];

	for (unsigned i = 0; i < ARRAY_LEN(tries); i++)
		tries[i] = i;
	return cr_make_param_array(unsigned, tries, count_for(3, ARRAY_LEN(tries)));
}

#define TRIES(name)                                                                                \
	ParameterizedTestParameters(power_cut, name)                                               \
	{                                                                                          \
		return all_tries();                                                                \
	}                                                                                          \
	ParameterizedTest(const unsigned *try, power_cut, name, .timeout = 60)

static void late(void)
{
	add_fault(IORING_OP_FSYNC, 0, FAULT_LATE, 4);
	for (unsigned nth = 2; nth < 300; nth += 5)
		add_fault(IORING_OP_WRITEV, nth, FAULT_LATE, 3 + (int)nth % 7);
}

static void fail_here_and_there(void)
{
	add_fault(IORING_OP_WRITEV, 0, FAULT_SHORT, 3 * SECTOR);
	add_fault(IORING_OP_WRITEV, 9, FAULT_ERROR, ENOSPC);
	for (unsigned nth = 20; nth < 40; nth += 3)
		add_fault(IORING_OP_WRITEV, nth * nth, FAULT_ERROR, EIO);
}

TRIES(leaves_of_a_file_what_was_flushed)
{
	late();
	live(false, LIVES, *try);
}

TRIES(leaves_of_a_layer_what_was_flushed)
{
	late();
	live(true, LIVES, *try);
}

TRIES(after_writes_that_were_short_or_failed)
{
	fail_here_and_there();
	live(true, LIVES, *try);
}

/* One life only: the disk never promises anything again. */
static void fail_a_sync(bool with_overlay, unsigned try)
{
	medium.failing_sync = 1 + try % 3;
	add_fault(IORING_OP_FSYNC, medium.failing_sync, FAULT_ERROR, EIO);
	live(with_overlay, 1, try);
	cr_assert_neq(block->sync_error, 0);
}

TRIES(after_a_sync_of_a_file_that_failed)
{
	fail_a_sync(false, *try);
}

TRIES(after_a_sync_of_a_layer_that_failed)
{
	fail_a_sync(true, *try);
}
