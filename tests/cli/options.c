/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option, by the command line and by its JSON field: --dry-run shows that it arrives, and
 * tests/boot shows what it does. No KVM is needed here.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/options.h"
#include "tests/support/run.h"

static json_t *dry_run(const char *const words[])
{
	const char *argv[32] = {mayfly_path(), "run", "--dry-run"};
	struct run run;
	json_t *root;

	for (unsigned i = 0; words[i] != NULL; i++)
		argv[3 + i] = words[i];
	run = run_program(argv, NULL);
	root = json_loads(run.out, 0, NULL);
	cr_assert(run.status == 0 && root != NULL, "%d: %s%s", run.status, run.out, run.err);
	return root;
}

/* The field at a path like "mayfly.acpi", as text: strings bare, the rest as JSON has it. */
static const char *field(json_t *root, const char *path)
{
	static char text[512];
	char section[64];
	const char *dot = strchr(path, '.');
	json_t *value;

	snprintf(section, sizeof(section), "%.*s", (int)(dot - path), path);
	value = json_object_get(json_object_get(root, section), dot + 1);
	cr_assert(value != NULL, "no %s", path);
	if (json_is_string(value))
		return json_string_value(value);
	snprintf(text, sizeof(text), "%s", json_dumps(value, JSON_ENCODE_ANY));
	return text;
}

static void refused(const char *const words[], const char *message);

#define REFUSED(message, ...) refused((const char *const[]){__VA_ARGS__, NULL}, message)

#define DRY(...) dry_run((const char *const[]){__VA_ARGS__, NULL})

/* For each option: how it is written in two ways, its field, and what the field then says. */
static const struct {
	const char *name;
	const char *words[2];
	const char *json; /* the field in a configuration file, with its value */
	const char *field, *value, *fallback;
} cases[] = {
	{"memory",
	 {"--memory=64M", "-m64M"},
	 "{\"machine-config\": {\"mem_size_mib\": 64}}",
	 "machine-config.mem_size_mib",
	 "64",
	 "128"},
	{"cpus",
	 {"--cpus=3", "-c3"},
	 "{\"machine-config\": {\"vcpu_count\": 3}}",
	 "machine-config.vcpu_count",
	 "3",
	 "1"},
	{"format",
	 {"--format=elf", "-felf"},
	 "{\"mayfly\": {\"format\": \"elf\"}}",
	 "mayfly.format",
	 "elf",
	 "auto"},
	{"serial",
	 {"--serial=none", "--serial=none"},
	 "{\"mayfly\": {\"serial\": \"none\"}}",
	 "mayfly.serial",
	 "none",
	 "stdio"},
	{"acpi",
	 {"--acpi=off", "--acpi=off"},
	 "{\"mayfly\": {\"acpi\": false}}",
	 "mayfly.acpi",
	 "false",
	 "true"},
	{"irqchip",
	 {"--irqchip=kernel", "--irqchip=kernel"},
	 "{\"mayfly\": {\"irqchip\": \"kernel\"}}",
	 "mayfly.irqchip",
	 "kernel",
	 "auto"},
	{"console",
	 {"--console=stdio", "--console=stdio"},
	 "{\"mayfly\": {\"console\": \"stdio\"}}",
	 "mayfly.console",
	 "stdio",
	 "none"},
	{"rng",
	 {"--rng=on", "--rng=on"},
	 "{\"mayfly\": {\"rng\": true}}",
	 "mayfly.rng",
	 "true",
	 "false"},
	{"mmio",
	 {"--mmio=trap", "--mmio=trap"},
	 "{\"mayfly\": {\"mmio\": \"trap\"}}",
	 "mayfly.mmio",
	 "trap",
	 "slot"},
	{"isr",
	 {"--isr=exact", "--isr=exact"},
	 "{\"mayfly\": {\"isr\": \"exact\"}}",
	 "mayfly.isr",
	 "exact",
	 "sticky"},
	{"io-threads",
	 {"--io-threads=2", "--io-threads=2"},
	 "{\"mayfly\": {\"io_threads\": 2}}",
	 "mayfly.io_threads",
	 "2",
	 "1"},
	{"hugepages",
	 {"--hugepages", "--hugepages"},
	 "{\"machine-config\": {\"huge_pages\": \"2M\"}}",
	 "machine-config.huge_pages",
	 "2M",
	 "None"},
	{"memfd",
	 {"--memfd", "--memfd"},
	 "{\"mayfly\": {\"memfd\": true}}",
	 "mayfly.memfd",
	 "true",
	 "false"},
	{"prefault",
	 {"--prefault", "--prefault"},
	 "{\"mayfly\": {\"prefault\": true}}",
	 "mayfly.prefault",
	 "true",
	 "false"},
	{"pin",
	 {"--pin=0", "--pin=0-0"},
	 "{\"mayfly\": {\"pin\": \"0\"}}",
	 "mayfly.pin",
	 "0",
	 "null"},
	{"jail",
	 {"--jail=trace", "--jail=trace"},
	 "{\"mayfly\": {\"jail\": \"trace\"}}",
	 "mayfly.jail",
	 "trace",
	 "default"},
	{"uid",
	 {"--uid=1234", "--uid=01234"},
	 "{\"mayfly\": {\"uid\": 1234}}",
	 "mayfly.uid",
	 "1234",
	 "null"},
	{"gid",
	 {"--gid=1234", "--gid=01234"},
	 "{\"mayfly\": {\"gid\": 1234}}",
	 "mayfly.gid",
	 "1234",
	 "null"},
	{"cgroup",
	 {"--cgroup=/a,pids=9", "--cgroup=/a,pids=09"},
	 "{\"mayfly\": {\"cgroup\": \"/a,pids=9\"}}",
	 "mayfly.cgroup",
	 "/a,pids=9",
	 "null"},
	{"core-sched",
	 {"--core-sched=off", "--core-sched=off"},
	 "{\"mayfly\": {\"core_sched\": \"off\"}}",
	 "mayfly.core_sched",
	 "off",
	 "auto"},
	{"timeout",
	 {"--timeout=2s", "--timeout=2000ms"},
	 "{\"mayfly\": {\"timeout\": \"2s\"}}",
	 "mayfly.timeout",
	 "2000ms",
	 "null"},
	{"report",
	 {"--report=/dev/null", "--report=/dev/null"},
	 "{\"mayfly\": {\"report\": \"/dev/null\"}}",
	 "mayfly.report",
	 "/dev/null",
	 "null"},
	{"exits",
	 {"--exits=json", "--exits=json"},
	 "{\"mayfly\": {\"exits\": \"json\"}}",
	 "mayfly.exits",
	 "json",
	 "false"},
	{"timeline",
	 {"--timeline", "--timeline"},
	 "{\"mayfly\": {\"timeline\": true}}",
	 "mayfly.timeline",
	 "true",
	 "false"},
	{"verbose",
	 {"--verbose", "-v"},
	 "{\"mayfly\": {\"verbose\": true}}",
	 "mayfly.verbose",
	 "true",
	 "false"},
	{"quiet",
	 {"--quiet", "-q"},
	 "{\"mayfly\": {\"quiet\": true}}",
	 "mayfly.quiet",
	 "true",
	 "false"},
};

