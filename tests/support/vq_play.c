/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vq_play.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fakedrv.h"
#include "tests/support/vq_model.h"

#define PAGE        UINT64_C(4096)
#define LOW_END     (384 * PAGE)
#define FAR         (UINT64_C(1) << 32)
#define TOP         (UINT64_MAX - 16 * PAGE + 1)
#define DIRTY_WORDS 8
#define STEPS       400 /* of a queue's life, at most */
#define AFTERLIFE   8   /* of them, once it is broken */
#define ROOM        (2 * VQ_SIZE_MAX)

/* The first always has room for the rings of a driver; behind them are its buffers. */
static const struct {
	unsigned n;
	struct mem_region regions[MEM_REGIONS_MAX];
} layouts[] = {
	{3, {{0, LOW_END, 0}, {FAR, 64 * PAGE, 0}, {LOW_END, 16 * PAGE, 0}}},
	{1, {{0, LOW_END, 0}}},
	{2, {{0, LOW_END, 0}, {TOP, 16 * PAGE, 0}}},
	{3, {{0, LOW_END, 0}, {LOW_END, PAGE, 0}, {LOW_END + PAGE, 16 * PAGE, 0}}},
};

struct play {
	struct vq_choices *choices;
	struct vq_counts *counts;
	const struct mem *mem;
	_Atomic uint64_t *dirty;
	struct fakedrv drv;
	struct vq vq;
	struct vq_model model;
	uint64_t features;
	uint16_t held[VQ_SIZE_MAX];
	unsigned n_held;
	bool can_unpop; /* the last that was taken is the last of `held` */
	struct vq_chain last;
	const char *wrong;
};

#define check(play, condition) note(play, condition, #condition)

static void note(struct play *play, bool holds, const char *what)
{
	if (!holds && play->wrong == NULL)
		play->wrong = what;
}

/* A number below `n`; 0 when nothing is left. */
static uint32_t choose(struct play *play, uint32_t n)
{
	struct vq_choices *choices = play->choices;
	uint32_t number = 0;

	if (choices->random != 0) {
		choices->random ^= choices->random << 13;
		choices->random ^= choices->random >> 7;
		choices->random ^= choices->random << 17;
		return (uint32_t)(choices->random >> 32) % n;
	}
	for (uint32_t left = n - 1; left > 0 && choices->len > 0; left >>= 8, choices->len--)
		number = number << 8 | *choices->bytes++;
	return number % n;
}

static bool is_one_in(struct play *play, uint32_t n)
{
	return choose(play, n) == n - 1;
}

/* The driver's chains. */

static struct fakedrv_part choose_part(struct play *play)
{
	const struct mem_region *region = &play->mem->regions[choose(play, play->mem->n_regions)];
	uint64_t inside = choose(play, (uint32_t)region->len), len = 1 + choose(play, 0x2000);

	/* One that may go over the end of its region. */
	if (is_one_in(play, 64))
		return (struct fakedrv_part){.gpa = region->gpa + region->len - 1 -
						    choose(play, 64),
					     .len = 1 + choose(play, 128)};
	if (len > region->len - inside)
		len = region->len - inside;
	return (struct fakedrv_part){.gpa = region->gpa + inside, .len = (uint32_t)len};
}

static uint64_t choose_number(struct play *play)
{
	static const uint64_t edges[] = {0,          1,          PAGE,      LOW_END - 1,
					 LOW_END,    FAR - 1,    FAR,       FAR + 64 * PAGE,
					 TOP - 1,    TOP,        0xffff,    1000,
					 UINT32_MAX, UINT64_MAX, 0xc0000000};
	uint64_t number = edges[choose(play, ARRAY_LEN(edges))];

	return is_one_in(play, 2) ? number - choose(play, 32) : number + choose(play, 32);
}

static void spoil_descriptor(struct play *play, struct vring_desc *desc)
{
	switch (choose(play, 5)) {
	case 0:
		desc->addr = choose_number(play);
		break;
	case 1:
		desc->len = (uint32_t)choose_number(play);
		break;
	case 2:
		desc->flags ^= (uint16_t)(1U << choose(play, 4));
		break;
	case 3:
		desc->next = (uint16_t)choose(play, 2U * play->drv.geometry.size);
		break;
	default:
		desc->next = (uint16_t)choose_number(play);
		break;
	}
}

