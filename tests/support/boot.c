/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/boot.h"

#include <criterion/criterion.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "boot-proto/layout_x86_64.h"

struct mem boot_ram(uint64_t len)
{
	struct mem_region regions[MEM_REGIONS_MAX];
	struct mem mem;
	struct err err;
	unsigned n = layout_ram(len, regions);

	cr_assert_eq(mem_init(&mem, regions, n, MEM_ANONYMOUS, &err), 0, "%s", err.text);
	return mem;
}

struct boot_image boot_view(const struct image *image)
{
	return (struct boot_image){.fd = -1, .bytes = image->bytes, .len = image->len};
}

struct boot_image boot_file(const void *bytes, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fd_write_all(fd, bytes, len), 0);
	return (struct boot_image){.fd = fd, .len = len};
}
