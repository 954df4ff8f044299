/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (UINT64_C(2) << 20)

static int map_anonymous(struct mem *mem)
{
	/* Room to start on a 2 MiB boundary, so that the kernel can use transparent huge pages. */
	if (__builtin_add_overflow(mem->len, HUGE_PAGE, &mem->mapping_len))
		return -ENOMEM;
	mem->mapping = mmap(NULL, mem->mapping_len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->mapping == MAP_FAILED)
		return -errno;
	mem->hva = (uint8_t *)(((uintptr_t)mem->mapping + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	return 0;
}

static int map_hugetlb(struct mem *mem)
{
	mem->mapping_len = mem->len;
	mem->mapping = mmap(NULL, mem->len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (mem->mapping == MAP_FAILED)
		return -errno;
	mem->hva = mem->mapping;
	return 0;
}

static int map_memfd(struct mem *mem)
{
	mem->fd = memfd_create("guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem->fd < 0 || ftruncate(mem->fd, (off_t)mem->len) < 0 ||
	    fcntl(mem->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	mem->mapping_len = mem->len;
	mem->mapping = mmap(NULL, mem->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			    mem->fd, 0);
	if (mem->mapping == MAP_FAILED)
		return -errno;
	mem->hva = mem->mapping;
	return 0;
}

static int map(struct mem *mem, enum mem_backing backing)
{
	switch (backing) {
	case MEM_HUGETLB:
		return map_hugetlb(mem);
	case MEM_MEMFD:
		return map_memfd(mem);
	case MEM_ANONYMOUS:
	default:
		return map_anonymous(mem);
	}
}

static void place(struct mem *mem, const struct mem_region *regions, unsigned n_regions)
{
	*mem = (struct mem){.n_regions = n_regions, .mapping = MAP_FAILED, .fd = -1};
	for (unsigned i = 0; i < n_regions; i++) {
		mem->regions[i] = regions[i];
		mem->regions[i].offset = mem->len;
		mem->len += regions[i].len;
	}
}

static int refuse(struct mem *mem, enum mem_backing backing, int error, struct err *err)
{
	uint64_t len = mem->len;

	mem_done(mem);
	if (backing == MEM_HUGETLB)
		return err_host(err, error,
				"--hugepages: %" PRIu64 " pages of 2 MiB (see vm.nr_hugepages)",
				len / HUGE_PAGE);
	return err_host(err, error, "--memory: %" PRIu64 " bytes", len);
}

int mem_init(struct mem *mem, const struct mem_region *regions, unsigned n_regions,
	     enum mem_backing backing, struct err *err)
{
	int ret;

	place(mem, regions, n_regions);
	if (backing == MEM_HUGETLB && mem->len % HUGE_PAGE != 0) {
		ret = err_input(err,
				"--memory: %" PRIu64 " bytes are no multiple of 2 MiB, "
				"which --hugepages needs",
				mem->len);
		mem_done(mem);
		return ret;
	}
	ret = map(mem, backing);
	/* Whatever dumps us, what the guest knows is not in it. */
	if (ret == 0 && madvise(mem->mapping, mem->mapping_len, MADV_DONTDUMP) < 0)
		ret = -errno;
	return ret == 0 ? 0 : refuse(mem, backing, -ret, err);
}

void mem_done(struct mem *mem)
{
	if (mem->mapping != NULL && mem->mapping != MAP_FAILED)
		munmap(mem->mapping, mem->mapping_len);
	if (mem->fd >= 0)
		close(mem->fd);
	*mem = (struct mem){.mapping = MAP_FAILED, .fd = -1};
}

int mem_populate(struct mem *mem, struct err *err)
{
	if (madvise(mem->hva, mem->len, MADV_POPULATE_WRITE) == 0)
		return 0;
	return err_host(err, errno, "--prefault: %" PRIu64 " bytes", mem->len);
}

void mem_track(struct mem *mem, _Atomic uint64_t *bitmap)
{
	mem->dirty = bitmap;
}

uint64_t mem_dirty_words(const struct mem *mem)
{
	return ((mem->len >> MEM_PAGE_SHIFT) + 63) / 64;
}

int mem_write(const struct mem *mem, uint64_t gpa, const void *bytes, uint64_t len)
{
	void *hva = mem_get(mem, gpa, len);

	if (hva == NULL)
		return -EFAULT;
	memcpy(hva, bytes, len);
	return 0;
}
