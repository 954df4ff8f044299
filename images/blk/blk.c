/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blk.c - drives a disk as its command line says, verb by verb, a line for each result. It ends with
 * status 0 if all went well, else 1. `mayfly run blk -- write pattern=7 count=64 verify pattern=7 count=64`
 *
 * It runs in ring 3; each verb resets the disk, and begins anew.
 */
#include "images/blk/blk.h"

#include "images/lib/guest.h"

struct blk_options options;
struct vblk disk;

static const struct option names[] = {
	{"disk", &options.disk},
	{"sector", &options.sector},
	{"count", &options.count},
	{"size", &options.size},
	{"depth", &options.depth},
	{"queues", &options.queues},
	{"pattern", &options.pattern},
	{"poll", &options.poll},
	{"ring", &options.ring},
	{"segments", &options.segments},
	{"without", &options.without},
	{"seconds", &options.seconds},
	{"random", &options.random},
	{"unmap", &options.unmap},
	{"n", &options.n},
	{"expect", &options.expect},
};

static const struct {
	const char *name;
	bool (*run)(void);
} verbs[] = {
	{"info", blk_info},     /* what the disk says of itself */
	{"read", blk_read},     /* sector count size depth queues: and adds up the words */
	{"write", blk_write},   /* the same, and pattern */
	{"verify", blk_verify}, /* the same: reads and compares */
	{"flush", blk_flush},   /* one */
	{"flush-order",
	 blk_flush_order}, /* sector count depth pattern: numbered records, see records.c */
	{"flush-check", blk_flush_check}, /* sector pattern expect: are they there? */
	{"batch", blk_batch},             /* n: reads with one notification and one interrupt */
	{"discard", blk_discard},         /* sector size */
	{"zeroes", blk_zeroes},           /* sector size unmap */
	{"watch", blk_watch},             /* count: tells the capacity after each change */
	{"bench-read", blk_bench_read},   /* count or seconds, size depth queues random */
	{"bench-write", blk_bench_write},
	{"bench-flush", blk_bench_flush},
};

void open_disk(void)
{
	memory_give_back();
	disk = (struct vblk){.device = {.polls = options.poll != 0, .without = options.without}};
	vblk_open(&disk, (unsigned)options.disk, (unsigned)options.queues, (uint16_t)options.ring);
}

struct vblk_request *new_request(uint64_t len)
{
	struct vblk_request *request = memory_take(sizeof(*request));

	request->len = (uint32_t)len;
	request->n_pieces = (unsigned)options.segments;
	if (len > 0)
		request->data = memory_take(len);
	return request;
}

static bool run_verb(const char *name)
{
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!same_text(name, verbs[i].name))
			continue;
		options = (struct blk_options){
			.count = 1, .size = 4096, .depth = 1, .queues = 1, .ring = 128, .n = 32};
		take_options(names, sizeof(names) / sizeof(names[0]));
		open_disk();
		return verbs[i].run();
	}
	guest_fail("no such verb: %s\n", name);
}

static void run_verbs(uint64_t ok)
{
	const char *word;

	while ((word = next_word()) != NULL)
		if (find_text(word, "=") == NULL)
			ok &= run_verb(word);
	guest_exit(ok ? 0 : 1);
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	tsc_frequency();
	user_run(run_verbs, true);
	return 1;
}