Test(options, arrive_by_command_line_and_by_file)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *path = write_file("c.json", cases[i].json, strlen(cases[i].json));

		cr_assert_str_eq(field(DRY("-v"), cases[i].field),
				 strcmp(cases[i].name, "verbose") == 0 ? "true" : cases[i].fallback,
				 "%s", cases[i].name);
		for (unsigned way = 0; way < 2; way++)
			cr_assert_str_eq(field(DRY(cases[i].words[way]), cases[i].field),
					 cases[i].value, "%s", cases[i].words[way]);
		cr_assert_str_eq(field(DRY("--config", path), cases[i].field), cases[i].value, "%s",
				 cases[i].json);
	}
}

Test(options, image_initrd_and_words_arrive_too)
{
	const char *image = guest("act");
	const char *text =
		"{\"boot-source\": {\"kernel_image_path\": \"%s\", \"initrd_path\": \"%s\","
		" \"boot_args\": \"from file\"}}";
	char config[1024];
	json_t *root;

	root = DRY("-i", image, image, "--", "a", "b  c", "d");
	cr_assert_str_eq(field(root, "boot-source.kernel_image_path"), image);
	cr_assert_str_eq(field(root, "boot-source.initrd_path"), image);
	cr_assert_str_eq(field(root, "boot-source.boot_args"), "a b  c d");
	snprintf(config, sizeof(config), text, image, image);
	root = DRY("--config", write_file("c.json", config, strlen(config)));
	cr_assert_str_eq(field(root, "boot-source.kernel_image_path"), image);
	cr_assert_str_eq(field(root, "boot-source.boot_args"), "from file");
	cr_assert_str_eq(field(root, "resolved.cmdline"), "from file");
}

