/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/options.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "monitor/values.h"

#define AT(field) offsetof(struct config, field)

const char *const format_names[] = {"auto", "bzimage", "elf", "pvh", "raw", NULL};
const char *const irqchip_names[] = {"auto", "split", "kernel", NULL};
const char *const jail_names[] = {"default", "strict", "off", "trace", NULL};
static const char *const mmio_names[] = {"slot", "trap", NULL};
static const char *const isr_names[] = {"sticky", "exact", NULL};
static const char *const core_names[] = {"auto", "on", "off", NULL};

static_assert(ARRAY_LEN(format_names) == BOOT_FORMAT_COUNT + 1, "a name for each format");
static_assert(ARRAY_LEN(jail_names) == JAIL_MODE_COUNT + 1, "a name for each mode");
static_assert(ARRAY_LEN(core_names) == JAIL_CORE_COUNT + 1, "a name for each choice");
static_assert(ARRAY_LEN(mmio_names) == MMIO_KIND_COUNT + 1, "a name for each kind");
static_assert(ARRAY_LEN(isr_names) == ISR_KIND_COUNT + 1, "a name for each kind");
static_assert(ARRAY_LEN(irqchip_names) == IRQCHIP_KIND_COUNT + 1, "a name for each kind");

/* In the order of --help. The sections of `json` are Firecracker's; "mayfly" holds ours. */
const struct option_def options[] = {
	{.name = "IMAGE",
	 .argument = "IMAGE",
	 .json = "boot-source.kernel_image_path",
	 .kind = OPTION_PATH,
	 .offset = AT(image),
	 .help = "what to boot: a file, or - for standard input; none: the built-in guest"},
	{.name = "ARG",
	 .argument = "ARG...",
	 .json = "boot-source.boot_args",
	 .kind = OPTION_WORDS,
	 .offset = AT(cmdline),
	 .help = "after --: the guest's command line, joined by spaces"},
	{.name = "memory",
	 .letter = 'm',
	 .argument = "SIZE",
	 .json = "machine-config.mem_size_mib",
	 .kind = OPTION_SIZE,
	 .offset = AT(memory),
	 .fallback = "128M",
	 .help = "the guest's memory, with K, M, G or T"},
	{.name = "cpus",
	 .letter = 'c',
	 .argument = "N",
	 .json = "machine-config.vcpu_count",
	 .kind = OPTION_COUNT,
	 .max = VM_VCPUS_MAX,
	 .offset = AT(n_cpus),
	 .fallback = "1",
	 .help = "how many vCPUs, 1 to 32"},
	{.name = "initrd",
	 .letter = 'i',
	 .argument = "FILE",
	 .json = "boot-source.initrd_path",
	 .kind = OPTION_PATH,
	 .offset = AT(initrd),
	 .help = "initial RAM disk"},
	{.name = "format",
	 .letter = 'f',
	 .argument = "FORMAT",
	 .json = "mayfly.format",
	 .kind = OPTION_CHOICE,
	 .choices = format_names,
	 .offset = AT(format),
	 .fallback = "auto",
	 .help = "boot protocol: auto goes by content; elf is Linux's 64-bit entry, raw is "
		 "loaded and entered at 1 MiB"},
	{.name = "serial",
	 .argument = "stdio|FILE|none",
	 .json = "mayfly.serial",
	 .kind = OPTION_STREAM,
	 .offset = AT(serial),
	 .fallback = "stdio",
	 .help = "where the serial port ends; a FILE is overwritten"},
	{.name = "console",
	 .argument = "stdio|FILE|none",
	 .json = "mayfly.console",
	 .kind = OPTION_STREAM,
	 .offset = AT(console),
	 .fallback = "none",
	 .help = "a virtio console, and where it ends; with stdio it gets what is typed once its "
		 "driver is up; a FILE is overwritten"},
	{.name = "disk",
	 .letter = 'd',
	 .argument = "FILE[,KEY=VALUE...]",
	 .json = "drives",
	 .kind = OPTION_DISK,
	 .offset = AT(disks),
	 .help = "a virtio disk, once for each: a FILE or block device, mem:SIZE or none, and keys "
		 "as in a.img,ro or base.img,overlay=memory:1G,queues=4 (see mayfly-disk(1))"},
	{.name = "rng",
	 .argument = "on|off",
	 .json = "mayfly.rng",
	 .kind = OPTION_SWITCH,
	 .offset = AT(rng),
	 .fallback = "off",
	 .help = "a virtio entropy device, fed by the host's generator"},
	{.name = "acpi",
	 .argument = "on|off",
	 .json = "mayfly.acpi",
	 .kind = OPTION_SWITCH,
	 .offset = AT(acpi),
	 .fallback = "on",
	 .help = "ACPI tables; the MP table is always there"},
	{.name = "irqchip",
	 .argument = "KIND",
	 .json = "mayfly.irqchip",
	 .kind = OPTION_CHOICE,
	 .choices = irqchip_names,
	 .offset = AT(irqchip),
	 .fallback = "auto",
	 .help = "interrupt controllers: split has no PIC and no PIT and ends faster, kernel has "
		 "both"},
	{.name = "mmio",
	 .argument = "KIND",
	 .json = "mayfly.mmio",
	 .kind = OPTION_CHOICE,
	 .choices = mmio_names,
	 .offset = AT(mmio),
	 .fallback = "slot",
	 .help = "registers of virtio devices: slot lets the guest read them without an exit, trap "
		 "exits for each"},
	{.name = "isr",
	 .argument = "KIND",
	 .json = "mayfly.isr",
	 .kind = OPTION_CHOICE,
	 .choices = isr_names,
	 .offset = AT(isr),
	 .fallback = "sticky",
	 .help = "interrupt status of virtio devices: sticky spares an exit for each interrupt, "
		 "exact clears it, for drivers that read it until it is 0"},
	{.name = "io-threads",
	 .argument = "N",
	 .json = "mayfly.io_threads",
	 .kind = OPTION_COUNT,
	 .max = VIRTIO_LOOPS_MAX,
	 .offset = AT(n_io_threads),
	 .fallback = "1",
	 .help = "how many threads the virtio devices share, in turn, 1 to 8"},
	{.name = "hugepages",
	 .json = "machine-config.huge_pages",
	 .kind = OPTION_FLAG,
	 .json_true = "2M",
	 .json_false = "None",
	 .offset = AT(hugepages),
	 .help = "guest memory in huge pages of 2 MiB from the host's pool"},
	{.name = "memfd",
	 .json = "mayfly.memfd",
	 .kind = OPTION_FLAG,
	 .offset = AT(memfd),
	 .help = "guest memory in a sealed memfd instead of private pages"},
	{.name = "prefault",
	 .json = "mayfly.prefault",
	 .kind = OPTION_FLAG,
	 .offset = AT(prefault),
	 .help = "give all guest memory its host pages before the start"},
	{.name = "pin",
	 .argument = "CPULIST",
	 .json = "mayfly.pin",
	 .kind = OPTION_CPUS,
	 .offset = AT(n_pins),
	 .help = "bind the vCPUs, in turn, to these host CPUs, as in 0,2-3"},
	{.name = "jail",
	 .argument = "MODE",
	 .json = "mayfly.jail",
	 .kind = OPTION_CHOICE,
	 .choices = jail_names,
	 .offset = AT(jail),
	 .fallback = "default",
	 .help = "what confines the guest's process: strict refuses a host that cannot give all of "
		 "it, trace names a forbidden system call instead of killing, off is for debugging"},
	{.name = "uid",
	 .argument = "UID",
	 .json = "mayfly.uid",
	 .kind = OPTION_ID,
	 .offset = AT(uid),
	 .help = "numeric user id of the guest's process; 65534 for root, else one's own"},
	{.name = "gid",
	 .argument = "GID",
	 .json = "mayfly.gid",
	 .kind = OPTION_ID,
	 .offset = AT(gid),
	 .help = "numeric group id of the guest's process; 65534 for root, else one's own"},
	{.name = "cgroup",
	 .argument = "PATH[,KEY=VALUE...]",
	 .json = "mayfly.cgroup",
	 .kind = OPTION_CGROUP,
	 .offset = AT(cgroup),
	 .help = "a cgroup of its own below PATH, as in /mayfly,cpu=150%,memory=256M,pids=8,io=50; "
		 "memory and pids are limited to what the run should need at most"},
	{.name = "core-sched",
	 .argument = "WHEN",
	 .json = "mayfly.core_sched",
	 .kind = OPTION_CHOICE,
	 .choices = core_names,
	 .offset = AT(core_sched),
	 .fallback = "auto",
	 .help = "let no other process share a CPU core with the guest at the same time; auto: "
		 "where the host can"},
	{.name = "timeout",
	 .argument = "TIME",
	 .json = "mayfly.timeout",
	 .kind = OPTION_TIME,
	 .offset = AT(timeout_ns),
	 .help = "end the run after this time, with ms, s or m (exit status 124)"},
	{.name = "config",
	 .argument = "FILE",
	 .kind = OPTION_PATH,
	 .offset = AT(config_path),
	 .help = "JSON configuration of Firecracker's shape; the command line wins"},
	{.name = "dry-run",
	 .json = "mayfly.dry_run",
	 .kind = OPTION_FLAG,
	 .offset = AT(dry_run),
	 .help = "print the configuration that would run, as JSON, and start nothing"},
	{.name = "report",
	 .argument = "FILE",
	 .json = "mayfly.report",
	 .kind = OPTION_PATH,
	 .offset = AT(report_path),
	 .help = "write there, as JSON, how it ended, its exits and phases; an older file is "
		 "replaced"},
	{.name = "exits",
	 .argument = "[json]",
	 .json = "mayfly.exits",
	 .kind = OPTION_TABLE,
	 .offset = AT(exits),
	 .help = "count the exits by reason, device, register and guest address"},
	{.name = "timeline",
	 .argument = "[json]",
	 .json = "mayfly.timeline",
	 .kind = OPTION_TABLE,
	 .offset = AT(timeline),
	 .help = "time the phases of the run"},
	{.name = "verbose",
	 .letter = 'v',
	 .json = "mayfly.verbose",
	 .kind = OPTION_FLAG,
	 .offset = AT(verbose),
	 .help = "say how the run ended, whatever the ending"},
	{.name = "quiet",
	 .letter = 'q',
	 .json = "mayfly.quiet",
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "say nothing but errors of usage and host"},
};

