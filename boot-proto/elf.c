/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/elf.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/le.h"
#include "boot-proto/layout_x86_64.h"
#include "boot-proto/pvh_abi.h"

#define NOTES_LEN_MAX KIB(64)
#define NOTE_NAME_MAX 8
#define FILE_BOUNDS   "p_offset and p_filesz"

/* A program header of either class. */
struct program_header {
	uint32_t type;
	uint64_t offset, gpa, file_len, guest_len, align;
};

/* Makes an error one of this program header's. Only a refusal pays for the words. */
static int in_program_header(unsigned index, int ret, struct err *err)
{
	char text[sizeof(err->text)];

	if (ret == 0)
		return 0;
	memcpy(text, err->text, sizeof(text));
	snprintf(err->text, sizeof(err->text), "program header %u: %.200s", index, text);
	return ret;
}

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
		return err_input(err, "p_filesz %" PRIu64 " exceeds p_memsz %" PRIu64,
				 header->file_len, header->guest_len);
	if ((header->align & (header->align - 1)) != 0)
		return err_input(err, "p_align 0x%" PRIx64 " is no power of two", header->align);
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

static int take_note(struct elf *elf, const struct note *note, struct err *err)
{
	if (strcmp(note->name, "Linux") == 0)
		elf->linux_kernel = true;
	if (strcmp(note->name, "Xen") != 0)
		return 0;
	if (note->type == XEN_ELFNOTE_GUEST_OS && memcmp(&note->value, "linux", 6) == 0)
		elf->linux_kernel = true;
	if (note->type != XEN_ELFNOTE_PHYS32_ENTRY)
		return 0;
	if (note->value_len != 4 && note->value_len != 8)
		return err_input(err,
				 "n_descsz %u of the note with the PVH entry is neither 4 nor 8",
				 note->value_len);
	elf->has_pvh_entry = true;
	elf->pvh_entry = note->value;
	return 0;
}

/* The notes of one segment that are still to be read. */
struct notes {
	const struct boot_image *image;
	uint64_t at, end;
	uint64_t align;
};

static uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

/* Reads the next note, of which there is at least the header. */
static int read_note(struct notes *notes, struct note *ret_note, struct err *err)
{
	struct boot_span span = {"ELF note", notes->at, sizeof(Elf64_Nhdr)};
	struct note note = {0};
	Elf64_Nhdr header;
	uint64_t value_at;
	int ret;

	ret = boot_image_read(notes->image, span, &header, err);
	if (ret < 0)
		return ret;
	value_at = notes->at + align_up(sizeof(header) + header.n_namesz, notes->align);
	if (notes->at + sizeof(header) + header.n_namesz > notes->end ||
	    (header.n_descsz > 0 && value_at + header.n_descsz > notes->end))
		return err_input(err,
				 "n_namesz %u and n_descsz %u of the note at offset %" PRIu64
				 " go past the end of the notes",
				 header.n_namesz, header.n_descsz, notes->at);
	note.type = header.n_type;
	note.value_len = header.n_descsz;
	span.offset += sizeof(header);
	/* A longer name is none of ours: its first bytes without an end tell. */
	span.len = header.n_namesz < NOTE_NAME_MAX ? header.n_namesz : NOTE_NAME_MAX - 1;
	ret = boot_image_read(notes->image, span, note.name, err);
	if (ret < 0)
		return ret;
	span.offset = value_at;
	span.len = header.n_descsz < sizeof(note.value) ? header.n_descsz : sizeof(note.value);
	if (span.len > 0)
		ret = boot_image_read(notes->image, span, &note.value, err);
	if (ret < 0)
		return ret;
	notes->at = value_at + align_up(header.n_descsz, notes->align);
	*ret_note = note;
	return 0;
}

static int read_notes(const struct boot_image *image, const struct program_header *header,
		      struct elf *elf, struct err *err)
{
	const struct boot_span all = {FILE_BOUNDS, header->offset, header->file_len};
	struct notes notes = {.image = image, .align = header->align == 8 ? 8 : 4};
	struct note note;
	int ret;

	if (header->file_len > NOTES_LEN_MAX)
		return err_input(err, "p_filesz %" PRIu64 " is more than the %" PRIu64 " of notes",
				 header->file_len, NOTES_LEN_MAX);
	ret = boot_image_check(image, all, err);
	notes.at = header->offset;
	notes.end = header->offset + header->file_len;
	while (ret == 0 && notes.at + sizeof(Elf64_Nhdr) <= notes.end) {
		ret = read_note(&notes, &note, err);
		if (ret == 0)
			ret = take_note(elf, &note, err);
	}
	return ret;
}

static int read_program_header(const struct boot_image *image, uint64_t table, unsigned index,
			       struct elf *elf, struct err *err)
{
	size_t size = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	union raw_program_header raw;
	struct program_header header;
	int ret;

	ret = boot_image_read(image, (struct boot_span){"e_phoff", table + index * size, size},
			      &raw, err);
	if (ret < 0)
		return ret;
	header = widen(&raw, elf->is_64);
	if (header.type == PT_LOAD)
		return add_segment(elf, index, &header, err);
	return header.type == PT_NOTE ? read_notes(image, &header, elf, err) : 0;
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
	for (unsigned i = 0; i < header.count && ret == 0; i++)
		ret = in_program_header(i, read_program_header(image, header.table, i, &elf, err),
					err);
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
	return err_input(err, "p_paddr 0x%" PRIx64 " with p_memsz 0x%" PRIx64 " %s", segment->gpa,
			 segment->guest_len, fault);
}

static int load_segment(const struct boot_image *image, const struct elf *elf, unsigned i,
			const struct mem *mem, struct err *err)
{
	const struct elf_segment *segment = &elf->segments[i];
	const struct boot_span bytes = {FILE_BOUNDS, segment->offset, segment->file_len};
	int ret = check_segment(elf, i, mem, err);

	/* What takes no room in the file may have any p_offset. */
	if (ret < 0 || segment->file_len == 0)
		return ret;
	return boot_image_load(image, bytes, mem, segment->gpa, err);
}

static bool in_loaded_bytes(const struct elf *elf, uint64_t gpa)
{
	for (unsigned i = 0; i < elf->n_segments; i++)
		if (gpa >= elf->segments[i].gpa &&
		    gpa - elf->segments[i].gpa < elf->segments[i].file_len)
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

		ret = in_program_header(segment->index, load_segment(image, elf, i, mem, err), err);
		if (ret < 0)
			return ret;
		if (segment->gpa + segment->guest_len > end)
			end = segment->gpa + segment->guest_len;
	}
	if (!in_loaded_bytes(elf, entry))
		return err_input(err, "entry 0x%" PRIx64 " is in no bytes that are loaded", entry);
	*ret_end = end;
	return 0;
}