/* Breaks a rule, maybe: in a chain that was just made, in the ring, or in its index. */
static void spoil(struct play *play, uint16_t head)
{
	uint16_t size = play->drv.geometry.size;
	__virtio16 *entry = &play->drv.avail->ring[(uint16_t)(play->drv.next_avail - 1) % size];

	switch (choose(play, 10)) {
	case 0:
		*entry = (uint16_t)choose_number(play);
		break;
	case 1: /* maybe one that is in flight, or none */
		*entry = (uint16_t)choose(play, size);
		break;
	case 2:
		play->drv.avail->idx = (uint16_t)(play->drv.avail->idx + choose_number(play));
		break;
	case 3: /* about as far as it can go */
		play->drv.avail->idx = (uint16_t)(play->model.taken + size + choose(play, 3));
		break;
	case 4: /* a table again */
		fakedrv_table(&play->drv, head)[choose(play, 2) % size] = play->drv.desc[head];
		break;
	case 5:
	case 6:
		spoil_descriptor(play, &fakedrv_table(&play->drv, head)[choose(play, size)]);
		break;
	case 7:
		spoil_descriptor(play, &play->drv.desc[choose(play, size)]);
		break;
	default:
		spoil_descriptor(play, &play->drv.desc[head]);
		break;
	}
}

static void add_chain(struct play *play)
{
	unsigned size = play->drv.geometry.size;
	unsigned most = is_one_in(play, 16) ? size : size < 6 ? size : 6;
	unsigned n = 1 + choose(play, most), n_out = choose(play, n + 1), n_direct = n;
	struct fakedrv_part parts[VQ_SIZE_MAX];
	int head;

	for (unsigned i = 0; i < n; i++) {
		parts[i] = choose_part(play);
		parts[i].in = i >= n_out;
	}
	if (choose(play, 3) > 0 && (play->model.indirect || is_one_in(play, 64)))
		n_direct = is_one_in(play, 8) ? choose(play, n) : 0;
	head = fakedrv_add_mixed(&play->drv, parts, n, n_direct);
	if (head >= 0 && is_one_in(play, 48))
		spoil(play, (uint16_t)head);
}

static void publish(struct play *play)
{
	fakedrv_publish(&play->drv);
}

static void give(struct play *play)
{
	add_chain(play);
	publish(play);
}

static void collect(struct play *play)
{
	struct vring_used_elem used;

	while (fakedrv_collect(&play->drv, &used)) {
	}
}

static void ask(struct play *play)
{
	if (play->drv.event_idx && is_one_in(play, 2))
		fakedrv_ask_after(&play->drv, (uint16_t)(1 + choose(play, 0xffff)));
	else
		fakedrv_ask(&play->drv, is_one_in(play, 2));
}

/* The device's steps, in both queues. */

static void compare_chain(struct play *play, const struct vq_chain *chain,
			  const struct model_chain *expected)
{
	unsigned n = expected->n < chain->n_iov ? expected->n : chain->n_iov, n_out = 0;
	uint64_t lens[2] = {0};

	check(play, chain->head == expected->head);
	check(play, chain->too_long == (expected->n > chain->n_iov));
	check(play, chain->n_out + chain->n_in == n);
	for (unsigned i = 0; i < n && play->wrong == NULL; i++) {
		check(play, chain->iov[i].iov_base == expected->parts[i].hva);
		check(play, chain->iov[i].iov_len == expected->parts[i].len);
		n_out += !expected->parts[i].in;
		lens[expected->parts[i].in] += expected->parts[i].len;
	}
	check(play, chain->n_out == n_out);
	check(play, chain->out_len == lens[0] && chain->in_len == lens[1]);
	play->counts->n_parts += n;
	play->counts->n_too_long += chain->too_long;
}

static void take(struct play *play)
{
	static struct iovec iov[ROOM];
	static struct model_chain expected;
	struct vq_chain chain = {.iov = iov, .n_iov = is_one_in(play, 16) ? choose(play, 8) : ROOM};
	bool was_broken = play->model.broken;
	int ret;

	check(play, vq_has_next(&play->vq) == model_has_next(&play->model));
	ret = vq_pop(&play->vq, &chain);
	check(play, ret == model_pop(&play->model, &expected));
	check(play, (ret < 0) == play->vq.broken);
	play->counts->n_broken += ret < 0 && !was_broken;
	if (ret <= 0 || play->wrong != NULL)
		return;
	compare_chain(play, &chain, &expected);
	play->counts->n_chains++;
	play->held[play->n_held++] = chain.head;
	play->last = chain;
	play->can_unpop = true;
}

static void untake(struct play *play)
{
	if (!play->can_unpop)
		return;
	play->can_unpop = false;
	vq_unpop(&play->vq, &play->last);
	model_unpop(&play->model, play->last.head);
	play->n_held--;
}

static void push(struct play *play)
{
	unsigned i = play->n_held > 0 ? choose(play, play->n_held) : 0;
	uint32_t len = choose(play, UINT32_MAX);

	if (play->n_held == 0)
		return;
	vq_push(&play->vq, play->held[i], len);
	model_push(&play->model, play->held[i], len);
	play->held[i] = play->held[--play->n_held];
	play->can_unpop = false;
}

static void flush(struct play *play)
{
	check(play, vq_flush(&play->vq) == model_flush(&play->model));
}

static void use_all(struct play *play)
{
	while (play->n_held > 0)
		push(play);
	flush(play);
	collect(play);
}

