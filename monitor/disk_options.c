/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/disk_options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/values.h"

#define WORD_MAX 64
#define LEN_MAX  (UINT64_C(1) << 50) /* bytes: of what is only asked for */

/* A value, in a text with a NUL behind it. */
typedef int set_fn(struct disk_config *disk, const char *value, struct err *err);

static int set_id(struct disk_config *disk, const char *value, struct err *err)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) && value[i] != '_')
			return err_input(err, "\"%s\" has more in it than letters, digits and _",
					 value);
	if (len == 0 || len > DISK_ID_MAX)
		return err_input(err, "\"%s\" has not 1 to %d characters", value, DISK_ID_MAX);
	memcpy(disk->id, value, len + 1);
	return 0;
}

static int set_serial(struct disk_config *disk, const char *value, struct err *err)
{
	if (strlen(value) > VIRTIO_BLK_ID_BYTES)
		return err_input(err, "\"%s\" has more than %d characters", value,
				 VIRTIO_BLK_ID_BYTES);
	memset(disk->serial, 0, sizeof(disk->serial));
	memcpy(disk->serial, value, strlen(value));
	return 0;
}

static int set_bool(bool *place, const char *value, struct err *err)
{
	static const char *const names[] = {"off", "on", NULL};
	int index, ret = value_choice(value, names, &index, err);

	if (ret == 0)
		*place = index == 1;
	return ret;
}

static int set_read_only(struct disk_config *disk, const char *value, struct err *err)
{
	return set_bool(&disk->read_only, value, err);
}

static int set_direct(struct disk_config *disk, const char *value, struct err *err)
{
	return set_bool(&disk->direct, value, err);
}

static int set_queues(struct disk_config *disk, const char *value, struct err *err)
{
	return value_count(value, DISK_QUEUES_MAX, &disk->n_queues, err);
}

static int set_sector(struct disk_config *disk, const char *value, struct err *err)
{
	static const char *const names[] = {"512", "4096", NULL};
	int index, ret = value_choice(value, names, &index, err);

	if (ret == 0)
		disk->sector = index == 0 ? 512 : 4096;
	return ret;
}

static int set_isr(struct disk_config *disk, const char *value, struct err *err)
{
	static const char *const names[] = {"sticky", "exact", NULL};
	int index, ret = value_choice(value, names, &index, err);

	if (ret == 0) {
		disk->isr_said = true;
		disk->isr_exact = index == 1;
	}
	return ret;
}

/* So much a second, with K, M, G, T, and a burst on top after a colon. */
static int set_limit(struct throttle_config *place, const char *value, struct err *err)
{
	char rate[WORD_MAX];
	const char *colon = strchrnul(value, ':');
	uint64_t size, burst = 0;
	int ret;

	snprintf(rate, sizeof(rate), "%.*s", (int)(colon - value), value);
	ret = value_size(rate, &size, err);
	if (ret == 0 && *colon == ':')
		ret = value_size(colon + 1, &burst, err);
	if (ret < 0)
		return ret;
	if (size == 0 || size > (uint64_t)THROTTLE_SIZE_MAX || burst > (uint64_t)THROTTLE_SIZE_MAX)
		return err_input(err, "\"%s\" is no limit", value);
	*place = (struct throttle_config){
		.size = (int64_t)size, .refill_ns = CLOCK_SECOND, .burst = (int64_t)burst};
	return 0;
}

static int set_bandwidth(struct disk_config *disk, const char *value, struct err *err)
{
	return set_limit(&disk->bandwidth, value, err);
}

static int set_ops(struct disk_config *disk, const char *value, struct err *err)
{
	return set_limit(&disk->ops, value, err);
}

