/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds.c - writes inputs to begin with into FOLDER/NAME, for each harness, and FOLDER/NAME.dict.
 *
 * Sound images and texts, and the first step away from them in each direction that a parser judges.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "iouring-io/overlay_format.h"
#include "monitor/options.h"
#include "monitor/outcome.h"
#include "monitor/protocol.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/image_builder.h"

static const char *root;

static void write_file(const char *path, const void *bytes, size_t len)
{
	SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 || fd_write_all(fd, bytes, len) < 0) {
		perror(path);
		exit(1);
	}
}

void seeds_put(const char *harness, const void *head, size_t head_len, const void *bytes,
	       size_t len)
{
	static unsigned n;
	struct image whole = {0};
	char path[PATH_MAX];

	image_append(&whole, head, head_len);
	image_append(&whole, bytes, len);
	snprintf(path, sizeof(path), "%s/%s", root, harness);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/seed-%04u", root, harness, n++);
	write_file(path, whole.bytes, whole.len);
	image_free(&whole);
}

/* The configuration file. */

static const char *const json_texts[] = {
	"",
	"[]",
	"{}",
	"{\"a\": 1, \"a\": 2}",
	"{\"boot-source\": 5}",
	"{\"unknown\": \"\\u001b\"}",
	"{\"mayfly\": {\"unknown\\n\": null}}",
	"{\"boot-source\": {\"kernel_image_path\": \"\xc3\xa4\\u001b[2J\"}}",
	("{\"boot-source\": {\"kernel_image_path\": \"k\", \"initrd_path\": \"i\", \"boot_args\": \"a\"},"
	 " \"machine-config\": {\"vcpu_count\": 4, \"mem_size_mib\": 256, \"smt\": false,"
	 " \"huge_pages\": \"2M\", \"cpu_template\": \"None\"}, \"drives\": [], \"vsock\": null}"),
	("{\"mayfly\": {\"format\": \"raw\", \"serial\": \"out\", \"acpi\": false, \"irqchip\":"
	 " \"kernel\", \"memfd\": true, \"prefault\": true, \"pin\": \"0,2-5\", \"timeout\": \"5s\","
	 " \"dry_run\": true, \"report\": \"r\", \"exits\": \"json\", \"timeline\": true}}"),
	"{\"machine-config\": {\"smt\": true}}",
	"{\"drives\": [{\"drive_id\": \"root\"}]}",
	("{\"drives\": [{\"drive_id\": \"a\", \"path_on_host\": \"a.img\", \"is_root_device\": true,"
	 " \"is_read_only\": false, \"partuuid\": null, \"cache_type\": \"Unsafe\", \"io_engine\":"
	 " \"Sync\", \"rate_limiter\": {\"bandwidth\": {\"size\": 1, \"refill_time\": 2,"
	 " \"one_time_burst\": 3}, \"ops\": null}}, {\"path_on_host\": \"mem:1M\", \"queues\": 2,"
	 " \"serial\": \"s\", \"bw\": \"1M:2M\", \"iops\": 7, \"isr\": \"exact\"},"
	 " {\"path_on_host\": \"b\", \"overlay\": \"memory:1M\", \"sector\": 4096}]}"),
	"{\"drives\": [{\"rate_limiter\": {\"ops\": {\"size\": -1}}}]}",
	"{\"drives\": [{\"rate_limiter\": {\"x\": 1}}]}",
	"{\"drives\": [{\"rate_limiter\": 1}]}",
	"{\"drives\": [{\"overlay\": 1}]}",
	"{\"drives\": [{\"path_on_host\": 1}]}",
	"{\"drives\": [{\"is_root_device\": 1}]}",
	"{\"drives\": [{\"direct\": true, \"path_on_host\": \"a\"}, {\"is_root_device\": true}]}",
	"{\"drives\": [{\"ro\": 1.5}]}",
	"{\"drives\": [1]}",
	"{\"drives\": 1}",
	"{\"network-interfaces\": {}}",
};

static const char *const json_values[] = {
	"null",         "true",     "false",    "0",         "1",       "-1",
	"33",           "1.5",      "1e999",    "\"\"",      "\"on\"",  "\"off\"",
	"\"1\"",        "\"json\"", "\"none\"", "\"stdio\"", "\"10s\"", "\"4K\"",
	"\"0-3\"",      "\"3-0\"",  "\"1,\"",   "[]",        "{}",      "99999999999999999999",
	"\"3x\"",       "\"7m\"",   "\"auto\"", "\"2M\"",    "\"9T\"",  "\"1,2,3\"",
	"\"a\\u0007\"",
};

