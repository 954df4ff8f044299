/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/elf.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "boot-proto/pvh_abi.h"

#define NOTES_LEN_MAX KIB(64)
#define NOTE_NAME_MAX 8

/* A program header of either class. */
struct program_header {
	uint32_t type;
	uint64_t offset, gpa, file_len, guest_len, align;
};

bool elf_probe(const struct boot_image *image)
{
	uint8_t ident[SELFMAG];
	struct err ignored;

	return image->len >= sizeof(Elf32_Ehdr) &&
	       boot_image_read(image, (struct boot_span){"ELF header", 0, sizeof(ident)}, ident,
			       &ignored) == 0 &&
	       memcmp(ident, ELFMAG, SELFMAG) == 0;
}

static int check_header(const Elf64_Ehdr *header, struct err *err)
{
	/* The fields judged here lie at the same offsets in both classes. */
	if (header->e_ident[EI_CLASS] != ELFCLASS64 && header->e_ident[EI_CLASS] != ELFCLASS32)
		return err_input(err, "ELF header: class %u is neither 1 nor 2",
				 header->e_ident[EI_CLASS]);
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_input(err, "ELF header: data encoding %u is not little-endian",
				 header->e_ident[EI_DATA]);
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return err_input(err, "ELF header: e_type %u is no executable", header->e_type);
	if (header->e_machine != EM_X86_64 && header->e_machine != EM_386)
		return err_input(err, "ELF header: e_machine %u is not x86", header->e_machine);
	return 0;
}

union raw_program_header {
	Elf64_Phdr h64;
	Elf32_Phdr h32;
};

static struct program_header widen(const union raw_program_header *raw, bool is_64)
{
	const Elf64_Phdr *h64 = &raw->h64;
	const Elf32_Phdr *h32 = &raw->h32;

	if (is_64)
		return (struct program_header){h64->p_type,   h64->p_offset, h64->p_paddr,
					       h64->p_filesz, h64->p_memsz,  h64->p_align};
	return (struct program_header){h32->p_type,   h32->p_offset, h32->p_paddr,
				       h32->p_filesz, h32->p_memsz,  h32->p_align};
}

static int add_segment(struct elf *elf, unsigned index, const struct program_header *header,
		       struct err *err)
{
	if (header->file_len > header->guest_len)
		return err_input(err,
				 "program header %u: p_filesz %" PRIu64 " exceeds p_memsz %" PRIu64,
				 index, header->file_len, header->guest_len);
	if ((header->align & (header->align - 1)) != 0)
		return err_input(err, "program header %u: p_align 0x%" PRIx64 " is no power of two",
				 index, header->align);
	if (header->guest_len == 0)
		return 0;
	elf->segments[elf->n_segments++] = (struct elf_segment){
		.index = index,
		.offset = header->offset,
		.file_len = header->file_len,
		.gpa = header->gpa,
		.guest_len = header->guest_len,
	};
	return 0;
}

struct note {
	char name[NOTE_NAME_MAX];
	uint32_t type;
	uint64_t value; /* the first bytes of the descriptor */
	uint32_t value_len;
};

static void take_note(struct elf *elf, const struct note *note)
{
	if (strcmp(note->name, "Linux") == 0)
		elf->linux_kernel = true;
	if (strcmp(note->name, "Xen") != 0)
		return;
	if (note->type == XEN_ELFNOTE_GUEST_OS && memcmp(&note->value, "linux", 6) == 0)
		elf->linux_kernel = true;
	if (note->type == XEN_ELFNOTE_PHYS32_ENTRY && note->value_len >= 4) {
		elf->has_pvh_entry = true;
		elf->pvh_entry = note->value_len >= 8 ? note->value : (uint32_t)note->value;
	}
}

