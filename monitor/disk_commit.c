/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/disk_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdlib.h>

#include "base/fd.h"
#include "iouring-io/overlay_file.h"
#include "monitor/disk_files.h"

#define COPY_LEN (1U << 20)

struct commit {
	int layer, base;
	struct overlay_header header;
	struct overlay_geometry geometry;
	uint8_t *map;
	uint8_t *buffer;
	uint64_t done, total; /* clusters */
	disk_progress_fn *progress;
};

static int check_base(const struct commit *c, struct err *err)
{
	uint64_t len = 0, mtime = 0;
	int ret = disk_measure(c->base, &len);

	if (ret == 0)
		ret = disk_mtime(c->base, &mtime);
	if (ret < 0)
		return err_host(err, -ret, "its base");
	if (len != c->header.len)
		return err_input(err,
				 "it is a layer over %" PRIu64 " bytes, and the base has %" PRIu64,
				 c->header.len, len);
	/* One that was begun has changed the base itself. */
	if (c->header.state == OVERLAY_READY && mtime != c->header.base_mtime)
		return err_input(err, "the base was changed since the layer was made, or is "
				      "another one");
	return 0;
}

static int allocate(struct commit *c, struct err *err)
{
	c->map = calloc(c->geometry.n_map_sectors, OVERLAY_SECTOR);
	c->buffer = malloc(COPY_LEN);
	if (c->map == NULL || c->buffer == NULL)
		return err_host(err, ENOMEM, "a commit");
	return 0;
}

/* Clusters of the layer that stand together, as many as the buffer takes; 0: none from here on. */
static uint64_t find_run(const struct commit *c, uint64_t *first)
{
	uint64_t n = 0, max = COPY_LEN >> c->geometry.cluster_shift;

	while (*first < c->geometry.n_clusters && !overlay_map_get(c->map, *first))
		++*first;
	while (n < max && *first + n < c->geometry.n_clusters &&
	       overlay_map_get(c->map, *first + n))
		n++;
	return n;
}

static int copy_clusters(struct commit *c)
{
	uint64_t first = 0, n;
	int ret = 0;

	while (ret == 0 && (n = find_run(c, &first)) > 0) {
		uint64_t offset = first << c->geometry.cluster_shift;
		uint64_t last = first + n - 1;
		size_t len = ((n - 1) << c->geometry.cluster_shift) +
			     overlay_cluster_len(&c->geometry, last);

		ret = fd_pread_all(c->layer, c->buffer, len, c->geometry.data_offset + offset);
		if (ret == 0)
			ret = fd_pwrite_all(c->base, c->buffer, len, offset);
		first += n;
		c->done += n;
		c->progress(c->done, c->total);
	}
	return ret == 0 && fsync(c->base) < 0 ? -errno : ret;
}

static int clear_map(struct commit *c)
{
	static const uint8_t blank[OVERLAY_SECTOR];
	int ret = 0;

	for (uint64_t i = 0; i < c->geometry.n_map_sectors && ret == 0; i++)
		if (!overlay_is_blank(c->map + i * OVERLAY_SECTOR))
			ret = fd_pwrite_all(c->layer, blank, sizeof(blank),
					    OVERLAY_MAP_OFFSET + i * OVERLAY_SECTOR);
	return ret == 0 && fdatasync(c->layer) < 0 ? -errno : ret;
}

/* In the order that a crash anywhere allows. */
static int write_all(struct commit *c)
{
	int ret;

	c->header.state = OVERLAY_COMMITTING;
	if ((ret = overlay_file_write_header(c->layer, &c->header)) < 0 ||
	    (ret = copy_clusters(c)) < 0 || (ret = clear_map(c)) < 0 ||
	    (ret = disk_mtime(c->base, &c->header.base_mtime)) < 0)
		return ret;
	c->header.state = OVERLAY_READY;
	ret = overlay_file_write_header(c->layer, &c->header);
	/* Room that nobody needs: where the file system cannot give it back, it stays. */
	if (ret == 0 && fallocate(c->layer, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)c->geometry.data_offset,
				  (off_t)(c->geometry.file_len - c->geometry.data_offset)) < 0)
		errno = 0;
	return ret;
}

static int run(struct commit *c, struct err *err)
{
	int ret = allocate(c, err);

	if (ret == 0)
		ret = overlay_file_read_map(c->layer, &c->geometry, c->map, err);
	if (ret < 0)
		return ret;
	for (uint64_t i = 0; i < c->geometry.n_map_sectors; i++)
		c->total += overlay_map_count(c->map + i * OVERLAY_SECTOR);
	ret = write_all(c);
	return ret == 0 ? 0 : err_host(err, -ret, "a commit");
}

int disk_commit(int layer, int base, disk_progress_fn *progress, struct err *err)
{
	struct commit c = {.layer = layer, .base = base, .progress = progress};
	int ret = overlay_file_read_header(layer, &c.header, err);

	if (ret != 0)
		return ret > 0 ? 0 : ret;
	c.geometry = overlay_geometry(c.header.len, c.header.cluster_shift);
	ret = check_base(&c, err);
	if (ret == 0)
		ret = run(&c, err);
	free(c.map);
	free(c.buffer);
	return ret;
}
