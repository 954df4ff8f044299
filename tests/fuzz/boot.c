/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/boot.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot-proto/e820.h"
#include "boot-proto/elf.h"
#include "boot-proto/protocols.h"
#include "boot-proto/pvh_abi.h"
#include "tests/fuzz/fuzz.h"

#define INITRD_MAX (UINT16_MAX * FUZZ_INITRD_UNIT)

static const uint64_t lens[FUZZ_MEMORY_COUNT] = {MIB(2), MIB(16), MIB(64), GIB(5), GIB(260)};

static uint8_t initrd_bytes[INITRD_MAX];
static char cmdline[LAYOUT_CMDLINE_MAX];

/* RAM with pages around it that nobody may touch. */
static struct mem map_ram(uint64_t len)
{
	struct mem mem = {.len = len, .fd = -1};
	uint8_t *mapping = mmap(NULL, len + 2 * LAYOUT_PAGE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	fuzz_check(mapping != MAP_FAILED);
	mem.hva = mapping + LAYOUT_PAGE;
	fuzz_check(mprotect(mem.hva, len, PROT_READ | PROT_WRITE) == 0);
	madvise(mem.hva, len, MADV_NOHUGEPAGE);
	mem.n_regions = layout_ram(len, mem.regions);
	for (unsigned i = 1; i < mem.n_regions; i++)
		mem.regions[i].offset = mem.regions[i - 1].offset + mem.regions[i - 1].len;
	return mem;
}

static void fill_patterns(void)
{
	for (size_t i = 0; i < sizeof(initrd_bytes); i++)
		initrd_bytes[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(cmdline); i++)
		cmdline[i] = (char)('a' + i % 26);
}

/* Empty RAM of one of the lengths. */
static const struct mem *empty_ram(unsigned index)
{
	static struct mem mems[FUZZ_MEMORY_COUNT];
	struct mem *mem = &mems[index];

	if (initrd_bytes[0] == 0)
		fill_patterns();
	if (mem->hva == NULL)
		*mem = map_ram(lens[index]);
	else
		fuzz_check(madvise(mem->hva, mem->len, MADV_DONTNEED) == 0);
	return mem;
}

/* A file that holds `len` of the bytes. */
static int put_into_file(const uint8_t *bytes, uint64_t len)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("image", MFD_CLOEXEC);
	fuzz_check(fd >= 0 && ftruncate(fd, 0) == 0);
	fuzz_check(pwrite(fd, bytes, len, 0) == (ssize_t)len);
	return fd;
}

static struct boot_image make_image(const uint8_t *bytes, uint64_t len, enum fuzz_source source)
{
	static int write_end = -1;
	int pipe_fds[2];

	switch (source) {
	case FUZZ_FILE:
		return (struct boot_image){.fd = put_into_file(bytes, len), .len = len};
	case FUZZ_FILE_CUT:
		return (struct boot_image){.fd = put_into_file(bytes, len - len / 4), .len = len};
	case FUZZ_FILE_BROKEN:
		if (write_end < 0 && pipe(pipe_fds) == 0)
			write_end = pipe_fds[1];
		return (struct boot_image){.fd = write_end, .len = len};
	case FUZZ_BYTES:
	case FUZZ_SOURCE_COUNT:
	default:
		return (struct boot_image){.fd = -1, .bytes = bytes, .len = len};
	}
}

static struct boot_machine make_machine(const struct fuzz_boot_control *control)
{
	return (struct boot_machine){
		.n_cpus = control->n_cpus % 32 + 1U,
		.acpi = (control->machine & FUZZ_ACPI) != 0,
		.i8042 = (control->machine & FUZZ_I8042) != 0,
		.serial = (control->machine & FUZZ_SERIAL) != 0,
		.pic = (control->machine & FUZZ_PIC) != 0,
	};
}

/* The one way to fail: with words about a file, and nothing returned. */
static void check_refusal(int ret, const struct err *err, const void *output, size_t len)
{
	fuzz_check_refusal(ret, err);
	fuzz_check(fuzz_is_ascii(err->text));
	fuzz_check(err->subject == ERR_SUBJECT_IMAGE || err->subject == ERR_SUBJECT_INITRD);
	fuzz_check(fuzz_is_tainted(output, len));
}