/* On the command line and in the file, which holds what --dry-run prints of the first. */
Test(options, disks_arrive_too)
{
	json_t *root = DRY("-d", "mem:1M,id=a,queues=2,bw=1M", "--disk=none,serial=s"), *again;
	char *text = json_dumps(root, 0);

	cr_assert_eq(json_array_size(json_object_get(root, "drives")), 2);
	again = DRY("--config", write_file("c.json", text, strlen(text)));
	cr_assert(json_equal(json_object_get(root, "drives"), json_object_get(again, "drives")));
	again = DRY("--config", scratch("c.json"), "-d", "mem:2M,id=a");
	cr_assert_eq(json_array_size(json_object_get(again, "drives")), 2);
	cr_assert_not(
		json_equal(json_object_get(root, "drives"), json_object_get(again, "drives")));
}

Test(options, every_one_in_the_table_is_tested)
{
	for (size_t i = 0; i < n_options; i++) {
		static const char *const elsewhere[] = {"IMAGE",  "ARG",     "initrd",
							"config", "dry-run", "disk"};
		bool found = false;

		for (size_t j = 0; j < ARRAY_LEN(cases); j++)
			found |= strcmp(cases[j].name, options[i].name) == 0;
		for (size_t j = 0; j < ARRAY_LEN(elsewhere); j++)
			found |= strcmp(elsewhere[j], options[i].name) == 0;
		cr_assert(found, "%s", options[i].name);
	}
}

Test(options, of_the_command_line_win_over_the_file)
{
	const char *text = "{\"machine-config\": {\"vcpu_count\": 4, \"mem_size_mib\": 64},"
			   " \"boot-source\": {\"boot_args\": \"file\"}}";
	const char *path = write_file("c.json", text, strlen(text));
	json_t *root = DRY("-c", "2", "--config", path);

	cr_assert_str_eq(field(root, "machine-config.vcpu_count"), "2");
	cr_assert_str_eq(field(root, "machine-config.mem_size_mib"), "64");
	cr_assert_str_eq(field(root, "boot-source.boot_args"), "file");
	root = DRY("--config", path, "-c", "2", "--", "words");
	cr_assert_str_eq(field(root, "boot-source.boot_args"), "words");
}

Test(options, that_are_switched_on_by_the_file_can_be_switched_off)
{
	const char *text =
		"{\"machine-config\": {\"huge_pages\": \"2M\"}, \"mayfly\": {\"verbose\": "
		"true, \"quiet\": true, \"prefault\": true, \"exits\": \"json\"}}";
	const char *path = write_file("c.json", text, strlen(text));
	json_t *root = DRY("--config", path, "--verbose=off", "--quiet=off", "--hugepages=off",
			   "--prefault=off", "--exits=off");

	cr_assert_str_eq(field(root, "mayfly.verbose"), "false");
	cr_assert_str_eq(field(root, "mayfly.quiet"), "false");
	cr_assert_str_eq(field(root, "mayfly.prefault"), "false");
	cr_assert_str_eq(field(root, "mayfly.exits"), "false");
	cr_assert_str_eq(field(root, "machine-config.huge_pages"), "None");
	root = DRY("--memfd=on", "-vq");
	cr_assert_str_eq(field(root, "mayfly.memfd"), "true");
	cr_assert_str_eq(field(root, "mayfly.quiet"), "true");
}

/* So one can be kept, and run. */
Test(options, the_output_of_a_dry_run_is_a_configuration_file)
{
	struct run first = RUN("run", "--dry-run", "-m", "32M", "-c2", "--exits=json", "--timeline",
			       "--timeout=3s", "--pin=0", "--hugepages", "--serial=none", "-v",
			       guest("act"), "--", "exit", "3");
	const char *path = write_file("c.json", first.out, first.out_len);
	struct run second = RUN("run", "--config", path, "--dry-run");

	cr_assert_eq(first.status, 0, "%s", first.err);
	cr_assert_eq(second.status, 0, "%s", second.err);
	cr_assert_str_eq(second.out, first.out);
	cr_assert_not(has(first.out, "dry_run"), "%s", first.out);
}

Test(options, a_file_may_ask_for_a_dry_run)
{
	const char *text = "{\"mayfly\": {\"dry_run\": true}}";
	struct run run = RUN("run", "--config", write_file("c.json", text, strlen(text)));

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert(has(run.out, "\"resolved\""), "%s", run.out);
}