/* Each field with each value. */
static void put_fields(void)
{
	char text[256];

	for (size_t i = 0; i < n_options; i++) {
		const char *dot = options[i].json != NULL ? strchr(options[i].json, '.') : NULL;

		for (size_t j = 0; dot != NULL && j < ARRAY_LEN(json_values); j++) {
			snprintf(text, sizeof(text), "{\"%.*s\": {\"%s\": %s}}",
				 (int)(dot - options[i].json), options[i].json, dot + 1,
				 json_values[j]);
			seeds_put("config_json", "", 0, text, strlen(text));
		}
	}
}

/* Words that are longer than there is room for. */
static void put_long_texts(void)
{
	static char text[LAYOUT_CMDLINE_MAX + 100];

	for (size_t len = LAYOUT_CMDLINE_MAX - 1; len <= LAYOUT_CMDLINE_MAX; len++) {
		int n = snprintf(text, sizeof(text), "{\"boot-source\": {\"boot_args\": \"%0*d\"}}",
				 (int)len, 0);

		seeds_put("config_json", "", 0, text, (size_t)n);
	}
	seeds_put("config_json", "{\"", 2, text, 300);
}

static void make_json(void)
{
	for (size_t i = 0; i < ARRAY_LEN(json_texts); i++)
		seeds_put("config_json", "", 0, json_texts[i], strlen(json_texts[i]));
	put_fields();
	put_long_texts();
}

/* The command line. */

/* Words end at a blank here. */
static const char *const command_lines[] = {
	"",
	"help",
	"--version",
	"doctor",
	"doctor --json",
	"doctor --help",
	"doctor --other",
	"other",
	"run",
	"run --help",
	"run -h",
	"run -m 256M -c 2 -i initrd image -- quiet reboot=t",
	"run --memory=2M --cpus=32 --initrd=i --format=raw --serial=none --acpi=off image",
	"run --irqchip=kernel --hugepages --memfd --prefault --pin=0 --timeout=5s",
	"run --config=f --dry-run --report=r --exits --timeline=json -vq",
	"run --config=f",
	"run --hugepages --memory=3M",
	"run -m 1",
	"run -m 2M -c 0",
	"run -m 2097153",
	"run -m",
	"run --memory",
	"run --quiet=yes",
	"run --exits=xml",
	"run -x",
	"run -\033",
	"run -qx\377",
	"run --nothing",
	"run --s=\033[2J",
	"run --initrd=i",
	"run --pin=65535",
	"run --pin=0,1-",
	"run a b",
	"run --serial=\xe4 \xe4 -- \xe4",
	"run --exits=off --timeout=1m --timeout=2ms",
	"run --format=none",
	"run --format=",
	"run --acpi=x",
	"run - --",
};

static const char *const config_files[] = {
	"",
	"{}",
	"{\"boot-source\": {\"kernel_image_path\": \"k\", \"boot_args\": \"a b\"}}",
	"{\"mayfly\": {\"quiet\": true, \"serial\": \"\\u001b\", \"timeout\": \"x\"}}",
};

static void put_command_line(const char *words, uint8_t file_kind, const char *file)
{
	size_t file_len = strlen(file), len = strlen(words);
	struct {
		uint8_t kind, reserved;
		uint16_t len;
		char bytes[512];
	} head = {.kind = file_kind, .len = (uint16_t)file_len};
	char argv[256];

	memcpy(head.bytes, file, file_len);
	memcpy(argv, words, len + 1);
	for (size_t i = 0; i < len; i++)
		if (argv[i] == ' ')
			argv[i] = '\0';
	seeds_put("cli", &head, offsetof(__typeof__(head), bytes) + file_len, argv, len);
}

/* More words for the guest than there is room for. */
static void put_many_words(void)
{
	static char words[2200];

	for (size_t len = 2040; len < 2060; len++) {
		memset(words, 'w', sizeof(words));
		memcpy(words, "run\0--\0v", 9);
		seeds_put("cli", "\0\0\0\0", 4, words, len + 9);
	}
}

