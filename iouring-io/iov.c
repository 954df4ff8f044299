/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/iov.h"

#include <stdbool.h>
#include <string.h>

void iov_init(struct iov_cursor *cursor, struct iovec *iov, unsigned n_iov)
{
	*cursor = (struct iov_cursor){.iov = iov, .n_iov = n_iov};
}

const struct iovec *iov_cut(struct iov_cursor *cursor, uint64_t len)
{
	struct iovec *first = &cursor->iov[cursor->index], *last = first;
	uint64_t left = len;

	while (left > last->iov_len - (last == first ? cursor->offset : 0)) {
		left -= last->iov_len - (last == first ? cursor->offset : 0);
		last++;
	}
	cursor->n_cut = (unsigned)(last - first) + 1;
	cursor->first = *first;
	cursor->last = *last;
	/* The end first: where both are one entry, its beginning goes by the offset. */
	last->iov_len = left + (last == first ? cursor->offset : 0);
	first->iov_base = (uint8_t *)first->iov_base + cursor->offset;
	first->iov_len -= cursor->offset;
	return first;
}

void iov_restore(struct iov_cursor *cursor)
{
	if (cursor->n_cut == 0)
		return;
	cursor->iov[cursor->index + cursor->n_cut - 1] = cursor->last;
	cursor->iov[cursor->index] = cursor->first;
	cursor->n_cut = 0;
}

void iov_advance(struct iov_cursor *cursor, uint64_t len)
{
	while (len > 0) {
		uint64_t rest = cursor->iov[cursor->index].iov_len - cursor->offset;

		if (len < rest) {
			cursor->offset += len;
			return;
		}
		len -= rest;
		cursor->index++;
		cursor->offset = 0;
	}
}

static void copy(struct iov_cursor *cursor, uint8_t *bytes, uint64_t len, bool out)
{
	while (len > 0) {
		const struct iovec *entry = &cursor->iov[cursor->index];
		uint8_t *place = (uint8_t *)entry->iov_base + cursor->offset;
		uint64_t rest = entry->iov_len - cursor->offset;
		uint64_t n = len < rest ? len : rest;

		if (out)
			memcpy(bytes, place, n);
		else
			memcpy(place, bytes, n);
		iov_advance(cursor, n);
		bytes += n;
		len -= n;
	}
}

void iov_gather(struct iov_cursor *cursor, void *bytes, uint64_t len)
{
	copy(cursor, bytes, len, true);
}

void iov_scatter(struct iov_cursor *cursor, const void *bytes, uint64_t len)
{
	copy(cursor, (uint8_t *)(uintptr_t)bytes, len, false);
}