/* Of a shell's process substitution, say. */
Test(options, the_configuration_may_come_from_a_pipe)
{
	static char text[(1 << 20) + 2];
	struct run run = RUN_INPUT("{\"machine-config\": {\"mem_size_mib\": 40}}", "run",
				   "--dry-run", "--config", "/dev/stdin");

	cr_assert_eq(run.status, 0, "%s", run.err);
	cr_assert(has(run.out, "\"mem_size_mib\": 40"), "%s", run.out);
	memset(text, ' ', sizeof(text) - 1);
	run = RUN_INPUT(text, "run", "--config", "/dev/stdin");
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.err,
			 "mayfly: config \"/dev/stdin\": it has more than 1048576 bytes\n");
	REFUSED("config \"/dev/null\": it is neither a regular file nor a pipe", "--config",
		"/dev/null");
}

Test(options, stand_before_or_after_the_image)
{
	json_t *root = DRY(guest("act"), "-m", "32M");

	cr_assert_str_eq(field(root, "machine-config.mem_size_mib"), "32");
}

Test(options, the_resolved_part_tells_what_the_image_made_of_it)
{
	json_t *root = DRY(guest("act"));

	cr_assert_str_eq(field(root, "resolved.format"), "pvh");
	cr_assert_str_eq(field(root, "resolved.linux"), "false");
	cr_assert_str_eq(field(root, "resolved.irqchip"), "split");
	cr_assert_str_eq(field(root, "resolved.cmdline"), "");
	cr_assert_str_eq(field(DRY(guest("act"), "--", "noapic"), "resolved.irqchip"), "kernel");
}

/* What is wrong is said. */

static void refused(const char *const words[], const char *message)
{
	const char *argv[16] = {mayfly_path(), "run"};
	char line[512];
	struct run run;

	for (unsigned i = 0; words[i] != NULL; i++)
		argv[2 + i] = words[i];
	run = run_program(argv, NULL);
	snprintf(line, sizeof(line), "mayfly: %s\n", message);
	cr_assert_str_eq(run.err, line);
	cr_assert_eq(run.status, 125);
	cr_assert_str_eq(run.out, "");
}

Test(options, that_are_wrong_are_named_with_their_value)
{
	REFUSED("--memroy=1G: there is no such option (see --help)", "--memroy=1G");
	REFUSED("-x: there is no such option (see --help)", "-x");
	REFUSED("--memory: a value is missing", "--memory");
	REFUSED("-m: a value is missing", "-m");
	REFUSED("--memfd: \"1\" is neither on nor off", "--memfd=1");
	REFUSED("--help=1: it takes no value", "--help=1");
	REFUSED("--memory: \"12Q\" is no size (a number with K, M, G or T)", "-m", "12Q");
	REFUSED("--memory: the value is empty", "--memory=");
	REFUSED("--memory: 512 bytes are less than 2M (a size without a unit is in bytes)",
		"-m512");
	REFUSED("--memory: 2098176 bytes are no multiple of 4K", "-m", "2049K");
	REFUSED("--memory: 3145728 bytes are no multiple of 2M, which --hugepages needs", "-m3M",
		"--hugepages");
	REFUSED("--memfd: not together with --hugepages", "--memfd", "--hugepages");
	REFUSED("--uid: not together with --jail=off, which changes no id", "--jail=off",
		"--uid=0");
	REFUSED("--gid: not together with --jail=off, which changes no id", "--gid=0",
		"--jail=off");
	REFUSED("--uid: 0 is root, which --jail=strict does not let a cell be", "--uid=0",
		"--jail=strict");
	REFUSED("--gid: 0 is root's, which --jail=strict does not let a cell have", "--gid=0",
		"--jail=strict");
	REFUSED("--core-sched=on: not together with --jail=off, which keeps nobody off a core",
		"--core-sched=on", "--jail=off");
	REFUSED("--disk: \"foo\": there is no such key", "-d", "a.img,foo=1");
	REFUSED("--cpus: \"33\" is no number from 1 to 32", "-c", "33");
	REFUSED("--format: \"elff\" is none of auto, bzimage, elf, pvh, raw", "-f", "elff");
	REFUSED("--irqchip: \"no\" is none of auto, split, kernel", "--irqchip=no");
	REFUSED("--acpi: \"yes\" is neither on nor off", "--acpi=yes");
	REFUSED("--timeout: \"5\" is no time (a number with ms, s or m)", "--timeout", "5");
	REFUSED("--exits: \"xml\" is none of json, on, off", "--exits=xml");
	REFUSED("--jail: \"none\" is none of default, strict, off, trace", "--jail=none");
	REFUSED("--uid: \"nobody\" is no numeric id", "--uid=nobody");
	REFUSED("--gid: \"4294967295\" is no numeric id", "--gid=4294967295");
	REFUSED("--report: \"-\" would be standard output, which is the guest's alone",
		"--report=-");
	REFUSED("--pin: host CPU 1000 is not available to this process", "--pin=1000");
	REFUSED("--initrd: the built-in guest takes none; name an IMAGE", "-i", "x");
	REFUSED("two: one IMAGE is enough (the guest's words go after --)", "one", "two");
}

