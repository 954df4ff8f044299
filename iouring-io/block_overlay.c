/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/block_overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>

#include "iouring-io/block_memory.h"
#include "iouring-io/overlay_file.h"

/* What the operation in flight of a request is for. */
enum step {
	STEP_PART,      /* a part of its bytes */
	STEP_MAKE_READ, /* the base's bytes of a cluster that is made */
	STEP_MAKE_WRITE,
	STEP_SYNC, /* flush: the clusters, */
	STEP_MAP,  /* sectors of the map, */
	STEP_MAP_SYNC,
};

static struct block_overlay *to_overlay(struct block *block)
{
	return container_of(block, struct block_overlay, block);
}

static uint64_t cluster_of(const struct block_overlay *overlay, uint64_t offset)
{
	return offset >> overlay->geometry.cluster_shift;
}

static uint64_t cluster_end(const struct block_overlay *overlay, uint64_t cluster)
{
	return (cluster << overlay->geometry.cluster_shift) +
	       overlay_cluster_len(&overlay->geometry, cluster);
}

static bool is_in_layer(const struct block_overlay *overlay, uint64_t cluster)
{
	return overlay_map_get(overlay->map, cluster);
}

static void wake_waiting(struct block_overlay *overlay);

/* Claims. */

static bool sets_bits(const struct block_request *request)
{
	return request->op == BLOCK_WRITE || request->op == BLOCK_ZERO;
}

static uint64_t n_missing(const struct block_overlay *overlay, const struct block_request *request)
{
	uint64_t n = 0;

	for (uint64_t cluster = request->first; cluster <= request->last; cluster++)
		n += !is_in_layer(overlay, cluster);
	return n;
}

/* Does it write only a part of the cluster, which is not there yet? */
static bool makes(const struct block_overlay *overlay, uint64_t offset, uint64_t len,
		  uint64_t cluster)
{
	return !is_in_layer(overlay, cluster) &&
	       (offset > cluster << overlay->geometry.cluster_shift ||
		offset + len < cluster_end(overlay, cluster));
}

static bool is_claimed(const struct block_overlay *overlay, const struct block_request *request)
{
	for (const struct block_request *other = overlay->claims; other != NULL;
	     other = other->next)
		if (request->first <= other->last && other->first <= request->last)
			return true;
	return false;
}

static void wait(struct block_overlay *overlay, struct block_request *request)
{
	struct block_request **end = &overlay->waiting;

	while (*end != NULL)
		end = &(*end)->next;
	request->next = NULL;
	*end = request;
}

/*
 * Claims the clusters that a write makes. Returns 0 where it may go on, -EAGAIN where it has to wait
 * for others, -ENOSPC where the layer in memory is full.
 */
static int claim(struct block_overlay *overlay, struct block_request *request)
{
	uint64_t n;
	bool bounces;

	request->first = cluster_of(overlay, request->offset);
	request->last = cluster_of(overlay, request->offset + request->len - 1);
	n = n_missing(overlay, request);
	if (n == 0)
		return 0;
	bounces = overlay->memory == NULL &&
		  (makes(overlay, request->offset, request->len, request->first) ||
		   makes(overlay, request->offset, request->len, request->last));
	if (is_claimed(overlay, request) || (bounces && overlay->bounce_taken))
		return -EAGAIN;
	if (overlay->memory != NULL && n > overlay->n_left)
		return -ENOSPC;
	overlay->n_left -= overlay->memory != NULL ? n : 0;
	overlay->bounce_taken |= bounces;
	request->has_bounce = bounces;
	request->has_claim = true;
	request->next = overlay->claims;
	overlay->claims = request;
	return 0;
}

static void release(struct block_overlay *overlay, struct block_request *request)
{
	struct block_request **place = &overlay->claims;

	while (*place != request)
		place = &(*place)->next;
	*place = request->next;
	if (request->has_bounce)
		overlay->bounce_taken = false;
	/* Where it failed: the room of what it did not come to. */
	if (overlay->memory != NULL)
		overlay->n_left += n_missing(overlay, request);
	request->has_claim = request->has_bounce = false;
}

