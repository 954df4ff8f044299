/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decompress.h - the packings a Linux kernel's payload comes in, told by their first bytes.
 *
 * gzip, xz, lzma, zstd and LZ4's legacy frame, each by its library, from buffer to buffer: what is
 * made never exceeds the room there is. bzip2 and lzo are refused by name.
 */
#ifndef MAYFLY_BOOT_DECOMPRESS_H
#define MAYFLY_BOOT_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Unpacks `packed` into exactly `len` bytes at `bytes`. Bytes after the end of the packed stream
 * are ignored, except by LZ4's legacy frame, which ends where its bytes do. Errors: -EINVAL for an
 * unknown or damaged stream, one of another length, or one that needs 256 MiB to unpack.
 */
MUST_CHECK int decompress(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len,
			  struct err *err);

/*
 * How many bytes of a kernel's payload are its packed stream. The last four are the unpacked
 * length, which is gzip's own, and comes after every other stream.
 */
size_t decompress_stream_len(const uint8_t *payload, size_t payload_len);

#endif