const size_t n_options = ARRAY_LEN(options);

static int set_bool(bool *place, const char *value, struct err *err)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return err_input(err, "\"%.50s\" is neither on nor off", value);
	*place = strcmp(value, "on") == 0;
	return 0;
}

static int set_flag(bool *place, const char *value, struct err *err)
{
	return set_bool(place, value != NULL ? value : "on", err);
}

static int set_table(int *place, const char *value, struct err *err)
{
	static const char *const names[] = {"json", "on", "off", NULL};
	static const int formats[] = {TABLE_JSON, TABLE_TEXT, TABLE_OFF};
	int index, ret = value_choice(value != NULL ? value : "on", names, &index, err);

	if (ret == 0)
		*place = formats[index];
	return ret;
}

/* Not what a guest can be given: whoever wrote it is told here how. */
static int set_size(uint64_t *place, const char *value, struct err *err)
{
	uint64_t bytes;
	int ret = value_size(value, &bytes, err);

	if (ret < 0)
		return ret;
	if (bytes < LAYOUT_RAM_MIN)
		return err_input(err, "%" PRIu64 " bytes are less than 2M%s", bytes,
				 bytes > 0 && isdigit((unsigned char)value[strlen(value) - 1])
					 ? " (a size without a unit is in bytes)"
					 : "");
	if (bytes % LAYOUT_PAGE != 0)
		return err_input(err, "%" PRIu64 " bytes are no multiple of 4K", bytes);
	*place = bytes;
	return 0;
}