static const struct {
	const char *name;
	set_fn *set;
	bool is_flag; /* alone it means "on" */
} keys[] = {
	{"id", set_id, false},         {"ro", set_read_only, true},   {"serial", set_serial, false},
	{"queues", set_queues, false}, {"sector", set_sector, false}, {"direct", set_direct, true},
	{"bw", set_bandwidth, false},  {"iops", set_ops, false},      {"isr", set_isr, false},
};

static int set_memory(const char *value, uint64_t *ret_len, struct err *err)
{
	int ret = value_size(value, ret_len, err);

	if (ret == 0 && (*ret_len == 0 || *ret_len > LEN_MAX))
		return err_input(err, "\"%s\" is no size for memory", value);
	return ret;
}

/* memory[:SIZE], or a file. */
static int set_layer(struct disk_config *disk, struct disk_path value, struct err *err)
{
	static const char memory[] = "memory";
	const size_t len = sizeof(memory) - 1;
	char size[WORD_MAX];

	if (value.len < len || memcmp(value.at, memory, len) != 0 ||
	    (value.len > len && value.at[len] != ':')) {
		disk->layer = DISK_LAYER_FILE;
		disk->layer_path = value;
		return value.len > 0 ? 0 : err_input(err, "the value is empty");
	}
	disk->layer = DISK_LAYER_MEMORY;
	disk->layer_max = 0;
	if (value.len == len)
		return 0;
	snprintf(size, sizeof(size), "%.*s", (int)(value.len - len - 1), value.at + len + 1);
	return set_memory(size, &disk->layer_max, err);
}

/* One key; `value.at` is NULL where there is none. Errors: with the key's name. */
static int set_key(struct disk_config *disk, struct disk_path key, struct disk_path value,
		   struct err *err)
{
	char word[WORD_MAX + 1];
	struct err inner = {0};
	int ret = 0;

	if (key.len == strlen("overlay") && memcmp(key.at, "overlay", key.len) == 0 &&
	    value.at != NULL) {
		ret = set_layer(disk, value, &inner);
		return ret == 0 ? 0 : err_input(err, "overlay: %.200s", inner.text);
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strlen(keys[i].name) != key.len || memcmp(keys[i].name, key.at, key.len) != 0)
			continue;
		if (value.at == NULL && !keys[i].is_flag)
			return err_input(err, "%s: a value is missing", keys[i].name);
		if (value.at == NULL)
			value = (struct disk_path){"on", 2};
		if (value.len > WORD_MAX)
			return err_input(err, "%s: the value is too long", keys[i].name);
		memcpy(word, value.at, value.len);
		word[value.len] = '\0';
		ret = keys[i].set(disk, word, &inner);
		return ret == 0 ? 0 : err_input(err, "%s: %.200s", keys[i].name, inner.text);
	}
	return err_input(err, "\"%.*s\": there is no such key", (int)(key.len < 50 ? key.len : 50),
			 key.at);
}

/* FILE, mem:SIZE or none. */
static int set_place(struct disk_config *disk, struct disk_path place, struct err *err)
{
	char size[WORD_MAX];

	if (place.len == 0)
		return err_input(err, "the value is empty");
	if (place.len == 4 && memcmp(place.at, "none", 4) == 0) {
		disk->kind = DISK_EMPTY;
		return 0;
	}
	if (place.len > 4 && memcmp(place.at, "mem:", 4) == 0) {
		disk->kind = DISK_MEMORY;
		snprintf(size, sizeof(size), "%.*s", (int)(place.len - 4), place.at + 4);
		return set_memory(size, &disk->len, err);
	}
	disk->kind = DISK_FILE;
	disk->path = place;
	return 0;
}

