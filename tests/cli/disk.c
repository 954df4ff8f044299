/* SPDX-License-Identifier: Apache-2.0 */
/* `mayfly disk`: words and exit statuses. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "monitor/disk_files.h"
#include "tests/support/run.h"

#define LEN 1048576

static struct err err;

static const char *image(void)
{
	static uint8_t zeros[LEN];

	return write_file("base.img", zeros, sizeof(zeros));
}

/* A layer with one cluster of it written. */
static const char *layer(void)
{
	const char *path = write_file("layer", "", 0);
	struct overlay_header header = {.cluster_shift = 12, .len = LEN};
	struct overlay_geometry geometry = overlay_geometry(LEN, 12);
	uint8_t map[OVERLAY_SECTOR] = {0};
	int base = open(scratch("base.img"), O_RDONLY), fd = open(path, O_RDWR);

	cr_assert_eq(disk_mtime(base, &header.base_mtime), 0);
	cr_assert_eq(overlay_file_format(fd, &header, &err), 0);
	overlay_map_set(map, 3);
	overlay_map_seal(map);
	cr_assert_eq(fd_pwrite_all(fd, map, sizeof(map), OVERLAY_MAP_OFFSET), 0);
	cr_assert_eq(fd_pwrite_all(fd, "written", 7, geometry.data_offset + UINT64_C(3) * 4096), 0);
	close(fd);
	close(base);
	return path;
}

static void damage(const char *path, off_t at)
{
	int fd = open(path, O_WRONLY);

	cr_assert_eq(pwrite(fd, "\377", 1, at), 1);
	close(fd);
}

static void says(struct run run, int status, const char *text)
{
	cr_assert_eq(run.status, status, "%d: %s%s", run.status, run.out, run.err);
	cr_assert_str_eq(status == 2 ? run.err : run.out, text);
}

Test(disk, info_says_what_it_is)
{
	struct run run;
	json_t *root;

	says(RUN("disk", "info", image()), 0, "format    raw\nsize      1048576\n");
	says(RUN("disk", "info", layer()), 0,
	     "format    overlay layer, version 1\nstate     ready\nsize      1048576\n"
	     "clusters  256 of 4096 bytes\nused      1\n");
	run = RUN("disk", "info", "--json", scratch("layer"));
	root = json_loads(run.out, 0, NULL);
	cr_assert_eq(json_integer_value(json_object_get(root, "used_clusters")), 1);
	cr_assert_str_eq(json_string_value(json_object_get(root, "state")), "ready");
	run = RUN("disk", "info", scratch("base.img"), "--json");
	root = json_loads(run.out, 0, NULL);
	cr_assert_eq(json_integer_value(json_object_get(root, "size")), LEN);
}

Test(disk, check_finds_damage)
{
	char text[512];

	image();
	says(RUN("disk", "check", image()), 0, "sound\n");
	says(RUN("disk", "check", layer()), 0, "sound\n");
	damage(scratch("layer"), OVERLAY_MAP_OFFSET + 5);
	says(RUN("disk", "check", scratch("layer")), 1,
	     "damaged: its map is damaged: sector 0 of 1\n");
	says(RUN("disk", "check", "--json", scratch("layer")), 1,
	     "{\n  \"sound\": false,\n  \"damage\": \"its map is damaged: sector 0 of 1\",\n"
	     "  \"damaged_map_sectors\": 1\n}\n");
	layer();
	damage(scratch("layer"), 20);
	says(RUN("disk", "check", scratch("layer")), 1,
	     "damaged: its header is damaged: the checksum is wrong\n");
	layer();
	cr_assert_eq(truncate(scratch("layer"), 8192), 0);
	says(RUN("disk", "check", scratch("layer")), 1,
	     "damaged: it is cut off: 8192 bytes instead of 1056768\n");
	says(RUN("disk", "check", write_file("odd", "x", 1)), 1,
	     "damaged: size 1 is not a multiple of 512\n");
	snprintf(text, sizeof(text), "mayfly: disk \"%s\": No such file or directory\n",
		 scratch("none"));
	says(RUN("disk", "check", scratch("none")), 2, text);
}

Test(disk, commit_writes_a_layer_into_its_base)
{
	char option[512], text[512], *bytes;
	size_t len;

	image();
	layer();
	snprintf(option, sizeof(option), "--base=%s", scratch("base.img"));
	says(RUN("disk", "commit", scratch("layer"), option), 0, "");
	bytes = read_file(scratch("base.img"), &len);
	cr_assert_eq(len, LEN);
	cr_assert_str_eq(bytes + UINT64_C(3) * 4096, "written");
	cr_assert(has(RUN("disk", "info", scratch("layer")).out, "used      0\n"));
	damage(scratch("base.img"), 0);
	snprintf(text, sizeof(text),
		 "mayfly: overlay \"%s\": the base was changed since the layer was made, or is "
		 "another one\n",
		 scratch("layer"));
	says(RUN("disk", "commit", scratch("layer"), option), 2, text);
}

Test(disk, words_that_are_wrong_are_named)
{
	static const char *const wrong[][4] = {
		{"disk", NULL, NULL, "disk: info, check or commit is missing (see disk --help)"},
		{"disk", "fix", NULL, "\"fix\" is none of info, check, commit"},
		{"disk", "info", NULL, "disk info: a FILE is missing"},
		{"disk", "commit", "a",
		 "disk commit: --base=FILE is missing: a layer does not say where its base is"},
		{"disk", "info", "--base=x", "--base=x: there is no such option (see disk --help)"},
		{"disk", "commit", "--json", "--json: there is no such option (see disk --help)"},
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct run run = run_program((const char *const[]){mayfly_path(), wrong[i][0],
								   wrong[i][1], wrong[i][2], NULL},
					     NULL);

		cr_assert_eq(run.status, 125);
		cr_assert(has(run.err, wrong[i][3]), "%s", run.err);
	}
	cr_assert_eq(RUN("disk", "info", "a", "b").status, 125);
	cr_assert(has(RUN("disk", "--help").out, "usage: mayfly disk info FILE"));
}