/* Disks, and `mayfly disk`; each refusal of the first, and what passes. */
static const char *const disk_lines[] = {
	"run -d a,id=a-b -d b",
	"run -d a,id=",
	"run -d a,serial=123456789012345678901",
	"run -d a,ro=x",
	"run -d a,queues=99",
	"run -d a,sector=1",
	"run -d a,isr=x",
	"run -d a,bw=x",
	"run -d a,bw=0",
	"run -d a,iops=1:x",
	"run -d mem:0",
	"run -d mem:1000",
	"run -d mem:1M",
	"run -d none",
	"run -d a,overlay=",
	"run -d a,overlay=b",
	"run -d a,overlay=memory",
	"run -d a,overlay=memory:1M",
	"run -d a,overlay=memory:0",
	"run -d a,ro,overlay=b",
	"run -d a,direct,overlay=b",
	"run -d none,overlay=b",
	"run -d none,direct",
	"run -d a,queues",
	"run -d a,foo",
	"run -d ,ro",
	"run -d a,id=x -d b,id=x",
	"run -d a,bw=11111111111111111111111111111111111111111111111111111111111111111111",
	"run -d a,queues=16 -d b,queues=16 -d c,queues=16 -d d,queues=16 -d e",
	"run -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a -d a",
	"run -d a,ro,direct,serial=s,queues=2,sector=4096,bw=1M:1M,iops=9,isr=exact",
	"disk",
	"disk --help",
	"disk info",
	"disk fix a",
	"disk info a",
	"disk check a --json",
	"disk commit a",
	"disk commit a --base=b",
	"disk info a b",
	"disk info a --x",
};

static void make_command_lines(void)
{
	for (size_t i = 0; i < ARRAY_LEN(disk_lines); i++)
		put_command_line(disk_lines[i], 0, "");
	for (size_t i = 0; i < ARRAY_LEN(command_lines); i++)
		put_command_line(command_lines[i], 0, "");
	for (uint8_t kind = 0; kind < 4; kind++)
		for (size_t i = 0; i < ARRAY_LEN(config_files); i++)
			put_command_line("run --config=f", kind, config_files[i]);
	put_many_words();
}

/* The cell. */

static void put_message(uint16_t context, const struct from_cell *message, size_t len)
{
	seeds_put("messages", &context, sizeof(context), message, len);
}

static struct ended sample_ending(uint32_t reason)
{
	struct ended ended = {.reason = reason, .detail = 1, .states = {1, 2, 3, 4, 5, 255}};
	struct crash *crash = &ended.crash;

	*crash = (struct crash){.has_registers = 1, .n_bytes = 16, .kvm_suberror = 1};
	crash->rip = (struct crash_walk){.depth = 4, .n_levels = 4, .mapped = 1, .has_hva = 1};
	crash->cr2 = (struct crash_walk){.depth = 4, .n_levels = 2};
	crash->n_kvm_data = 3;
	crash->sregs.idt.limit = 5;
	return ended;
}

static void put_endings(void)
{
	struct from_cell message = {.type = FROM_CELL_ENDED};
	size_t len = from_cell_len(FROM_CELL_ENDED);

	for (uint32_t reason = 0; reason <= END_REASON_COUNT; reason++) {
		message.ended = sample_ending(reason);
		for (uint16_t context = 0; context < 4; context++) {
			put_message(context, &message, len);
			put_message(context | 0x90, &message, len);
			put_message(context | 0x100, &message, len);
			put_message(context | 0x340, &message, len);
			put_message(context | 0x600, &message, len);
		}
		message.ended.crash.sregs.cr2 = 5;
		message.ended.crash.kvm_suberror = 3;
		put_message(0, &message, len);
		message.ended.crash.cr2.mapped = 1;
		message.ended.crash.sregs.cs.l = 1;
		put_message(0x80, &message, len);
		message.ended.crash.rip.mapped = 0;
		put_message(0, &message, len);
		message.ended.crash.sregs.idt.limit = 0;
		put_message(0, &message, len);
		message.ended.crash.was_reset = 1;
		put_message(0, &message, len);
		message.ended.crash.has_registers = 0;
		put_message(0, &message, len);
		memset(&message.ended.detail, 0xff, sizeof(message.ended) - 4);
		put_message(0, &message, len);
		message.ended.crash.was_reset = 0;
		put_message(0, &message, len);
	}
}

