/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: every field, what is refused, and that what is written can be read. */
#include "monitor/config_json.h"

#include <criterion/criterion.h>
#include <string.h>

#include "monitor/options.h"

static struct config config;
static struct err err;
static json_t *root;

static void set_up(void)
{
	config_init(&config);
}

TestSuite(config_json, .init = set_up);

static int read_text(const char *text)
{
	return config_json_read(text, strlen(text), &config, &root, &err);
}

Test(config_json, reads_firecrackers_sections)
{
	cr_assert_eq(read_text("{\"boot-source\": {\"kernel_image_path\": \"k\","
			       " \"initrd_path\": \"i\", \"boot_args\": \"a b\"},"
			       " \"machine-config\": {\"vcpu_count\": 4, \"mem_size_mib\": 256,"
			       " \"smt\": false, \"track_dirty_pages\": false,"
			       " \"huge_pages\": \"2M\", \"cpu_template\": \"None\"},"
			       " \"drives\": [], \"network-interfaces\": [], \"vsock\": null,"
			       " \"logger\": null}"),
		     0, "%s", err.text);
	cr_assert_str_eq(config.image, "k");
	cr_assert_str_eq(config.initrd, "i");
	cr_assert_str_eq(config.cmdline, "a b");
	cr_assert_eq(config.n_cpus, 4u);
	cr_assert_eq(config.memory, MIB(256));
	cr_assert(config.hugepages);
}

Test(config_json, reads_our_section)
{
	cr_assert_eq(read_text("{\"mayfly\": {\"format\": \"raw\", \"serial\": \"out.txt\","
			       " \"acpi\": false, \"irqchip\": \"kernel\", \"memfd\": true,"
			       " \"prefault\": true, \"pin\": \"0,0\", \"timeout\": \"5s\","
			       " \"dry_run\": true, \"report\": \"r.json\", \"exits\": \"json\","
			       " \"timeline\": true, \"verbose\": true, \"quiet\": false}}"),
		     0, "%s", err.text);
	cr_assert_eq(config.format, BOOT_RAW);
	cr_assert_eq(config.serial.kind, STREAM_FILE);
	cr_assert_str_eq(config.serial.path, "out.txt");
	cr_assert_not(config.acpi);
	cr_assert_eq(config.irqchip, IRQCHIP_KERNEL);
	cr_assert(config.memfd);
	cr_assert(config.prefault);
	cr_assert_eq(config.n_pins, 2u);
	cr_assert_eq(config.timeout_ns, 5000000000u);
	cr_assert(config.dry_run);
	cr_assert_str_eq(config.report_path, "r.json");
	cr_assert_eq(config.exits, TABLE_JSON);
	cr_assert_eq(config.timeline, TABLE_TEXT);
	cr_assert(config.verbose);
	cr_assert_not(config.quiet);
}

Test(config_json, null_is_as_good_as_absent)
{
	cr_assert_eq(read_text("{\"boot-source\": {\"initrd_path\": null},"
			       " \"machine-config\": {\"vcpu_count\": null}}"),
		     0);
	cr_assert_null(config.initrd);
	cr_assert_eq(config.n_cpus, 1u);
}