static void finish(struct block_overlay *overlay, struct block_request *request, int result)
{
	if (request->has_claim)
		release(overlay, request);
	if (request->op == BLOCK_FLUSH)
		overlay->flushing = false;
	overlay->block.done(overlay->block.owner, request, result);
	wake_waiting(overlay);
}

/* The parts of a request. */

static void set_bits(struct block_overlay *overlay, uint64_t first, uint64_t last)
{
	for (uint64_t cluster = first; cluster <= last; cluster++) {
		if (is_in_layer(overlay, cluster))
			continue;
		overlay_map_set(overlay->map, cluster);
		if (overlay->dirty != NULL)
			overlay->dirty[cluster / OVERLAY_SECTOR_BITS] = 1;
	}
}

static void advance(struct block_request *request, uint64_t len)
{
	if (request->op == BLOCK_READ || request->op == BLOCK_WRITE)
		iov_advance(&request->data, len);
	request->offset += len;
	request->len -= len;
}

/* How far from here on a read finds its clusters in the same place. */
static uint64_t read_run(const struct block_overlay *overlay, const struct block_request *request)
{
	uint64_t cluster = cluster_of(overlay, request->offset);
	bool in_layer = is_in_layer(overlay, cluster);
	uint64_t end = cluster_end(overlay, cluster);

	while (end < request->offset + request->len && is_in_layer(overlay, ++cluster) == in_layer)
		end = cluster_end(overlay, cluster);
	if (end > request->offset + request->len)
		end = request->offset + request->len;
	return end - request->offset;
}

/* How far from here on a write can go straight to the layer; 0: the first cluster has to be made. */
static uint64_t write_run(const struct block_overlay *overlay, const struct block_request *request)
{
	uint64_t end = request->offset + request->len, at = request->offset;

	while (at < end) {
		uint64_t cluster = cluster_of(overlay, at);

		if (makes(overlay, request->offset, request->len, cluster))
			break;
		at = cluster_end(overlay, cluster);
	}
	return (at < end ? at : end) - request->offset;
}

/* The same of a discard, which is for whole clusters of the layer. */
static uint64_t discard_run(const struct block_overlay *overlay,
			    const struct block_request *request)
{
	uint64_t end = request->offset + request->len, at = request->offset;

	while (at < end) {
		uint64_t cluster = cluster_of(overlay, at);

		if (!is_in_layer(overlay, cluster) || cluster_end(overlay, cluster) > end ||
		    at != cluster << overlay->geometry.cluster_shift)
			break;
		at = cluster_end(overlay, cluster);
	}
	return at - request->offset;
}

/* Submits what is left of the part: of the guest's bytes, or of our own cluster. */
static void submit_part(struct block_overlay *overlay, struct block_request *request)
{
	bool from_base = request->op == BLOCK_READ &&
			 !is_in_layer(overlay, cluster_of(overlay, request->offset));
	struct ring_io io = {.file = from_base ? overlay->base_file : overlay->layer_file,
			     .offset = request->offset +
				       (from_base ? 0 : overlay->geometry.data_offset)};

	if (request->op == BLOCK_DISCARD || request->op == BLOCK_ZERO) {
		ring_fallocate(overlay->block.ring, request->tag, overlay->layer_file,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, io.offset,
			       request->part);
		return;
	}
	io.iov = iov_cut(&request->data, request->part);
	io.n_iov = request->data.n_cut;
	if (request->op == BLOCK_READ)
		ring_readv(overlay->block.ring, request->tag, &io);
	else
		ring_writev(overlay->block.ring, request->tag, &io);
}

static void submit_make(struct block_overlay *overlay, struct block_request *request)
{
	uint64_t cluster = cluster_of(overlay, request->offset);
	uint64_t start = cluster << overlay->geometry.cluster_shift;
	uint8_t *bytes = overlay->memory != NULL ? overlay->memory + start : overlay->bounce;
	struct ring_io io = {.iov = &request->bounce, .n_iov = 1};

	request->bounce = (struct iovec){bytes + request->part_done,
					 request->part - request->part_done};
	io.offset = start + request->part_done;
	if (request->step == STEP_MAKE_READ) {
		io.file = overlay->base_file;
		ring_readv(overlay->block.ring, request->tag, &io);
		return;
	}
	io.file = overlay->layer_file;
	io.offset += overlay->geometry.data_offset;
	ring_writev(overlay->block.ring, request->tag, &io);
}