static void arm(struct play *play)
{
	check(play, vq_arm(&play->vq) == model_arm(&play->model));
}

static void disarm(struct play *play)
{
	vq_disarm(&play->vq);
	model_disarm(&play->model);
}

/* The same state makes the same queue; another is refused, or makes one that the model has, too. */
static void save_and_load(struct play *play)
{
	static struct vq_model other;
	struct vq_state state, changed;
	struct vq_geometry geometry;
	struct vq loaded = {0};
	int ret;

	use_all(play);
	vq_save(&play->vq, &state);
	changed = state;
	((uint8_t *)&changed)[choose(play, sizeof(changed))] ^= (uint8_t)(1U << choose(play, 8));
	geometry = (struct vq_geometry){.size = changed.size,
					.desc = changed.desc,
					.driver = changed.driver,
					.device = changed.device};
	ret = vq_load(&loaded, play->mem, &changed, play->features);
	check(play, (ret == 0) == (changed.started == 1 && changed.broken <= 1 &&
				   model_start(&other, play->mem, &geometry, play->features)));
	check(play, ret == 0 || ret == -EINVAL);
	vq_stop(&play->vq);
	check(play, vq_load(&play->vq, play->mem, &state, play->features) == 0);
	play->model.seen = play->model.taken;
}

/* Those that come more often are there more often. */
static void (*const steps[])(struct play *) = {
	give, give,   give,    give,    give,    add_chain, publish,       ask,   take,
	take, take,   take,    take,    take,    take,      take,          push,  push,
	push, push,   push,    push,    push,    flush,     flush,         flush, arm,
	arm,  disarm, use_all, collect, collect, untake,    save_and_load,
};

/* Memory with the regions of a layout; made once. */
static const struct mem *choose_memory(struct play *play)
{
	static struct mem memories[ARRAY_LEN(layouts)];
	static _Atomic uint64_t dirty[DIRTY_WORDS];
	uint32_t i = choose(play, ARRAY_LEN(layouts));
	struct err err;

	if (memories[i].hva == NULL) {
		if (mem_init(&memories[i], layouts[i].regions, layouts[i].n, MEM_ANONYMOUS, &err) <
			    0 ||
		    mem_dirty_words(&memories[i]) > DIRTY_WORDS)
			abort();
		mem_track(&memories[i], dirty);
	}
	for (unsigned word = 0; word < DIRTY_WORDS; word++)
		dirty[word] = 0;
	play->dirty = dirty;
	return &memories[i];
}

/* The used ring somewhere else, so that pages end in it. */
static void move_used(struct play *play)
{
	uint64_t gpa = LOW_END - 3 * PAGE + UINT64_C(4) * choose(play, PAGE / 4);

	play->drv.geometry.device = gpa;
	play->drv.used = fakedrv_hva(&play->drv, gpa, 2 * PAGE);
	memset(play->drv.used, 0, 2 * PAGE);
}

static void begin(struct play *play)
{
	static const uint16_t sizes[] = {1, 2, 4, 4, 8, 8, 16, 16, 32, 64, 128, 256};
	uint16_t size = sizes[choose(play, ARRAY_LEN(sizes))];

	play->mem = choose_memory(play);
	play->features = FAKEDRV_FEATURES & ~((uint64_t)choose(play, 4) << 28);
	fakedrv_init(&play->drv, play->mem, 0, size, play->features);
	if (is_one_in(play, 2))
		move_used(play);
	check(play, vq_start(&play->vq, play->mem, &play->drv.geometry, play->features) == 0);
	check(play, model_start(&play->model, play->mem, &play->drv.geometry, play->features));
}

/* Is a page marked exactly if something in it was written? */
static void compare_dirty(struct play *play)
{
	uint64_t expected[DIRTY_WORDS] = {0};

	for (uint64_t i = 0; i < MODEL_USED_MAX; i++)
		if (play->model.is_dirty[i]) {
			uint64_t page = (play->drv.geometry.device + i) / PAGE;

			expected[page / 64] |= UINT64_C(1) << page % 64;
		}
	for (unsigned i = 0; i < DIRTY_WORDS; i++)
		check(play, play->dirty[i] == expected[i]);
}

const char *vq_play(struct vq_choices *choices, struct vq_counts *counts)
{
	static struct play play;
	unsigned left = STEPS;

	play = (struct play){.choices = choices, .counts = counts};
	begin(&play);
	while (left-- > 0 && play.wrong == NULL && (choices->random != 0 || choices->len > 0)) {
		steps[choose(&play, ARRAY_LEN(steps))](&play);
		check(&play, vq_n_in_flight(&play.vq) == play.n_held);
		check(&play, play.n_held == play.model.n_held);
		check(&play, model_is_shown(&play.model));
		if (play.model.broken && left > AFTERLIFE)
			left = AFTERLIFE;
	}
	if (play.wrong == NULL)
		compare_dirty(&play);
	return play.wrong;
}