static void check_entry(const struct mem *mem, const struct boot_entry *entry)
{
	fuzz_check(entry->rip >= LAYOUT_IMAGES);
	fuzz_check(mem_get(mem, entry->rip, 1) != NULL);
	if (entry->mode == BOOT_PROTECTED_MODE) {
		fuzz_check(entry->rip < GIB(4));
		fuzz_check(entry->rbx == LAYOUT_START_INFO && entry->rsi == 0);
		return;
	}
	/* The page tables map no more. */
	fuzz_check(entry->mode == BOOT_LONG_MODE && entry->rip < GIB(1));
	fuzz_check(entry->rsp == LAYOUT_STACK && entry->rsi == LAYOUT_ZERO_PAGE && entry->rbx == 0);
}

static void check_cmdline(const struct fuzz_boot *boot, uint64_t gpa)
{
	const char *words = boot->request.cmdline;
	const char *found = mem_get(boot->mem, gpa, strlen(words) + 1);

	fuzz_check(found != NULL && strcmp(found, words) == 0);
}

static void check_initrd(const struct fuzz_boot *boot, uint64_t gpa, uint64_t len)
{
	const struct boot_image *initrd = &boot->request.initrd;
	const void *found = mem_get(boot->mem, gpa, len);

	fuzz_check(len == initrd->len && gpa + len <= GIB(4));
	if (len == 0)
		return;
	fuzz_check(gpa >= LAYOUT_IMAGES && gpa % LAYOUT_PAGE == 0 && found != NULL);
	fuzz_check(memcmp(found, initrd->bytes, len) == 0);
}

struct range {
	uint64_t gpa, len;
	uint32_t type;
};

/* Sorted, apart, and what they call RAM is. */
static void check_ranges(const struct mem *mem, const struct range *ranges, unsigned n)
{
	fuzz_check(n > 0 && n <= E820_MAX);
	for (unsigned i = 0; i < n; i++) {
		fuzz_check(ranges[i].gpa + ranges[i].len >= ranges[i].gpa);
		fuzz_check(i == 0 || ranges[i - 1].gpa + ranges[i - 1].len <= ranges[i].gpa);
		if (ranges[i].type == E820_TYPE_RAM)
			fuzz_check(mem_get(mem, ranges[i].gpa, ranges[i].len) != NULL);
	}
}

static void check_zero_page(const struct fuzz_boot *boot)
{
	const struct boot_params *params = mem_get(boot->mem, LAYOUT_ZERO_PAGE,
						   sizeof(struct boot_params));
	struct range ranges[E820_MAX];

	fuzz_check(params->hdr.boot_flag == 0xaa55 || boot->request.kind.format == BOOT_BZIMAGE);
	check_cmdline(boot, params->hdr.cmd_line_ptr);
	fuzz_check(strlen(boot->request.cmdline) <= params->hdr.cmdline_size);
	check_initrd(boot, params->hdr.ramdisk_image, params->hdr.ramdisk_size);
	for (unsigned i = 0; i < params->e820_entries && i < E820_MAX; i++)
		ranges[i] = (struct range){params->e820_table[i].addr, params->e820_table[i].size,
					   params->e820_table[i].type};
	check_ranges(boot->mem, ranges, params->e820_entries);
}

static void check_start_info(const struct fuzz_boot *boot)
{
	const struct pvh_start_info *info = mem_get(boot->mem, LAYOUT_START_INFO,
						    sizeof(struct pvh_start_info));
	const struct pvh_memory_range *map = mem_get(boot->mem, info->memory_map,
						     info->n_memory_map * sizeof(*map));
	const struct pvh_module *module = mem_get(boot->mem, info->modules, sizeof(*module));
	struct range ranges[E820_MAX];

	fuzz_check(info->magic == PVH_START_MAGIC && map != NULL);
	check_cmdline(boot, info->cmdline);
	if (info->n_modules > 0)
		check_initrd(boot, module->gpa, module->len);
	else
		fuzz_check(boot->request.initrd.len == 0);
	for (unsigned i = 0; i < info->n_memory_map && i < E820_MAX; i++)
		ranges[i] = (struct range){map[i].gpa, map[i].len, map[i].type};
	check_ranges(boot->mem, ranges, info->n_memory_map);
}