/* Every way in which KVM gives up. */
static void put_kvm_errors(void)
{
	static const uint32_t exits[] = {KVM_EXIT_INTERNAL_ERROR, KVM_EXIT_FAIL_ENTRY,
					 KVM_EXIT_UNKNOWN, KVM_EXIT_SYSTEM_EVENT, UINT32_MAX};
	struct from_cell message = {.type = FROM_CELL_ENDED};

	for (size_t i = 0; i < ARRAY_LEN(exits); i++)
		for (uint32_t suberror = 0; suberror < 5; suberror++) {
			message.ended = sample_ending(END_KVM_ERROR);
			message.ended.crash.exit_reason = exits[i];
			message.ended.crash.kvm_suberror = suberror;
			put_message(0, &message, from_cell_len(FROM_CELL_ENDED));
		}
}

static void make_messages(void)
{
	struct from_cell message = {0};

	/* What is said of a cell that says nothing, by each outcome, with a report and without. */
	for (uint16_t context = 0; context < 4; context++) {
		put_message(context, &message, 8);
		put_message(context | 0x100, &message, 8);
		message.number = 9;
		put_message(context, &message, 8);
	}

	for (uint32_t type = 0; type <= FROM_CELL_ENDED + 1; type++)
		for (uint16_t context = 0; context < 128; context = (uint16_t)(context + 4)) {
			size_t len = from_cell_len(type);

			memset(&message, 0, sizeof(message));
			message.type = type;
			message.number = 5;
			message.failed.subject = context / 4 % 4;
			put_message(context, &message, len);
			put_message(context | 0x3800, &message, len);
			put_message(context | 0x3000, &message, len);
			put_message(context, &message, len / 2);
			put_message(context, &message, len + 1);
			memset((uint8_t *)&message + 4, 0xff, sizeof(message) - 4);
			put_message(context, &message, len);
		}
	put_endings();
	put_kvm_errors();
}

/* Five tables of one entry each, walked in every paging mode. */
static void make_walks(void)
{
	static const struct {
		uint64_t cr0, cr4, efer;
	} modes[] = {{0, 0, 0},
		     {1U << 31, 0, 0},
		     {1U << 31, 1 << 5, 0},
		     {1U << 31, 1 << 5, 1 << 10},
		     {1U << 31, 1 << 5 | 1 << 12, 1 << 10}};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		for (unsigned large = 0; large < 7; large++) {
			const uint64_t control[] = {modes[i].cr0, 0x1000, modes[i].cr4,
						    modes[i].efer, 0x123};
			uint8_t records[5 * 10];

			for (unsigned level = 0; level < 5; level++) {
				uint16_t place = (uint16_t)(0x1000 * (level + 1) / 8);
				uint64_t entry = 0x1000 * (level + 2) | 3 |
						 (level == large ? 0x80 : 0);

				entry = level + 1 == large ? 0 : large == 6 ? UINT64_MAX : entry;
				memcpy(records + 10UL * level, &place, sizeof(place));
				memcpy(records + 10UL * level + 2, &entry, sizeof(entry));
			}
			seeds_put("walk", control, sizeof(control), records, sizeof(records));
		}
}

static void make_counters(void)
{
	struct {
		uint64_t phases[PHASE_COUNT];
		struct {
			uint64_t n_exits, n_lost;
			struct kvm_counts kvm;
			struct exit_row rows[8];
		} vcpus[2];
	} some = {0};

	seeds_put("counters", "", 0, "", 0);
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		some.phases[i] = (i + 1) * UINT64_C(1000);
	for (uint16_t i = 0; i < 16; i++)
		some.vcpus[i / 8].rows[i % 8] = (struct exit_row){
			{i, i % 9, i % 4 == 0 ? 0x3fd : i, i % 2 == 0 ? 0 : 0xfec00000, 0x1000},
			i % 8};
	for (uint32_t reg = 0; reg < 8; reg++) {
		some.vcpus[1].rows[reg].key = some.vcpus[0].rows[reg].key;
		some.vcpus[1].n_lost = reg;
		some.vcpus[0].rows[reg].key.device = DEVICE_IOAPIC;
		seeds_put("counters", "", 0, &some, sizeof(some));
	}
	memset(&some, 0xff, sizeof(some));
	seeds_put("counters", "", 0, &some, sizeof(some));
}