static int set_pins(struct config *config, const char *value, struct err *err)
{
	uint16_t pins[VM_PINS_MAX];
	cpu_set_t allowed;
	unsigned n;
	int ret = value_cpus(value, &n, pins, err);

	if (ret < 0)
		return ret;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return err_host(err, errno, "the CPUs of this process");
	for (unsigned i = 0; i < n; i++)
		if (pins[i] >= CPU_SETSIZE || !CPU_ISSET(pins[i], &allowed))
			return err_input(err, "host CPU %u is not available to this process",
					 pins[i]);
	memcpy(config->pins, pins, n * sizeof(pins[0]));
	config->n_pins = n;
	return 0;
}

static int set_words(char *place, const char *value, struct err *err)
{
	if (strlen(value) >= LAYOUT_CMDLINE_MAX)
		return err_input(err, "%zu bytes are more than the %zu there is room for",
				 strlen(value), (size_t)LAYOUT_CMDLINE_MAX - 1);
	memcpy(place, value, strlen(value) + 1);
	return 0;
}

static int set_path(const struct config *config, const char **place, const char *value,
		    struct err *err)
{
	if (place == &config->report_path && strcmp(value, "-") == 0)
		return err_input(err, "\"-\" would be standard output, which is the guest's alone");
	*place = value;
	return 0;
}

static int set_stream(struct stream *stream, const char *value)
{
	*stream = (struct stream){.said = true};
	if (strcmp(value, "stdio") == 0) {
		stream->kind = STREAM_STDIO;
	} else if (strcmp(value, "none") == 0) {
		stream->kind = STREAM_NONE;
	} else {
		stream->kind = STREAM_FILE;
		stream->path = value;
	}
	return 0;
}

int option_set(const struct option_def *option, struct config *config, const char *value,
	       struct err *err)
{
	void *place = (char *)config + option->offset;