static void make_cluster(struct block_overlay *overlay, struct block_request *request)
{
	request->step = STEP_MAKE_READ;
	request->part = overlay_cluster_len(&overlay->geometry,
					    cluster_of(overlay, request->offset));
	request->part_done = 0;
	submit_make(overlay, request);
}

/* Does a part in memory, at once. */
static void do_in_memory(struct block_overlay *overlay, struct block_request *request, uint64_t len)
{
	uint8_t *place = overlay->memory + request->offset;

	switch (request->op) {
	case BLOCK_READ:
		iov_scatter(&request->data, place, len);
		break;
	case BLOCK_WRITE:
		iov_gather(&request->data, place, len);
		break;
	case BLOCK_DISCARD:
	case BLOCK_ZERO:
		block_memory_clear(place, len);
		break;
	case BLOCK_FLUSH:
	default:
		break;
	}
	if (sets_bits(request))
		set_bits(overlay, cluster_of(overlay, request->offset),
			 cluster_of(overlay, request->offset + len - 1));
	request->offset += len;
	request->len -= len;
}

/* Puts the request's bytes over those of the base in the cluster that is made. */
static void fill_cluster(struct block_overlay *overlay, struct block_request *request,
			 uint8_t *cluster_bytes)
{
	uint64_t cluster = cluster_of(overlay, request->offset);
	uint64_t len = cluster_end(overlay, cluster) - request->offset;
	uint8_t *place = cluster_bytes +
			 (request->offset - (cluster << overlay->geometry.cluster_shift));

	if (len > request->len)
		len = request->len;
	if (request->op == BLOCK_WRITE)
		iov_gather(&request->data, place, len);
	else
		memset(place, 0, len);
}

/* The length of the next part of a request, 0 where a cluster has to be made or passed over. */
static uint64_t next_run(const struct block_overlay *overlay, const struct block_request *request)
{
	if (request->op == BLOCK_READ)
		return read_run(overlay, request);
	if (request->op == BLOCK_DISCARD)
		return discard_run(overlay, request);
	return write_run(overlay, request);
}

static void pass_over(struct block_overlay *overlay, struct block_request *request)
{
	uint64_t rest = cluster_end(overlay, cluster_of(overlay, request->offset)) -
			request->offset;

	advance(request, rest < request->len ? rest : request->len);
}

/* Goes on until there is an operation to wait for, or the request is done. */
static void go_on(struct block_overlay *overlay, struct block_request *request)
{
	while (request->len > 0) {
		uint64_t run = next_run(overlay, request);
		bool from_base = request->op == BLOCK_READ &&
				 !is_in_layer(overlay, cluster_of(overlay, request->offset));

		if (run == 0 && request->op == BLOCK_DISCARD) {
			pass_over(overlay, request);
		} else if (run == 0) {
			make_cluster(overlay, request);
			return;
		} else if (overlay->memory != NULL && !from_base) {
			do_in_memory(overlay, request, run);
		} else {
			request->step = STEP_PART;
			request->part = run;
			submit_part(overlay, request);
			return;
		}
	}
	finish(overlay, request, 0);
}

/* Flush. */

/* The map as it is now is what the flush makes durable. */
static void stage_map(struct block_overlay *overlay)
{
	for (uint64_t i = 0; i < overlay->geometry.n_map_sectors; i++) {
		uint8_t *sector = overlay->staged + i * OVERLAY_SECTOR;

		if (overlay->dirty[i] == 0)
			continue;
		memcpy(sector, overlay->map + i * OVERLAY_SECTOR, OVERLAY_SECTOR);
		overlay_map_seal(sector);
		overlay->dirty[i] = 0;
		overlay->staging[i] = 1;
	}
	overlay->next_staged = 0;
}

/* What could not be written is written by the next flush. */
static void unstage_map(struct block_overlay *overlay)
{
	for (uint64_t i = 0; i < overlay->geometry.n_map_sectors; i++) {
		overlay->dirty[i] |= overlay->staging[i];
		overlay->staging[i] = 0;
	}
}

static void start_flush(struct block_overlay *overlay, struct block_request *request)
{
	overlay->flushing = true;
	stage_map(overlay);
	request->step = STEP_SYNC;
	ring_fsync(overlay->block.ring, request->tag, overlay->layer_file);
}