/* Do its parts fit together? */
static int check(const struct disk_config *disk, struct err *err)
{
	if (disk->kind != DISK_FILE && disk->layer != DISK_LAYER_NONE)
		return err_input(err, "overlay: only over a file");
	if (disk->kind != DISK_FILE && disk->direct)
		return err_input(err, "direct: only for a file");
	if (disk->layer != DISK_LAYER_NONE && disk->direct)
		return err_input(err, "direct: not together with overlay");
	if (disk->layer != DISK_LAYER_NONE && disk->read_only)
		return err_input(err, "ro: not together with overlay, which is there to be "
				      "written");
	if (disk->kind == DISK_MEMORY && disk->len % disk->sector != 0)
		return err_input(err, "size %" PRIu64 " is not a multiple of %u", disk->len,
				 disk->sector);
	return 0;
}

static void init(struct disk_config *disk, unsigned index)
{
	*disk = (struct disk_config){.n_queues = 1, .sector = 512};
	snprintf(disk->id, sizeof(disk->id), "disk%u", index);
}

static struct disk_config *find(struct disk_list *list, const char *id)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->disks[i].id, id) == 0)
			return &list->disks[i];
	return NULL;
}

static int put(struct disk_list *list, const struct disk_config *disk, struct err *err)
{
	struct disk_config *same = find(list, disk->id);
	unsigned n_queues = disk->n_queues;

	for (unsigned i = 0; i < list->n; i++)
		n_queues += &list->disks[i] != same ? list->disks[i].n_queues : 0;
	if (n_queues > DISKS_QUEUES_MAX)
		return err_input(err, "queues: more than %d for all disks", DISKS_QUEUES_MAX);
	if (same != NULL && (disk->from_file || !same->from_file))
		return err_input(err, "id: \"%s\" is another disk's, too", disk->id);
	if (same == NULL && list->n == DISKS_MAX)
		return err_input(err, "there are %d disks already", DISKS_MAX);
	if (same == NULL)
		same = &list->disks[list->n++];
	*same = *disk;
	return 0;
}

/* Cuts the next word off at a comma. */
static struct disk_path next_word(const char **rest)
{
	struct disk_path word = {*rest, strcspn(*rest, ",")};

	*rest += word.len;
	*rest += **rest == ',' ? 1 : 0;
	return word;
}

int disks_add(struct disk_list *list, const char *text, struct err *err)
{
	struct disk_config disk;
	const char *rest = text;
	int ret;

	init(&disk, list->n);
	ret = set_place(&disk, next_word(&rest), err);
	while (ret == 0 && *rest != '\0') {
		struct disk_path word = next_word(&rest), key = word, value = {0};
		const char *equals = memchr(word.at, '=', word.len);

		if (equals != NULL) {
			key.len = (size_t)(equals - word.at);
			value = (struct disk_path){equals + 1, word.len - key.len - 1};
		}
		ret = set_key(&disk, key, value, err);
	}
	if (ret == 0)
		ret = check(&disk, err);
	return ret == 0 ? put(list, &disk, err) : ret;
}

const struct disk_config *disks_root(const struct disk_list *list)
{
	return list->n > 0 && list->disks[0].root != DISK_ROOT_NO ? &list->disks[0] : NULL;
}

/* The configuration file. */

static struct disk_path text_of(const json_t *value)
{
	return (struct disk_path){json_string_value(value), json_string_length(value)};
}

/* What Firecracker has and we do not need to have: these values are what we do anyway. */
static bool is_passed_over(const char *field, const json_t *value)
{
	static const char *const values[][2] = {{"cache_type", "Unsafe"},
						{"cache_type", "Writeback"},
						{"io_engine", "Sync"},
						{"io_engine", "Async"}};

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (strcmp(field, values[i][0]) == 0 && json_is_string(value) &&
		    strcmp(json_string_value(value), values[i][1]) == 0)
			return true;
	return json_is_null(value);
}

static int read_bucket(const char *name, const json_t *bucket, struct throttle_config *place,
		       struct err *err)
{
	const json_t *size = json_object_get(bucket, "size");
	const json_t *refill = json_object_get(bucket, "refill_time");
	const json_t *burst = json_object_get(bucket, "one_time_burst");
	json_int_t n_burst = json_is_integer(burst) ? json_integer_value(burst) : 0;