/* However long what the user wrote is, the line says what is wrong with it. */
Test(options, long_values_and_paths_leave_room_for_the_reason)
{
	static const struct {
		const char *before; /* 245 letters */
		const char *reason;
	} long_ones[] = {
		{"--config=/", "\": No such file or directory\n"},
		{"--report=/no/", "\": No such file or directory\n"},
		{"--serial=/no/", "\": No such file or directory\n"},
		{"--memory=", "\" is no size (a number with K, M, G or T)\n"},
		{"--timeout=", "\" is no time (a number with ms, s or m)\n"},
		{"--cpus=", "\" is no number from 1 to 32\n"},
		{"--pin=", "\" is no list of at most 64 CPUs, as in 0,2-3\n"},
		{"--pin=0", "\" is no list of CPUs, as in 0,2-3\n"},
		{"--format=", "\" is none of auto, bzimage, elf, pvh, raw\n"},
		{"--acpi=", "\" is neither on nor off\n"},
		{"--exits=", "\" is none of json, on, off\n"},
		{"--memfd=", "\" is neither on nor off\n"},
		{"--no-", ": there is no such option (see --help)\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(long_ones); i++) {
		char word[300];
		int len = snprintf(word, sizeof(word), "%s", long_ones[i].before);
		struct run run;

		memset(word + len, 'x', 245);
		word[len + 245] = '\0';
		run = RUN("run", word);
		cr_assert_eq(run.status, 125);
		cr_assert(has(run.err, long_ones[i].reason), "%s", run.err);
	}
}

/* A path as long as a path may be, and a value in the file, beside the reason. */
Test(options, a_long_path_of_a_broken_file_leaves_room_for_the_reason)
{
	char name[240], text[512], value[240];
	struct run run;

	memset(name, 'n', sizeof(name) - 1);
	memset(value, 'v', sizeof(value) - 1);
	name[sizeof(name) - 1] = value[sizeof(value) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"machine-config\": {\"mem_size_mib\": \"%s\"}}", value);
	run = RUN("run", "--config", write_file(name, text, strlen(text)));
	cr_assert_eq(run.status, 125);
	cr_assert(has(run.err, "field \"machine-config.mem_size_mib\""), "%s", run.err);
	cr_assert(has(run.err, "is no size"), "%s", run.err);
}

Test(options, files_that_cannot_be_used_are_named)
{
	const char *folder = scratch("");
	char message[512];

	REFUSED("image \"/none\": No such file or directory", "/none");
	REFUSED("image \"/dev/null\": it is no regular file", "/dev/null");
	REFUSED("config \"/none\": No such file or directory", "--config=/none");
	snprintf(message, sizeof(message), "image \"%s\": it is no regular file", folder);
	REFUSED(message, folder);
	REFUSED("initrd \"/none\": No such file or directory", "-i", "/none", guest("act"));
	REFUSED("--serial \"/none/x\": No such file or directory", "--serial=/none/x");
	REFUSED("--report \"/none/x\": No such file or directory", "--report=/none/x");
}

Test(options, an_image_that_is_nothing_is_named)
{
	const char *empty = write_file("empty", "", 0), *text = write_file("text", "hello", 5);
	char message[512];

	snprintf(message, sizeof(message), "image \"%s\": the file is empty", empty);
	REFUSED(message, empty);
	snprintf(
		message, sizeof(message),
		"image \"%s\": the cell says: neither a Linux bzImage nor an ELF file (--format=raw loads any "
		"bytes)",
		text);
	REFUSED(message, text);
}

Test(options, a_fifo_is_no_image_and_nobody_waits_for_it)
{
	const char *path = scratch("fifo");
	char message[512];

	cr_assert_eq(mkfifo(path, 0600), 0);
	snprintf(message, sizeof(message), "image \"%s\": it is no regular file", path);
	REFUSED(message, path);
}

/* Nothing starts: what is in the file is worth more than what is not written into it. */
Test(options, a_serial_file_is_left_alone_where_nothing_starts)
{
	const char *path = write_file("serial", "old", 3), *text = write_file("text", "x", 1);
	char serial[256];
	const char *const words[][4] = {
		{"--dry-run", guest("act")},       {"/none"},
		{guest("act"), "-i", "/none"},     {guest("act"), "--report=/none/x"},
		{"-m", "2M", guest("act"), "two"}, {"--dry-run", text},
	};

	snprintf(serial, sizeof(serial), "--serial=%s", path);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		RUN("run", serial, words[i][0], words[i][1], words[i][2], words[i][3]);
		cr_assert_str_eq(read_file(path, NULL), "old", "case %zu", i);
	}
}