/* Reads the note at `offset`, and where the next one begins. */
static int read_note(const struct boot_image *image, uint64_t offset, struct note *ret_note,
		     uint64_t *ret_next, struct err *err)
{
	Elf64_Nhdr header;
	uint64_t name_len, value_at;
	int ret;

	ret = boot_image_read(image, (struct boot_span){"ELF note", offset, sizeof(header)},
			      &header, err);
	if (ret < 0)
		return ret;
	*ret_note = (struct note){.type = header.n_type, .value_len = header.n_descsz};
	name_len = header.n_namesz < NOTE_NAME_MAX ? header.n_namesz : NOTE_NAME_MAX - 1;
	ret = boot_image_read(
		image, (struct boot_span){"ELF note name", offset + sizeof(header), name_len},
		ret_note->name, err);
	if (ret < 0)
		return ret;
	value_at = offset + sizeof(header) + ((header.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
	*ret_next = value_at + ((header.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
	return boot_image_read(image,
			       (struct boot_span){"ELF note descriptor", value_at,
						  header.n_descsz < 8 ? header.n_descsz : 8},
			       &ret_note->value, err);
}

static int read_notes(const struct boot_image *image, unsigned index,
		      const struct program_header *header, struct elf *elf, struct err *err)
{
	uint64_t end, next;
	struct note note;
	int ret;

	if (header->file_len > NOTES_LEN_MAX || header->offset > image->len)
		return err_input(err,
				 "program header %u: notes of %" PRIu64 " bytes at offset %" PRIu64
				 " are not possible",
				 index, header->file_len, header->offset);
	end = header->offset + header->file_len;
	for (uint64_t at = header->offset; at + sizeof(Elf64_Nhdr) <= end; at = next) {
		ret = read_note(image, at, &note, &next, err);
		if (ret < 0)
			return ret;
		take_note(elf, &note);
	}
	return 0;
}

static int read_program_headers(const struct boot_image *image, uint64_t table, unsigned count,
				struct elf *elf, struct err *err)
{
	size_t size = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	union raw_program_header raw;
	struct program_header header;
	int ret = 0;

	for (unsigned i = 0; i < count && ret == 0; i++) {
		ret = boot_image_read(
			image, (struct boot_span){"ELF program headers", table + i * size, size},
			&raw, err);
		if (ret < 0)
			return ret;
		header = widen(&raw, elf->is_64);
		if (header.type == PT_LOAD)
			ret = add_segment(elf, i, &header, err);
		else if (header.type == PT_NOTE)
			ret = read_notes(image, i, &header, elf, err);
	}
	return ret;
}

/* The fields of the file header that matter after check_header(), of either class. */
struct file_header {
	uint64_t entry, table;
	unsigned count, entry_len;
};

static int read_file_header(const struct boot_image *image, bool *ret_is_64,
			    struct file_header *ret_header, struct err *err)
{
	union {
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} raw = {0};
	uint64_t len = image->len < sizeof(raw) ? sizeof(raw.h32) : sizeof(raw);
	int ret;

	ret = boot_image_read(image, (struct boot_span){"ELF header", 0, len}, &raw, err);
	if (ret == 0)
		ret = check_header(&raw.h64, err);
	if (ret < 0)
		return ret;
	*ret_is_64 = raw.h64.e_ident[EI_CLASS] == ELFCLASS64;
	if (*ret_is_64 && len < sizeof(raw.h64))
		return err_input(err, "ELF header: the file ends within it, at %" PRIu64,
				 image->len);
	if (*ret_is_64)
		*ret_header = (struct file_header){raw.h64.e_entry, raw.h64.e_phoff,
						   raw.h64.e_phnum, raw.h64.e_phentsize};
	else
		*ret_header = (struct file_header){raw.h32.e_entry, raw.h32.e_phoff,
						   raw.h32.e_phnum, raw.h32.e_phentsize};
	return 0;
}

int elf_read(const struct boot_image *image, struct elf *ret_elf, struct err *err)
{
	struct file_header header;
	struct elf elf = {0};
	int ret;

	ret = read_file_header(image, &elf.is_64, &header, err);
	if (ret < 0)
		return ret;
	if (header.entry_len != (elf.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return err_input(err, "ELF header: e_phentsize %u is not that of its class",
				 header.entry_len);
	if (header.count == 0 || header.count > ELF_SEGMENTS_MAX)
		return err_input(err, "ELF header: e_phnum %u is not between 1 and %u",
				 header.count, ELF_SEGMENTS_MAX);
	if (header.table > image->len)
		return err_input(err, "ELF header: e_phoff %" PRIu64 " is past the file's end",
				 header.table);
	elf.entry = header.entry;
	ret = read_program_headers(image, header.table, header.count, &elf, err);
	if (ret == 0)
		*ret_elf = elf;
	return ret;
}

/* Does the segment overlap one before it? Then its p_paddr is at fault. */
static bool overlaps(const struct elf *elf, unsigned i)
{
	const struct elf_segment *a = &elf->segments[i];

	for (unsigned j = 0; j < i; j++) {
		const struct elf_segment *b = &elf->segments[j];

		if (a->gpa < b->gpa + b->guest_len && b->gpa < a->gpa + a->guest_len)
			return true;
	}
	return false;
}

static int check_segment(const struct elf *elf, unsigned i, const struct mem *mem, struct err *err)
{
	const struct elf_segment *segment = &elf->segments[i];
	const char *fault = NULL;

	if (segment->gpa < LAYOUT_IMAGES)
		fault = "begins below 1 MiB, where the boot tables are";
	else if (mem_get(mem, segment->gpa, segment->guest_len) == NULL)
		fault = "lies outside RAM";
	else if (overlaps(elf, i))
		fault = "overlaps a segment before it";
	if (fault == NULL)
		return 0;
	return err_input(err,
			 "program header %u: p_paddr 0x%" PRIx64 " with p_memsz 0x%" PRIx64 " %s",
			 segment->index, segment->gpa, segment->guest_len, fault);
}

static bool in_a_segment(const struct elf *elf, uint64_t gpa)
{
	for (unsigned i = 0; i < elf->n_segments; i++)
		if (gpa >= elf->segments[i].gpa &&
		    gpa - elf->segments[i].gpa < elf->segments[i].guest_len)
			return true;
	return false;
}

int elf_load(const struct boot_image *image, const struct elf *elf, uint64_t entry,
	     const struct mem *mem, uint64_t *ret_end, struct err *err)
{
	uint64_t end = 0;
	int ret;

	for (unsigned i = 0; i < elf->n_segments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		ret = check_segment(elf, i, mem, err);
		if (ret < 0)
			return ret;
		ret = boot_image_load(image,
				      (struct boot_span){"program header's p_offset and p_filesz",
							 segment->offset, segment->file_len},
				      mem, segment->gpa, err);
		if (ret < 0)
			return ret;
		if (segment->gpa + segment->guest_len > end)
			end = segment->gpa + segment->guest_len;
	}
	if (!in_a_segment(elf, entry))
		return err_input(err, "entry 0x%" PRIx64 " is in no segment that is loaded", entry);
	*ret_end = end;
	return 0;
}
