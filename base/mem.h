/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.h - the guest's memory: up to three ranges of guest-physical addresses over one mapping.
 *
 * Theory of operation. All RAM is one host mapping; a region says which part of it the guest sees
 * at which address. The regions are set once, before the first vCPU runs, and only read after
 * that, so every thread may use them without a lock.
 *
 * mem_get() is the only way from a guest address to a host pointer, and it takes a length: a range
 * that leaves its region, wraps or has no RAM behind it gives NULL. The bytes behind the pointer
 * belong to the guest, which may change them at any moment: copy first, then judge the copy.
 */
#ifndef MAYFLY_BASE_MEM_H
#define MAYFLY_BASE_MEM_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/sanitizer.h"

#define MEM_REGIONS_MAX 3
#define MEM_PAGE_SHIFT  12

enum mem_backing {
	MEM_ANONYMOUS, /* private pages of the cell */
	MEM_MEMFD,     /* a sealed memfd, which another process can be handed */
	MEM_HUGETLB,   /* pages of 2 MiB from the host's pool, reserved at once */
	MEM_BACKING_COUNT
};

struct mem_region {
	uint64_t gpa;    /* first guest-physical address */
	uint64_t len;    /* bytes, a multiple of 4 KiB */
	uint64_t offset; /* of its first byte in the mapping */
};

struct mem { /* [ro] once mem_init() has returned */
	uint8_t *hva;
	uint64_t len; /* bytes of RAM, all regions together */
	unsigned n_regions;
	struct mem_region regions[MEM_REGIONS_MAX];
	void *mapping; /* what munmap() wants; starts up to 2 MiB before hva */
	uint64_t mapping_len;
	int fd;                  /* of the memfd, else -1 */
	_Atomic uint64_t *dirty; /* a bit for each page that the host wrote; NULL: nobody asks */
};

/*
 * Maps RAM for the `n_regions` ranges in `regions`, whose `offset`s it fills in. Bytes are zero.
 * Errors: -EINVAL for lengths the backing cannot have, else what the host answered.
 */
MUST_CHECK int mem_init(struct mem *mem, const struct mem_region *regions, unsigned n_regions,
			enum mem_backing backing, struct err *err);

/* Unmaps; safe after a failed mem_init(), and twice. */
void mem_done(struct mem *mem);

/* Gives every page of the RAM a host page now. Errors: what the host answered, e.g. -ENOMEM. */
MUST_CHECK int mem_populate(struct mem *mem, struct err *err);

/* The host address of [gpa, gpa + len), or NULL where that is not RAM of one region. Any thread. */
static inline void *mem_get(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct mem_region *region = &mem->regions[i];
		uint64_t inside = gpa - region->gpa;

		if (gpa >= region->gpa && inside < region->len && len <= region->len - inside)
			return mem->hva + region->offset + inside;
	}
	return NULL;
}

/*
 * The host address of the first part of [gpa, gpa + len): regions that touch each other may lie apart
 * in the mapping. `ret_len` is how long the part is. NULL where `gpa` is not RAM. Any thread.
 */
static inline void *mem_get_part(const struct mem *mem, uint64_t gpa, uint64_t len,
				 uint64_t *ret_len)
{
	for (unsigned i = 0; i < mem->n_regions; i++) {
		const struct mem_region *region = &mem->regions[i];
		uint64_t inside = gpa - region->gpa;

		if (gpa >= region->gpa && inside < region->len) {
			*ret_len = len < region->len - inside ? len : region->len - inside;
			return mem->hva + region->offset + inside;
		}
	}
	return NULL;
}

/*
 * Notes that the host has written, or is about to write, `len` bytes at `hva`, which is guest RAM.
 * Every write of the monitor's to the memory of a guest that has run goes through here: it is how a
 * rewind finds pages that KVM's own dirty log does not show. Any thread.
 */
static inline void mem_dirty(const struct mem *mem, const void *hva, uint64_t len)
{
	uint64_t first = (uint64_t)((const uint8_t *)hva - mem->hva) >> MEM_PAGE_SHIFT;
	uint64_t last;

	if (mem->dirty == NULL || len == 0)
		return;
	last = ((uint64_t)((const uint8_t *)hva - mem->hva) + len - 1) >> MEM_PAGE_SHIFT;
	for (uint64_t page = first; page <= last; page++)
		atomic_fetch_or_explicit(&mem->dirty[page / 64], UINT64_C(1) << page % 64,
					 memory_order_relaxed);
}

/*
 * Notes in `bitmap` from now on, which has mem_dirty_words() words, what the host writes; NULL: no
 * more. No other thread uses the memory yet.
 */
void mem_track(struct mem *mem, _Atomic uint64_t *bitmap);
uint64_t mem_dirty_words(const struct mem *mem);

/*
 * Copies `len` bytes of the guest's at `hva`. The guest may be writing them: the compiler may not
 * look there a second time for what it reads from the copy, and to the thread sanitizer, which is
 * right about races in every other place, the bytes are atomic. Any thread.
 */
static inline void mem_copy_in(void *copy, const void *hva, size_t len)
{
#if WITH_THREAD_SANITIZER
	for (size_t i = 0; i < len; i++)
		((uint8_t *)copy)[i] = __atomic_load_n((const uint8_t *)hva + i, __ATOMIC_RELAXED);
#else
	memcpy(copy, hva, len);
	__asm__ volatile("" : : "r"(copy) : "memory");
#endif
}

/* Copies `len` bytes in. Returns 0, or -EFAULT with nothing written. */
MUST_CHECK int mem_write(const struct mem *mem, uint64_t gpa, const void *bytes, uint64_t len);

#endif