/* By whatever name it goes. */
Test(options, files_that_are_written_are_no_other_files)
{
	const char *image = write_file("image", "hello", 5), *link = scratch("link");
	const char *config = write_file("config.json", "{}", 2), *none = scratch("none");
	static const char *const names[] = {"the image", "the initrd", "--config", "--serial"};
	char serial[256], report[256], to_link[256], message[512];

	cr_assert_eq(symlink(image, link), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = i == 2 ? config : i == 3 ? none : image;

		snprintf(serial, sizeof(serial), "--serial=%s", path);
		snprintf(report, sizeof(report), "--report=%s", path);
		snprintf(to_link, sizeof(to_link), "--report=%s", link);
		snprintf(message, sizeof(message), "%s \"%s\": it is the file of %s, too",
			 i == 3 ? "--report" : "--serial", path, names[i]);
		if (i == 0)
			REFUSED(message, serial, image);
		else if (i == 1)
			REFUSED(message, serial, guest("act"), "-i", image);
		else if (i == 2)
			REFUSED(message, serial, "--config", config);
		else
			REFUSED(message, serial, report);
	}
	snprintf(message, sizeof(message), "--report \"%s\": it is the file of the image, too",
		 link);
	REFUSED(message, to_link, image);
	cr_assert_str_eq(read_file(image, NULL), "hello");
	cr_assert_str_eq(read_file(config, NULL), "{}");
}

/* Whatever comes of it, or does not come. */
Test(options, the_time_limit_holds_for_an_image_on_standard_input)
{
	static const char *const writers[] = {"sleep 2", "while echo x; do sleep 0.1; done"};

	for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
		char command[512];
		struct run run;

		snprintf(command, sizeof(command),
			 "(%s) 2>/dev/null | (%s run --timeout=500ms -; echo $?)", writers[i],
			 mayfly_path());
		run = run_program((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
		cr_assert_str_eq(run.out, "124\n");
		cr_assert_str_eq(run.err,
				 "mayfly: image \"-\": the time limit ended the run before "
				 "it was read\n");
	}
}

Test(options, a_command_line_that_is_too_long_is_refused)
{
	static char words[4096];

	memset(words, 'x', sizeof(words) - 1);
	REFUSED("command line: its words take more than 2047 bytes", guest("act"), "--", words);
	words[2047] = '\0';
	cr_assert_eq(strlen(field(DRY(guest("act"), "--", words), "resolved.cmdline")), 2047u);
}

Test(options, in_a_broken_file_are_named_with_file_and_field)
{
	static const char *const texts[][2] = {
		{"{\"machine-config\": {\"mem_size_mib\": 0}}",
		 "field \"machine-config.mem_size_mib\": 0 bytes are less than 2M"},
		{"{\"mayfly\": {\"pin\": \"0,1000\"}}",
		 "field \"mayfly.pin\": host CPU 1000 is not available to this process"},
		{"{", "line 1, column 1: string or '}' expected near end of file"},
		{"{\"machine-config\": {\"vcpus\": 1}}",
		 "field \"machine-config.vcpus\" is unknown"},
	};
	char message[512];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *path = write_file("bad.json", texts[i][0], strlen(texts[i][0]));

		snprintf(message, sizeof(message), "config \"%s\": %s", path, texts[i][1]);
		REFUSED(message, "--config", path);
	}
}