/* The next sectors of the map that stand together; false where there are none. */
static bool find_staged(struct block_overlay *overlay, struct block_request *request)
{
	uint64_t n = overlay->geometry.n_map_sectors, first = overlay->next_staged, end;

	while (first < n && overlay->staging[first] == 0)
		first++;
	for (end = first; end < n && overlay->staging[end] != 0; end++)
		;
	overlay->next_staged = first;
	request->part = (end - first) * OVERLAY_SECTOR;
	request->part_done = 0;
	return end > first;
}

static void write_map(struct block_overlay *overlay, struct block_request *request)
{
	uint64_t at = overlay->next_staged * OVERLAY_SECTOR + request->part_done;
	struct ring_io io = {.file = overlay->layer_file,
			     .iov = &request->bounce,
			     .n_iov = 1,
			     .offset = OVERLAY_MAP_OFFSET + at};

	request->bounce = (struct iovec){overlay->staged + at, request->part - request->part_done};
	request->step = STEP_MAP;
	ring_writev(overlay->block.ring, request->tag, &io);
}

static void sync_map(struct block_overlay *overlay, struct block_request *request)
{
	request->step = STEP_MAP_SYNC;
	ring_fsync(overlay->block.ring, request->tag, overlay->layer_file);
}

/* A flush has come one operation further. */
static void flush_on(struct block_overlay *overlay, struct block_request *request, uint64_t n_done)
{
	switch (request->step) {
	case STEP_SYNC:
		if (!find_staged(overlay, request)) {
			finish(overlay, request, 0);
			return;
		}
		write_map(overlay, request);
		return;
	case STEP_MAP:
		request->part_done += n_done;
		if (request->part_done == request->part) {
			overlay->next_staged += request->part / OVERLAY_SECTOR;
			if (!find_staged(overlay, request)) {
				sync_map(overlay, request);
				return;
			}
		}
		write_map(overlay, request);
		return;
	case STEP_MAP_SYNC:
	default:
		memset(overlay->staging, 0, overlay->geometry.n_map_sectors);
		finish(overlay, request, 0);
		return;
	}
}

/* Completions. */

static void again(struct block_overlay *overlay, struct block_request *request)
{
	switch (request->step) {
	case STEP_PART:
		submit_part(overlay, request);
		break;
	case STEP_MAP:
		write_map(overlay, request);
		break;
	case STEP_SYNC:
	case STEP_MAP_SYNC:
		ring_fsync(overlay->block.ring, request->tag, overlay->layer_file);
		break;
	case STEP_MAKE_READ:
	case STEP_MAKE_WRITE:
	default:
		submit_make(overlay, request);
		break;
	}
}

/* A part, or a piece of it, is done. */
static void part_on(struct block_overlay *overlay, struct block_request *request, uint64_t n_done)
{
	uint64_t end;

	if (request->op == BLOCK_DISCARD || request->op == BLOCK_ZERO)
		n_done = request->part;
	end = request->offset + n_done;
	/* Only clusters that are there whole: a short write goes on where it ended. */
	if (sets_bits(request) && n_done == request->part)
		set_bits(overlay, cluster_of(overlay, request->offset),
			 cluster_of(overlay, end - 1));
	else if (sets_bits(request) &&
		 cluster_of(overlay, end) > cluster_of(overlay, request->offset))
		set_bits(overlay, cluster_of(overlay, request->offset),
			 cluster_of(overlay, end) - 1);
	advance(request, n_done);
	request->part -= n_done;
	if (request->part > 0)
		submit_part(overlay, request);
	else
		go_on(overlay, request);
}

/* The cluster that is made, or a piece of it, is read or written. */
static void make_on(struct block_overlay *overlay, struct block_request *request, uint64_t n_done)
{
	uint64_t cluster = cluster_of(overlay, request->offset), rest;
	uint8_t *bytes = overlay->bounce;

	request->part_done += n_done;
	if (request->part_done < request->part) {
		submit_make(overlay, request);
		return;
	}
	if (overlay->memory != NULL)
		bytes = overlay->memory + (cluster << overlay->geometry.cluster_shift);
	if (request->step == STEP_MAKE_READ)
		fill_cluster(overlay, request, bytes);
	if (request->step == STEP_MAKE_READ && overlay->memory == NULL) {
		request->step = STEP_MAKE_WRITE;
		request->part_done = 0;
		submit_make(overlay, request);
		return;
	}
	set_bits(overlay, cluster, cluster);
	rest = cluster_end(overlay, cluster) - request->offset;
	rest = rest < request->len ? rest : request->len;
	request->offset += rest;
	request->len -= rest;
	go_on(overlay, request);
}