	*place = (struct throttle_config){0};
	if (json_is_null(bucket))
		return 0;
	if (!json_is_integer(size) || !json_is_integer(refill) || json_integer_value(size) < 0 ||
	    json_integer_value(size) > THROTTLE_SIZE_MAX || json_integer_value(refill) < 0 ||
	    json_integer_value(refill) > THROTTLE_REFILL_MAX / CLOCK_MILLISECOND || n_burst < 0 ||
	    n_burst > THROTTLE_SIZE_MAX)
		return err_input(err,
				 "rate_limiter.%s: no size, refill_time and one_time_burst that "
				 "go together",
				 name);
	/* Firecracker: either is zero, and there is no limit. */
	if (json_integer_value(size) > 0 && json_integer_value(refill) > 0)
		*place = (struct throttle_config){.size = json_integer_value(size),
						  .refill_ns = json_integer_value(refill) *
							       CLOCK_MILLISECOND,
						  .burst = n_burst};
	return 0;
}

static int read_limiter(const json_t *limiter, struct disk_config *disk, struct err *err)
{
	const char *name;
	json_t *bucket;
	int ret = 0;

	if (!json_is_object(limiter))
		return err_input(err, "rate_limiter: it is no object");
	json_object_foreach ((json_t *)(uintptr_t)limiter, name, bucket) {
		if (strcmp(name, "bandwidth") == 0)
			ret = read_bucket(name, bucket, &disk->bandwidth, err);
		else if (strcmp(name, "ops") == 0)
			ret = read_bucket(name, bucket, &disk->ops, err);
		else
			ret = err_input(err, "rate_limiter.%.50s is unknown", name);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* A field that is a key of the command line's, too. */
static int read_key(const char *field, const json_t *value, struct disk_config *disk,
		    struct err *err)
{
	struct disk_path key = {field, strlen(field)};
	char number[32];

	if (strcmp(field, "drive_id") == 0)
		key = (struct disk_path){"id", 2};
	if (strcmp(field, "is_read_only") == 0)
		key = (struct disk_path){"ro", 2};
	if (json_is_boolean(value))
		return set_key(disk, key,
			       json_is_true(value) ? (struct disk_path){"on", 2}
						   : (struct disk_path){"off", 3},
			       err);
	if (json_is_string(value))
		return set_key(disk, key, text_of(value), err);
	if (!json_is_integer(value))
		return err_input(err, "%.50s: neither a text nor a number", field);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return set_key(disk, key, (struct disk_path){number, strlen(number)}, err);
}

static int read_field(const char *field, const json_t *value, struct disk_config *disk,
		      struct err *err)
{
	if (is_passed_over(field, value))
		return 0;
	if (strcmp(field, "path_on_host") == 0)
		return json_is_string(value) ? set_place(disk, text_of(value), err)
					     : err_input(err, "path_on_host: it is no text");
	if (strcmp(field, "is_root_device") == 0) {
		disk->root = json_is_true(value) ? DISK_ROOT_YES : DISK_ROOT_NO;
		return json_is_boolean(value) ? 0
					      : err_input(err, "is_root_device: neither true nor "
							       "false");
	}
	if (strcmp(field, "rate_limiter") == 0)
		return read_limiter(value, disk, err);
	/* Its text is kept, and not only what it says. */
	if (strcmp(field, "overlay") == 0 && !json_is_string(value))
		return err_input(err, "overlay: it is no text");
	return read_key(field, value, disk, err);
}

static int read_drive(const json_t *drive, unsigned index, struct disk_config *ret_disk,
		      struct err *err)
{
	const char *field;
	json_t *value;
	int ret = 0;

	init(ret_disk, index);
	ret_disk->kind = DISK_EMPTY;
	ret_disk->from_file = true;
	if (!json_is_object(drive))
		return err_input(err, "it is no object");
	json_object_foreach ((json_t *)(uintptr_t)drive, field, value)
		if ((ret = read_field(field, value, ret_disk, err)) < 0)
			return ret;
	return check(ret_disk, err);
}

/* [firecracker] The root device is the first. */
static void put_root_first(struct disk_list *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		struct disk_config root = list->disks[i];

		if (root.root != DISK_ROOT_YES)
			continue;
		memmove(&list->disks[1], &list->disks[0], i * sizeof(root));
		list->disks[0] = root;
		return;
	}
}

int disks_from_json(struct disk_list *list, const json_t *drives, struct err *err)
{
	struct disk_config disk;
	struct err inner = {0};

	list->n = 0;
	if (json_is_null(drives))
		return 0;
	if (!json_is_array(drives))
		return err_input(err, "it is no list");
	for (unsigned i = 0; i < json_array_size(drives); i++)
		if (read_drive(json_array_get(drives, i), i, &disk, &inner) < 0 ||
		    put(list, &disk, &inner) < 0)
			return err_input(err, "drive %u: %.200s", i, inner.text);
	put_root_first(list);
	return 0;
}

static json_t *path_to_json(struct disk_path path)
{
	SCOPE_FREE char *text = strndup(path.at, path.len);
	json_t *json = text != NULL ? json_string(text) : NULL;

	if (json == NULL && text != NULL) {
		err_clean(text);
		json = json_string(text);
	}
	return json;
}

static json_t *bucket_to_json(const struct throttle_config *bucket)
{
	return bucket->size == 0 ? json_null()
				 : json_pack("{s:I, s:I, s:I}", "size", (json_int_t)bucket->size,
					     "refill_time",
					     (json_int_t)(bucket->refill_ns / CLOCK_MILLISECOND),
					     "one_time_burst", (json_int_t)bucket->burst);
}

static json_t *sized_to_json(const char *prefix, uint64_t len)
{
	char text[48];

	snprintf(text, sizeof(text), "%s%" PRIu64, prefix, len);
	return json_string(text);
}

static json_t *place_to_json(const struct disk_config *disk)
{
	if (disk->kind == DISK_FILE)
		return path_to_json(disk->path);
	return disk->kind == DISK_MEMORY ? sized_to_json("mem:", disk->len) : json_string("none");
}

static json_t *layer_to_json(const struct disk_config *disk)
{
	if (disk->layer == DISK_LAYER_FILE)
		return path_to_json(disk->layer_path);
	if (disk->layer == DISK_LAYER_MEMORY)
		return disk->layer_max > 0 ? sized_to_json("memory:", disk->layer_max)
					   : json_string("memory");
	return json_null();
}

json_t *disks_to_json(const struct disk_list *list)
{
	json_t *drives = json_array();

	for (unsigned i = 0; i < list->n; i++) {
		const struct disk_config *disk = &list->disks[i];
		json_t *root = disk->root == DISK_ROOT_UNSAID
				       ? json_null()
				       : json_boolean(disk->root == DISK_ROOT_YES);

		json_array_append_new(
			drives,
			json_pack("{s:s, s:o, s:o, s:b, s:{s:o, s:o}, s:o, s:i, s:i, s:b, s:o, "
				  "s:o}",
				  "drive_id", disk->id, "path_on_host", place_to_json(disk),
				  "is_root_device", root, "is_read_only", disk->read_only,
				  "rate_limiter", "bandwidth", bucket_to_json(&disk->bandwidth),
				  "ops", bucket_to_json(&disk->ops), "serial",
				  disk->serial[0] != '\0' ? json_string(disk->serial) : json_null(),
				  "queues", (int)disk->n_queues, "sector", (int)disk->sector,
				  "direct", disk->direct, "overlay", layer_to_json(disk), "isr",
				  disk->isr_said ? json_string(disk->isr_exact ? "exact" : "sticky")
						 : json_null()));
	}
	return drives;
}