	if (option->kind == OPTION_FLAG)
		return set_flag(place, value, err);
	if (option->kind == OPTION_TABLE)
		return set_table(place, value, err);
	if (value == NULL || (*value == '\0' && option->kind != OPTION_WORDS))
		return err_input(err, "the value is empty");
	switch (option->kind) {
	case OPTION_SWITCH:
		return set_bool(place, value, err);
	case OPTION_SIZE:
		return set_size(place, value, err);
	case OPTION_TIME:
		return value_time(value, place, err);
	case OPTION_COUNT:
		return value_count(value, option->max, place, err);
	case OPTION_CHOICE:
		return value_choice(value, option->choices, place, err);
	case OPTION_WORDS:
		return set_words(place, value, err);
	case OPTION_CPUS:
		return set_pins(config, value, err);
	case OPTION_STREAM:
		return set_stream(place, value);
	case OPTION_ID:
		return value_id(value, place, err);
	case OPTION_CGROUP:
		return value_cgroup(value, place, err);
	case OPTION_DISK:
		return disks_add(place, value, err);
	case OPTION_PATH:
		return set_path(config, place, value, err);
	case OPTION_FLAG:
	case OPTION_TABLE:
	default:
		return 0;
	}
}

static json_t *cpus_to_json(const struct config *config)
{
	char text[VM_PINS_MAX * 6] = "";
	size_t len = 0;

	for (unsigned i = 0; i < config->n_pins; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i > 0 ? "," : "",
					config->pins[i]);
	return config->n_pins > 0 ? json_string(text) : json_null();
}

static json_t *size_to_json(uint64_t bytes)
{
	char text[32];

	if (bytes % MIB(1) == 0)
		return json_integer((json_int_t)(bytes / MIB(1)));
	snprintf(text, sizeof(text), "%" PRIu64 "K", bytes / KIB(1));
	return json_string(text);
}

static json_t *time_to_json(uint64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 "ms", ns / 1000000);
	return ns > 0 ? json_string(text) : json_null();
}

static json_t *flag_to_json(const struct option_def *option, bool value)
{
	if (option->json_true != NULL)
		return json_string(value ? option->json_true : option->json_false);
	return json_boolean(value);
}

/* JSON is UTF-8, paths are bytes: where they are no UTF-8, those that are no ASCII become '?'. */
static json_t *text_to_json(const char *text)
{
	json_t *json = json_string(text);
	char *ascii = json == NULL ? strdup(text) : NULL;

	if (ascii != NULL) {
		err_clean(ascii);
		json = json_string(ascii);
		free(ascii);
	}
	return json;
}

/* The serial port's, where the console takes over, was not asked for and is not said to be. */
static json_t *stream_to_json(const struct config *config, const struct stream *stream)
{
	static const char *const kinds[] = {[STREAM_STDIO] = "stdio", [STREAM_NONE] = "none"};

	if (!stream->said && stream == &config->serial && config->console.kind == STREAM_STDIO)
		return json_null();
	return text_to_json(stream->kind == STREAM_FILE ? stream->path : kinds[stream->kind]);
}

static json_t *cgroup_to_json(const struct cgroup_limits *limits)
{
	char text[2 * CGROUP_PATH_MAX];
	size_t len = strlen(limits->path);

	if (len == 0)
		return json_null();
	memcpy(text, limits->path, len + 1);
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (limits->values[i] != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, ",%s=%" PRIu64 "%s",
						cgroup_keys[i], limits->values[i],
						i == CGROUP_CPU ? "%" : "");
	return text_to_json(text);
}

static json_t *id_to_json(uint32_t id)
{
	return id != CONFIG_NO_ID ? json_integer(id) : json_null();
}

static json_t *table_to_json(int format)
{
	return format == TABLE_JSON ? json_string("json") : json_boolean(format == TABLE_TEXT);
}

json_t *option_to_json(const struct option_def *option, const struct config *config)
{
	const void *place = (const char *)config + option->offset;
	const char *path;

	switch (option->kind) {
	case OPTION_FLAG:
		return flag_to_json(option, *(const bool *)place);
	case OPTION_SWITCH:
		return json_boolean(*(const bool *)place);
	case OPTION_SIZE:
		return size_to_json(*(const uint64_t *)place);
	case OPTION_TIME:
		return time_to_json(*(const uint64_t *)place);
	case OPTION_COUNT:
		return json_integer(*(const unsigned *)place);
	case OPTION_CHOICE:
		return json_string(option->choices[*(const int *)place]);
	case OPTION_TABLE:
		return table_to_json(*(const int *)place);
	case OPTION_WORDS:
		return text_to_json(place);
	case OPTION_CPUS:
		return cpus_to_json(config);
	case OPTION_STREAM:
		return stream_to_json(config, place);
	case OPTION_ID:
		return id_to_json(*(const uint32_t *)place);
	case OPTION_CGROUP:
		return cgroup_to_json(place);
	case OPTION_DISK:
		return disks_to_json(place);
	case OPTION_PATH:
	default:
		path = *(const char *const *)place;
		return path != NULL ? text_to_json(path) : json_null();
	}
}