static void overlay_step(struct block *block, struct block_request *request, int32_t result)
{
	struct block_overlay *overlay = to_overlay(block);
	bool is_transfer = request->step == STEP_MAKE_READ || request->step == STEP_MAKE_WRITE ||
			   request->step == STEP_MAP ||
			   (request->step == STEP_PART &&
			    (request->op == BLOCK_READ || request->op == BLOCK_WRITE));
	int error = 0;

	iov_restore(&request->data);
	switch (block_judge(request, result, is_transfer, &error)) {
	case BLOCK_AGAIN:
		again(overlay, request);
		return;
	case BLOCK_FAILED:
		if (request->op == BLOCK_FLUSH)
			unstage_map(overlay);
		if (request->op == BLOCK_FLUSH && request->step != STEP_MAP)
			overlay->block.sync_error = error;
		finish(overlay, request, error);
		return;
	case BLOCK_GOES_ON:
	default:
		break;
	}
	if (request->op == BLOCK_FLUSH)
		flush_on(overlay, request, (uint64_t)result);
	else if (request->step == STEP_PART)
		part_on(overlay, request, (uint64_t)result);
	else
		make_on(overlay, request, (uint64_t)result);
}

/* Starts it, or puts it behind those that it has to wait for. */
static void start_or_wait(struct block_overlay *overlay, struct block_request *request)
{
	int ret = 0;

	if (request->op == BLOCK_FLUSH && overlay->memory == NULL) {
		if (overlay->flushing)
			wait(overlay, request);
		else if (overlay->block.sync_error != 0)
			overlay->block.done(overlay->block.owner, request,
					    overlay->block.sync_error);
		else
			start_flush(overlay, request);
		return;
	}
	if (sets_bits(request))
		ret = claim(overlay, request);
	if (ret == -EAGAIN)
		wait(overlay, request);
	else if (ret < 0)
		finish(overlay, request, ret);
	else
		go_on(overlay, request);
}

/* Something ended: everyone who waits tries again, once for all that ends meanwhile. */
static void wake_waiting(struct block_overlay *overlay)
{
	struct block_request *list;

	if (overlay->waking)
		return;
	overlay->waking = true;
	list = overlay->waiting;
	overlay->waiting = NULL;
	while (list != NULL) {
		struct block_request *request = list;

		list = request->next;
		start_or_wait(overlay, request);
	}
	overlay->waking = false;
}

static void overlay_start(struct block *block, struct block_request *request)
{
	request->has_claim = request->has_bounce = false;
	start_or_wait(to_overlay(block), request);
}

static const struct block_ops overlay_ops = {.start = overlay_start, .step = overlay_step};

/* Set-up. */

static int no_memory(uint64_t len, struct err *err)
{
	return err_host(err, ENOMEM, "%" PRIu64 " bytes for an overlay", len);
}

static int init_memory(struct block_overlay *overlay, const struct block_overlay_config *config,
		       struct err *err)
{
	uint64_t len;

	overlay->geometry = overlay_geometry(config->len, overlay_cluster_shift(config->len));
	len = overlay->geometry.n_clusters << overlay->geometry.cluster_shift;
	overlay->memory = block_memory_map(len);
	if (overlay->memory == NULL)
		return no_memory(len, err);
	overlay->n_left = overlay->geometry.n_clusters;
	if (config->memory_max >> overlay->geometry.cluster_shift < overlay->n_left &&
	    config->memory_max > 0)
		overlay->n_left = config->memory_max >> overlay->geometry.cluster_shift;
	return 0;
}