/* Moves of a queue's driver and device: any bytes are some. */
static void make_moves(void)
{
	static uint8_t moves[4096];
	uint64_t random = 1;

	for (size_t len = 64; len <= sizeof(moves); len += 64) {
		for (size_t i = 0; i < len; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			moves[i] = (uint8_t)(random >> 56);
		}
		seeds_put("vq", "", 0, moves, len);
	}
}

/* Requests to a block device: eight bytes each; most bits of what can be wrong are clear. */
static void make_requests(void)
{
	static uint8_t moves[512];
	uint64_t random = 2;

	for (size_t len = 8; len <= sizeof(moves); len += 8) {
		for (size_t i = 0; i < len; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			moves[i] = (uint8_t)(random >> 56);
			if (i % 8 == 5)
				moves[i] = (uint8_t)(random >> 60 == 0 ? 1U << (random >> 32) % 6
								       : 0);
		}
		seeds_put("vblk", "", 0, moves, len);
	}
}

/* Layers of overlays, sound, and with each field as it should not be. */
static void make_layers(void)
{
	static const struct overlay_header headers[] = {
		{OVERLAY_READY, 12, 1 << 20, 7},
		{OVERLAY_COMMITTING, 13, 1 << 30, 0},
		{OVERLAY_STATE_COUNT, 12, 512, 0},
		{OVERLAY_READY, 11, 512, 0},
		{OVERLAY_READY, 17, 512, 0},
		{OVERLAY_READY, 12, 0, 0},
		{OVERLAY_READY, 12, 511, 0},
		{OVERLAY_READY, 16, OVERLAY_LEN_MAX + 512, 0},
		{OVERLAY_READY, 16, UINT64_C(4128) * 4096, 0},
	};
	static uint8_t file[OVERLAY_MAP_OFFSET + 3 * OVERLAY_SECTOR];

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		for (uint8_t wishes = 0; wishes < 8; wishes++) {
			overlay_header_write(&headers[i], file);
			overlay_map_set(file + OVERLAY_MAP_OFFSET, i * 37);
			seeds_put("overlay", &wishes, 1, file, sizeof(file));
			seeds_put("overlay", &wishes, 1, file, (size_t)OVERLAY_SECTOR * (i % 3));
		}
	}
	seeds_put("overlay", "\4", 1, "", 0);
	seeds_put("overlay", "\0", 1, "MAYFLYOV", 8);
	file[8] = 9;
	seeds_put("overlay", "\5", 1, file, sizeof(file));
}

/* Dictionaries. */

static void write_dictionary(const char *harness, const char *text, size_t len)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.dict", root, harness);
	write_file(path, text, len);
}

/* Names of options and fields, from the one table. */
static void make_dictionaries(void)
{
	static char json[8192], cli[8192];
	size_t json_len = 0, cli_len = 0;

	for (size_t i = 0; i < n_options; i++) {
		const struct option_def *option = &options[i];
		const char *dot = option->json != NULL ? strchr(option->json, '.') : NULL;

		cli_len += (size_t)snprintf(cli + cli_len, sizeof(cli) - cli_len,
					    "\"\\x00--%s=\"\n", option->name);
		if (dot != NULL)
			json_len += (size_t)snprintf(json + json_len, sizeof(json) - json_len,
						     "\"\\\"%.*s\\\": {\\\"%s\\\": \"\n",
						     (int)(dot - option->json), option->json,
						     dot + 1);
		for (size_t j = 0; option->choices != NULL && option->choices[j] != NULL; j++) {
			cli_len += (size_t)snprintf(cli + cli_len, sizeof(cli) - cli_len,
						    "\"%s\"\n", option->choices[j]);
			json_len += (size_t)snprintf(json + json_len, sizeof(json) - json_len,
						     "\"\\\"%s\\\"\"\n", option->choices[j]);
		}
	}
	write_dictionary("cli", cli, cli_len);
	write_dictionary("config_json", json, json_len);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 1;
	root = argv[1];
	mkdir(root, 0777);
	seeds_images();
	seeds_devices();
	make_json();
	make_command_lines();
	make_messages();
	make_moves();
	make_requests();
	make_layers();
	make_counters();
	make_walks();
	make_dictionaries();
	return 0;
}