static void load(struct fuzz_boot *boot)
{
	struct err err = fuzz_err();
	int ret;

	fuzz_taint(&boot->entry, sizeof(boot->entry));
	ret = boot_load(&boot->request, boot->mem, &boot->entry, &err);
	if (ret < 0) {
		check_refusal(ret, &err, &boot->entry, sizeof(boot->entry));
		return;
	}
	fuzz_check(ret == 0);
	boot->loaded = true;
	check_entry(boot->mem, &boot->entry);
	if (boot->entry.mode == BOOT_LONG_MODE)
		check_zero_page(boot);
	else
		check_start_info(boot);
}

/* A packed ELF file may become as large as memory is: not too large, then. */
static unsigned choose_memory(const struct fuzz_boot_control *control,
			      const struct boot_request *request)
{
	unsigned index = control->memory % FUZZ_MEMORY_COUNT;

	return request->kind.format == BOOT_PVH && bzimage_probe(&request->kernel) ? index % 2
										   : index;
}

bool fuzz_boot(const uint8_t *data, size_t size, const enum boot_format *formats,
	       unsigned n_formats, struct fuzz_boot *ret_boot)
{
	struct boot_request *request = &ret_boot->request;
	struct fuzz_boot_control control;
	enum boot_format wanted;
	struct err err = fuzz_err();
	int ret;

	if (size < sizeof(control))
		return false;
	memcpy(&control, data, sizeof(control));
	*ret_boot = (struct fuzz_boot){.mem = empty_ram(0)};
	wanted = formats[control.wanted % n_formats];
	*request = (struct boot_request){
		.kernel = make_image(data + sizeof(control), size - sizeof(control),
				     control.source % FUZZ_SOURCE_COUNT),
		.initrd = {-1, initrd_bytes, (uint64_t)control.initrd * FUZZ_INITRD_UNIT},
		.machine = make_machine(&control),
		.cmdline = cmdline + sizeof(cmdline) - 1 - control.cmdline % sizeof(cmdline)};
	cmdline[sizeof(cmdline) - 1] = '\0';
	fuzz_taint(&request->kind, sizeof(request->kind));
	ret = boot_identify(&request->kernel, wanted, &request->kind, &err);
	if (ret < 0) {
		check_refusal(ret, &err, &request->kind, sizeof(request->kind));
		return true;
	}
	fuzz_check(ret == 0 && request->kind.format > BOOT_AUTO &&
		   request->kind.format < BOOT_FORMAT_COUNT);
	fuzz_check(wanted == BOOT_AUTO || wanted == request->kind.format);
	ret_boot->mem = empty_ram(choose_memory(&control, request));
	load(ret_boot);
	return true;
}

void fuzz_check_segments(const struct fuzz_boot *boot)
{
	const struct boot_image *image = &boot->request.kernel;
	uint64_t rip = boot->entry.rip;
	bool entered = false;
	struct err err;
	struct elf elf;

	fuzz_check(elf_read(image, &elf, &err) == 0 && elf.n_segments > 0);
	for (unsigned i = 0; i < elf.n_segments; i++) {
		const struct elf_segment *segment = &elf.segments[i];
		const uint8_t *hva = mem_get(boot->mem, segment->gpa, segment->guest_len);

		fuzz_check(hva != NULL);
		if (image->fd < 0)
			fuzz_check(memcmp(hva, image->bytes + segment->offset, segment->file_len) ==
				   0);
		entered = entered ||
			  (rip >= segment->gpa && rip - segment->gpa < segment->file_len);
		if (segment->guest_len > segment->file_len)
			fuzz_check(hva[segment->file_len] == 0 && hva[segment->guest_len - 1] == 0);
	}
	fuzz_check(entered); /* in bytes of the file */
}
