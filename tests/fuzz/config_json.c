/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: what is accepted holds in range and can be written and read again. */
#include "monitor/config_json.h"

#include <string.h>

#include "monitor/options.h"
#include "tests/fuzz/fuzz.h"

/* Reads every byte that the configuration points to. */
static void check_text(const char *text)
{
	fuzz_check(text == NULL || strlen(text) > 0);
}

static void check(const struct config *config)
{
	check_text(config->image);
	check_text(config->initrd);
	check_text(config->serial.path);
	check_text(config->report_path);
	fuzz_check(config->config_path == NULL);
	fuzz_check(memchr(config->cmdline, '\0', sizeof(config->cmdline)) != NULL);
	fuzz_check(config->format >= 0 && config->format < BOOT_FORMAT_COUNT);
	fuzz_check(config->irqchip >= 0 && config->irqchip < IRQCHIP_KIND_COUNT);
	fuzz_check(config->n_cpus >= 1 && config->n_cpus <= VM_VCPUS_MAX);
	fuzz_check(config->n_pins <= VM_PINS_MAX);
	fuzz_check(config->timeout_ns <= INT64_MAX);
	fuzz_check(config->serial.kind != STREAM_FILE || config->serial.path != NULL);
}

/* Two fields as they stand in the file have arrived. */
static void check_arrival(const json_t *root, const struct config *config)
{
	const json_t *source = json_object_get(root, "boot-source");
	const json_t *image = json_object_get(source, "kernel_image_path");
	const json_t *n_cpus = json_object_get(json_object_get(root, "machine-config"),
					       "vcpu_count");

	if (image == NULL || json_is_null(image))
		fuzz_check(config->image == NULL);
	else
		fuzz_check(config->image == json_string_value(image));
	if (n_cpus == NULL || json_is_null(n_cpus))
		fuzz_check(config->n_cpus == 1);
	else if (json_is_integer(n_cpus))
		fuzz_check(config->n_cpus == json_integer_value(n_cpus));
}

/* What it says of itself is read as the same; sizes are written in units of 1 KiB. */
static void check_round_trip(const struct config *config)
{
	json_t *first = config_json_write(config), *second, *root;
	char *text = json_dumps(first, 0);
	struct err err = fuzz_err();
	struct config again;

	fuzz_check(text != NULL);
	config_init(&again);
	fuzz_check(config_json_read(text, strlen(text), &again, &root, &err) == 0);
	second = config_json_write(&again);
	fuzz_check(json_equal(first, second));
	json_decref(second);
	json_decref(root);
	json_decref(first);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config, before;
	const void *now = &config, *then = &before;
	struct err err = fuzz_err();
	json_t *root = NULL;
	int ret;

	json_object_seed(1);
	memset(&config, 0, sizeof(config));
	config_init(&config);
	memcpy(&before, &config, sizeof(before));
	ret = config_json_read((const char *)data, size, &config, &root, &err);
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(root == NULL && memcmp(now, then, sizeof(config)) == 0);
		return 0;
	}
	fuzz_check(ret == 0 && root != NULL);
	check(&config);
	check_arrival(root, &config);
	if (config.memory % KIB(1) == 0)
		check_round_trip(&config);
	json_decref(root);
	return 0;
}
