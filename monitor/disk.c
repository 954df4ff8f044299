/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "monitor/disk_commit.h"
#include "monitor/disk_files.h"
#include "monitor/epilogue.h"

/* What there is to know of a file. */
struct findings {
	uint64_t len; /* of the file, or of what is over it */
	bool is_layer;
	bool is_blank; /* a layer's file that was not used yet */
	struct overlay_header header;
	struct overlay_geometry geometry;
	uint64_t n_used;    /* clusters */
	uint64_t n_damaged; /* sectors of the map */
	char damage[256];   /* "": none */
};

static bool looks_like_a_layer(int fd)
{
	uint8_t magic[8];

	return fd_pread_all(fd, magic, sizeof(magic), 0) == 0 &&
	       memcmp(magic, "MAYFLYOV", sizeof(magic)) == 0;
}

static int look_at_map(int fd, struct findings *f)
{
	uint8_t sector[OVERLAY_SECTOR];

	for (uint64_t i = 0; i < f->geometry.n_map_sectors; i++) {
		int ret = fd_pread_all(fd, sector, sizeof(sector),
				       OVERLAY_MAP_OFFSET + i * OVERLAY_SECTOR);

		if (ret < 0)
			return ret;
		f->n_used += overlay_map_count(sector);
		if (overlay_map_check(&f->geometry, sector, i))
			continue;
		if (f->n_damaged++ == 0)
			snprintf(f->damage, sizeof(f->damage),
				 "its map is damaged: sector %" PRIu64 " of %" PRIu64, i,
				 f->geometry.n_map_sectors);
	}
	return 0;
}

/* Errors: what the host refused; damage is no error. */
static int look(int fd, struct findings *f)
{
	struct err err = {0};
	int ret = disk_measure(fd, &f->len);

	f->is_layer = looks_like_a_layer(fd);
	if (ret < 0)
		return ret;
	if (!f->is_layer) {
		if (f->len % OVERLAY_SECTOR != 0)
			snprintf(f->damage, sizeof(f->damage),
				 "size %" PRIu64 " is not a multiple of 512", f->len);
		return 0;
	}
	ret = overlay_file_read_header(fd, &f->header, &err);
	if (ret < 0) {
		snprintf(f->damage, sizeof(f->damage), "%s", err.text);
		return ret == -EINVAL ? 0 : ret;
	}
	f->geometry = overlay_geometry(f->header.len, f->header.cluster_shift);
	return look_at_map(fd, f);
}

static const char *state_name(const struct findings *f)
{
	return f->header.state == OVERLAY_COMMITTING ? "a commit was begun and not finished"
						     : "ready";
}

static void print_json(json_t *root)
{
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
}

static void print_info(const struct disk_command *command, const struct findings *f)
{
	uint64_t cluster = UINT64_C(1) << f->geometry.cluster_shift;

	if (!f->is_layer && command->json) {
		print_json(json_pack("{s:s, s:I}", "format", "raw", "size", (json_int_t)f->len));
	} else if (!f->is_layer) {
		printf("format    raw\nsize      %" PRIu64 "\n", f->len);
	} else if (command->json) {
		print_json(json_pack(
			"{s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I}", "format", "overlay layer",
			"version", OVERLAY_VERSION, "state",
			f->header.state == OVERLAY_COMMITTING ? "committing" : "ready", "size",
			(json_int_t)f->header.len, "cluster_size", (json_int_t)cluster, "clusters",
			(json_int_t)f->geometry.n_clusters, "used_clusters", (json_int_t)f->n_used,
			"base_mtime_ns", (json_int_t)(f->header.base_mtime & INT64_MAX)));
	} else {
		printf("format    overlay layer, version %d\n"
		       "state     %s\n"
		       "size      %" PRIu64 "\n"
		       "clusters  %" PRIu64 " of %" PRIu64 " bytes\n"
		       "used      %" PRIu64 "\n",
		       OVERLAY_VERSION, state_name(f), f->header.len, f->geometry.n_clusters,
		       cluster, f->n_used);
	}
}

static void print_check(const struct disk_command *command, const struct findings *f)
{
	bool sound = f->damage[0] == '\0';

	if (command->json)
		print_json(json_pack("{s:b, s:s*, s:I}", "sound", sound, "damage",
				     sound ? NULL : f->damage, "damaged_map_sectors",
				     (json_int_t)f->n_damaged));
	else if (sound)
		printf("sound%s\n", f->header.state == OVERLAY_COMMITTING
					    ? "; a commit was begun and not finished"
					    : "");
	else
		printf("damaged: %s\n", f->damage);
}

static int tell(const struct disk_command *command, struct err *err)
{
	struct findings f = {0};
	SCOPE_FD int fd = -1;
	int ret = disk_open_file("disk", command->file, O_RDONLY, &fd, err);

	if (ret < 0)
		return ret;
	ret = look(fd, &f);
	if (ret < 0)
		return err_file(err, -ret, "disk", command->file);
	if (command->verb == DISK_CHECK) {
		print_check(command, &f);
		return f.damage[0] == '\0' ? DISK_SOUND : DISK_DAMAGED;
	}
	if (f.damage[0] != '\0' && f.is_layer)
		return err_input(err, "disk \"%.150s\": %.100s", command->file, f.damage);
	print_info(command, &f);
	return DISK_SOUND;
}

/* Commit. */

static void show_progress(uint64_t done, uint64_t total)
{
	static uint64_t shown = UINT64_MAX;
	uint64_t percent = total > 0 ? done * 100 / total : 100;

	if (percent == shown || isatty(STDERR_FILENO) == 0)
		return;
	shown = percent;
	fprintf(stderr, "\rmayfly: commit %3" PRIu64 " %%%s", percent, percent == 100 ? "\n" : "");
}

static int commit(const struct disk_command *command, struct err *err)
{
	SCOPE_FD int layer = -1;
	SCOPE_FD int base = -1;
	struct err inner;
	int ret = disk_open_file("overlay", command->file, O_RDWR, &layer, err);

	if (ret == 0)
		ret = disk_open_file("base", command->base, O_RDWR, &base, err);
	if (ret < 0)
		return ret;
	ret = disk_commit(layer, base, show_progress, &inner);
	if (ret == 0)
		return DISK_SOUND;
	err_set_input(err, "overlay \"%.150s\": %.100s", command->file, inner.text);
	return ret;
}

int disk_run(const struct disk_command *command)
{
	struct err err = {0};
	int ret = command->verb == DISK_COMMIT ? commit(command, &err) : tell(command, &err);

	if (ret >= 0)
		return ret;
	epilogue_print_error(&err);
	return DISK_UNREADABLE;
}
