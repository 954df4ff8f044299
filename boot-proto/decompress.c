/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/decompress.h"

#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "base/le.h"

#define LZ4_BLOCK_MAX (8U << 20) /* of the legacy frame, unpacked [lz4_Frame_format.md] */
#define LZMA_MEMORY   (256U << 20)
#define MAGIC_LEN_MIN 4 /* to say what it is, if it is nothing known */
#define LENGTH_LEN    4

/* What an unpack_fn returns instead of a number of bytes. */
enum { UNPACK_BAD = -1, UNPACK_TOO_MUCH_MEMORY = -2 };

/* Each unpacks into at most `len` bytes and returns how many they are. */
typedef int64_t unpack_fn(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len);

static int64_t unpack_gzip(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len)
{
	z_stream stream = {
		.next_in = packed,
		.avail_in = packed_len > UINT_MAX ? UINT_MAX : (uInt)packed_len,
		.next_out = bytes,
		.avail_out = len > UINT_MAX ? UINT_MAX : (uInt)len,
	};
	int ret;

	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return UNPACK_BAD;
	ret = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return ret == Z_STREAM_END ? (int64_t)stream.total_out : UNPACK_BAD;
}

static int64_t unpack_xz(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len)
{
	uint64_t memory = LZMA_MEMORY;
	size_t in = 0, out = 0;
	lzma_ret ret = lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, packed_len, bytes,
						 &out, len);

	if (ret == LZMA_MEMLIMIT_ERROR)
		return UNPACK_TOO_MUCH_MEMORY;
	return ret == LZMA_OK ? (int64_t)out : UNPACK_BAD;
}

static int64_t unpack_lzma(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret ret = lzma_alone_decoder(&stream, LZMA_MEMORY);

	if (ret != LZMA_OK)
		return UNPACK_BAD;
	stream.next_in = packed;
	stream.avail_in = packed_len;
	stream.next_out = bytes;
	stream.avail_out = len;
	ret = lzma_code(&stream, LZMA_FINISH);
	lzma_end(&stream);
	if (ret == LZMA_MEMLIMIT_ERROR)
		return UNPACK_TOO_MUCH_MEMORY;
	return ret == LZMA_STREAM_END ? (int64_t)stream.total_out : UNPACK_BAD;
}

static int64_t unpack_zstd(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len)
{
	size_t frame_len = ZSTD_findFrameCompressedSize(packed, packed_len);
	size_t out;

	if (ZSTD_isError(frame_len))
		return UNPACK_BAD;
	out = ZSTD_decompress(bytes, len, packed, frame_len);
	return ZSTD_isError(out) ? UNPACK_BAD : (int64_t)out;
}

/*
 * A magic number, then blocks of a length and so many bytes, up to the end of the input: nothing else
 * says that there are no more.
 */
static int64_t unpack_lz4(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len)
{
	size_t in = 4, out = 0;

	while (out < len && packed_len - in >= 4) {
		uint32_t block = le32_get(packed + in);
		size_t room = len - out < LZ4_BLOCK_MAX ? len - out : LZ4_BLOCK_MAX;
		int made;

		in += 4;
		if (block > packed_len - in || block > INT_MAX)
			return UNPACK_BAD;
		made = LZ4_decompress_safe((const char *)packed + in, (char *)bytes + out,
					   (int)block, (int)room);
		if (made <= 0)
			return UNPACK_BAD;
		in += block;
		out += (size_t)made;
	}
	return in == packed_len ? (int64_t)out : UNPACK_BAD;
}

static const struct packing {
	const char *name;
	uint8_t magic[6];
	size_t magic_len;
	unpack_fn *unpack;   /* NULL: known, not supported */
	bool ends_in_length; /* of its own; to the others the kernel's build appends it */
} packings[] = {
	{"gzip", {0x1f, 0x8b}, 2, unpack_gzip, true},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, unpack_xz, false},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd, false},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, unpack_lz4, false},
	{"lzma", {0x5d, 0x00, 0x00}, 3, unpack_lzma, false},
	{"bzip2", {'B', 'Z', 'h'}, 3, NULL, false},
	{"lzo", {0x89, 'L', 'Z', 'O'}, 4, NULL, false},
};

static const struct packing *find_packing(const uint8_t *packed, size_t packed_len)
{
	for (size_t i = 0; i < ARRAY_LEN(packings); i++)
		if (packed_len >= packings[i].magic_len &&
		    memcmp(packed, packings[i].magic, packings[i].magic_len) == 0)
			return &packings[i];
	return NULL;
}

size_t decompress_stream_len(const uint8_t *payload, size_t payload_len)
{
	const struct packing *packing = find_packing(payload, payload_len);

	if (payload_len < LENGTH_LEN || (packing != NULL && packing->ends_in_length))
		return payload_len;
	return payload_len - LENGTH_LEN;
}

static int refuse(const struct packing *packing, int64_t made, size_t len, struct err *err)
{
	if (made == UNPACK_TOO_MUCH_MEMORY)
		return err_input(err,
				 "payload: its %s stream needs more than the %u MiB that it may "
				 "take to unpack",
				 packing->name, LZMA_MEMORY >> 20);
	if (made < 0)
		return err_input(err,
				 "payload: its %s stream is damaged, or longer than the %zu "
				 "bytes it announces",
				 packing->name, len);
	return err_input(err, "payload: its %s stream has %lld bytes where %zu were announced",
			 packing->name, (long long)made, len);
}

int decompress(const uint8_t *packed, size_t packed_len, uint8_t *bytes, size_t len,
	       struct err *err)
{
	const struct packing *packing = find_packing(packed, packed_len);
	int64_t made;

	if (packed_len < MAGIC_LEN_MIN)
		return err_input(err, "payload: %zu bytes are too few for any packing", packed_len);
	if (packing == NULL)
		return err_input(err, "payload: magic 0x%08x is no packing that is known",
				 le32_get(packed));
	if (packing->unpack == NULL)
		return err_input(err, "payload: packed with %s, which is not supported",
				 packing->name);
	made = packing->unpack(packed, packed_len, bytes, len);
	return made == (int64_t)len ? 0 : refuse(packing, made, len, err);
}