Test(config_json, refuses_with_field_and_value)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"", "line 1, column 0: '[' or '{' expected near end of file"},
		{"[]", "the file is no JSON object"},
		{"{\"a\": 1, \"a\": 2}", "line 1, column 12: duplicate object key near '\"a\"'"},
		{"{\"bott-source\": {}}", "field \"bott-source\" is unknown"},
		{"{\"boot-source\": 5}", "field \"boot-source\" is no object"},
		{"{\"boot-source\": {\"kernel\": \"k\"}}",
		 "field \"boot-source.kernel\" is unknown"},
		{"{\"machine-config\": {\"vcpu_count\": 33}}",
		 "field \"machine-config.vcpu_count\": \"33\" is no number from 1 to 32"},
		{"{\"machine-config\": {\"vcpu_count\": 1.5}}",
		 "field \"machine-config.vcpu_count\": 1.5 is not a whole number"},
		{"{\"machine-config\": {\"vcpu_count\": true}}",
		 "field \"machine-config.vcpu_count\": true is not a whole number"},
		{"{\"machine-config\": {\"vcpu_count\": \"2\"}}",
		 "field \"machine-config.vcpu_count\": \"2\" is not a whole number"},
		{"{\"machine-config\": {\"vcpu_count\": 0}}",
		 "field \"machine-config.vcpu_count\": \"0\" is no number from 1 to 32"},
		{"{\"machine-config\": {\"mem_size_mib\": 1}}",
		 "field \"machine-config.mem_size_mib\": 1048576 bytes are less than 2M"},
		{"{\"mayfly\": {\"verbose\": \"on\"}}",
		 "field \"mayfly.verbose\": \"on\" is not true or false"},
		{"{\"mayfly\": {\"exits\": 1}}",
		 "field \"mayfly.exits\": 1 is not true, false or \"json\""},
		{"{\"mayfly\": {\"timeout\": 5}}", "field \"mayfly.timeout\": 5 is not a string"},
		{"{\"boot-source\": {\"kernel_image_path\": 5}}",
		 "field \"boot-source.kernel_image_path\": 5 is not a string"},
		{"{\"boot-source\": {\"boot_args\": true}}",
		 "field \"boot-source.boot_args\": true is not a string"},
		{"{\"mayfly\": {\"serial\": false}}",
		 "field \"mayfly.serial\": false is not a string"},
		{"{\"machine-config\": {\"mem_size_mib\": -1}}",
		 "field \"machine-config.mem_size_mib\": -1 is not a number of MiB, or a string with K, "
		 "M, G or T"},
		{"{\"machine-config\": {\"smt\": true}}",
		 "field \"machine-config.smt\" asks for what is not supported"},
		{"{\"drives\": [{\"drive_id\": \"-\"}]}",
		 "field \"drives\": drive 0: id: \"-\" has more in it than letters, digits and _"},
		{"{\"machine-config\": {\"huge_pages\": \"Transparent\"}}",
		 "field \"machine-config.huge_pages\": \"Transparent\" is not \"2M\" or \"None\""},
		{"{\"boot-source\": {\"kernel_image_path\": \"\"}}",
		 "field \"boot-source.kernel_image_path\": the value is empty"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_lt(read_text(bad[i].text), 0, "%s", bad[i].text);
		cr_assert_str_eq(err.text, bad[i].message);
		cr_assert_eq(err.status, EXIT_STATUS_USAGE);
	}
}

/* Its strings would point into what was freed. */
Test(config_json, leaves_the_configuration_when_it_refuses)
{
	cr_assert_lt(read_text("{\"boot-source\": {\"kernel_image_path\": \"k\"}, \"a\": 1}"), 0);
	cr_assert_null(config.image);
	cr_assert_null(root);
}

Test(config_json, what_is_written_can_be_read_again)
{
	json_t *first, *second;
	char *text;

	cr_assert_eq(
		read_text("{\"boot-source\": {\"kernel_image_path\": \"k\", \"boot_args\": \"x\"},"
			  " \"machine-config\": {\"vcpu_count\": 3, \"mem_size_mib\": 64},"
			  " \"mayfly\": {\"pin\": \"0,0\", \"timeout\": \"1500ms\","
			  " \"exits\": true, \"serial\": \"none\"}}"),
		0);
	first = config_json_write(&config);
	text = json_dumps(first, 0);
	config_init(&config);
	cr_assert_eq(read_text(text), 0, "%s", err.text);
	second = config_json_write(&config);
	cr_assert(json_equal(first, second));
	cr_assert_eq(config.n_pins, 2u);
	cr_assert_eq(config.timeout_ns, 1500000000u);
}

/* A path is bytes, JSON is UTF-8. */
Test(config_json, a_path_that_is_no_utf8_is_shown_as_far_as_it_goes)
{
	json_t *written;

	config.image = "\xe4/k";
	config.initrd = "\xc3\xa4";
	written = config_json_write(&config);
	cr_assert_str_eq(json_string_value(json_object_get(json_object_get(written, "boot-source"),
							   "kernel_image_path")),
			 "?/k");
	cr_assert_str_eq(json_string_value(json_object_get(json_object_get(written, "boot-source"),
							   "initrd_path")),
			 "\xc3\xa4");
}

Test(config_json, every_option_but_config_itself_has_a_field)
{
	for (size_t i = 0; i < n_options; i++)
		cr_assert((options[i].json != NULL) == (strcmp(options[i].name, "config") != 0),
			  "%s", options[i].name);
}