/* Does the layer belong to this base, and may it be used? */
static int check_base(const struct overlay_header *header,
		      const struct block_overlay_config *config, struct err *err)
{
	if (header->state == OVERLAY_COMMITTING)
		return err_input(err, "a commit was begun and not finished: mayfly disk commit "
				      "finishes it");
	if (header->len != config->len)
		return err_input(err,
				 "it is a layer over %" PRIu64 " bytes, and the base has %" PRIu64,
				 header->len, config->len);
	if (header->base_mtime != config->base_mtime)
		return err_input(err, "the base was changed since the layer was made, or is "
				      "another one");
	return 0;
}

static int init_file(struct block_overlay *overlay, const struct block_overlay_config *config,
		     struct err *err)
{
	struct overlay_header header;
	int ret = overlay_file_read_header(config->layer_fd, &header, err);

	if (ret == 1) {
		header = (struct overlay_header){
			.cluster_shift = overlay_cluster_shift(config->len),
			.len = config->len,
			.base_mtime = config->base_mtime};
		ret = overlay_file_format(config->layer_fd, &header, err);
	} else if (ret == 0) {
		ret = check_base(&header, config, err);
	}
	if (ret == 0)
		overlay->geometry = overlay_geometry(header.len, header.cluster_shift);
	return ret;
}

static uint64_t map_len(const struct block_overlay *overlay)
{
	return overlay->geometry.n_map_sectors * OVERLAY_SECTOR;
}

/* All that is beside the clusters, in one mapping. */
static int map_tables(struct block_overlay *overlay, struct err *err)
{
	uint64_t n = overlay->geometry.n_map_sectors;

	overlay->map = block_memory_map(map_len(overlay));
	if (overlay->map == NULL)
		return no_memory(map_len(overlay), err);
	if (overlay->memory != NULL)
		return 0;
	overlay->staged = block_memory_map(map_len(overlay));
	overlay->dirty = block_memory_map(2 * n);
	overlay->bounce = block_memory_map(UINT64_C(1) << overlay->geometry.cluster_shift);
	if (overlay->staged == NULL || overlay->dirty == NULL || overlay->bounce == NULL)
		return no_memory(map_len(overlay), err);
	overlay->staging = overlay->dirty + n;
	return 0;
}

static int add_files(struct block_overlay *overlay, const struct block_overlay_config *config,
		     struct err *err)
{
	int ret = ring_add_file(overlay->block.ring, config->base_fd, &overlay->base_file);

	if (ret == 0 && config->layer_fd >= 0)
		ret = ring_add_file(overlay->block.ring, config->layer_fd, &overlay->layer_file);
	return ret == 0 ? 0 : err_host(err, -ret, "a place in the ring");
}

int block_overlay_init(struct block_overlay *overlay, const struct block_overlay_config *config,
		       struct err *err)
{
	int ret = config->layer_fd >= 0 ? init_file(overlay, config, err)
					: init_memory(overlay, config, err);

	overlay->block.ops = &overlay_ops;
	if (ret == 0)
		ret = map_tables(overlay, err);
	if (ret == 0 && config->layer_fd >= 0)
		ret = overlay_file_read_map(config->layer_fd, &overlay->geometry, overlay->map,
					    err);
	if (ret == 0)
		ret = add_files(overlay, config, err);
	if (ret < 0)
		block_overlay_done(overlay);
	return ret;
}

static void unmap(uint8_t **bytes, uint64_t len)
{
	if (*bytes != NULL)
		munmap(*bytes, len);
	*bytes = NULL;
}

void block_overlay_done(struct block_overlay *overlay)
{
	unmap(&overlay->memory, overlay->geometry.n_clusters << overlay->geometry.cluster_shift);
	unmap(&overlay->map, map_len(overlay));
	unmap(&overlay->staged, map_len(overlay));
	unmap(&overlay->dirty, 2 * overlay->geometry.n_map_sectors);
	unmap(&overlay->bounce, UINT64_C(1) << overlay->geometry.cluster_shift);
	overlay->staging = NULL;
}

void block_overlay_drop(struct block_overlay *overlay)
{
	for (uint64_t i = 0; i < overlay->geometry.n_map_sectors; i++)
		overlay->n_left += overlay_map_count(overlay->map + i * OVERLAY_SECTOR);
	block_memory_clear(overlay->map, map_len(overlay));
	block_memory_clear(overlay->memory,
			   overlay->geometry.n_clusters << overlay->geometry.cluster_shift);
}
