/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of every packing, whole and broken; what is made never exceeds its room. */
#include "boot-proto/decompress.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "tests/support/image_builder.h"

#define FEW  UINT64_C(1000)
#define MANY (UINT64_C(9) << 20) /* more than one block of LZ4's */

static struct err err;

/* Bytes that neither repeat at once nor are all different. */
static uint8_t *pattern(size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	uint32_t state = 1;

	for (size_t i = 0; i < len; i++) {
		state = state * 1103515245 + 12345;
		bytes[i] = i % 64 < 48 ? (uint8_t)(i / 64) : (uint8_t)(state >> 16);
	}
	return bytes;
}

/* Into a buffer of exactly `len` bytes, so that the sanitizer sees one more. */
static int unpack(const uint8_t *packed, size_t packed_len, size_t len, uint8_t **ret_bytes)
{
	uint8_t *bytes = malloc(len + 1);
	int ret = decompress(packed, packed_len, bytes, len, &err);

	if (ret_bytes != NULL)
		*ret_bytes = bytes;
	else
		free(bytes);
	return ret;
}

static void refused(const struct image *stream, size_t len, const char *message)
{
	cr_assert_eq(unpack(stream->bytes, stream->len, len, NULL), -EINVAL, "%s", message);
	cr_assert(strstr(err.text, message) != NULL, "\"%s\", not \"%s\"", err.text, message);
}

Test(decompress, every_packing_gives_back_what_was_packed)
{
	static const size_t lens[] = {1, FEW, MANY};

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++)
		for (size_t j = 0; j < (i == IMAGE_LZ4 ? 3 : 2); j++) {
			uint8_t *bytes = pattern(lens[j]), *made;
			struct image stream = image_pack((enum image_packing)i, bytes, lens[j]);

			cr_assert_eq(unpack(stream.bytes, stream.len, lens[j], &made), 0, "%s: %s",
				     image_packing_names[i], err.text);
			cr_assert_arr_eq(made, bytes, lens[j]);
			image_free(&stream);
			free(bytes);
			free(made);
		}
}

Test(decompress, a_stream_cut_at_any_offset_is_refused)
{
	uint8_t *bytes = pattern(FEW);

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		struct image stream = image_pack((enum image_packing)i, bytes, FEW);

		for (size_t len = 1; len < stream.len; len++) {
			uint8_t *cut = malloc(len);

			memcpy(cut, stream.bytes, len);
			cr_assert_eq(unpack(cut, len, FEW, NULL), -EINVAL, "%s, %zu bytes of %zu",
				     image_packing_names[i], len, stream.len);
			free(cut);
		}
	}
}

Test(decompress, a_stream_of_another_length_than_announced_is_refused)
{
	uint8_t *bytes = pattern(FEW);

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		struct image stream = image_pack((enum image_packing)i, bytes, FEW);
		char fewer[64], more[64];

		snprintf(fewer, sizeof(fewer), "%s stream has 1000 bytes where 1001 were announced",
			 image_packing_names[i]);
		snprintf(more, sizeof(more), "%s stream is damaged, or longer than the 999 bytes",
			 image_packing_names[i]);
		refused(&stream, FEW + 1, fewer);
		refused(&stream, FEW - 1, more);
		refused(&stream, 1, "longer than the 1 bytes");
	}
}

/* A bomb: 4 MiB of zeroes, of which no more than one page is ever made. */
Test(decompress, no_stream_makes_more_than_there_is_room_for)
{
	const size_t len = 4 << 20;
	uint8_t *zeroes = calloc(1, len);

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		struct image bomb = image_pack((enum image_packing)i, zeroes, len);

		refused(&bomb, 4096, "longer than the 4096 bytes it announces");
		image_free(&bomb);
	}
}

/* These know where they end; LZ4's legacy frame ends where its bytes do. */
Test(decompress, what_follows_a_stream_is_ignored_except_by_lz4)
{
	uint8_t *bytes = pattern(FEW);

	for (int i = 0; i < IMAGE_PACKING_COUNT; i++)
		for (size_t extra = 1; extra < 10; extra++) {
			struct image stream = image_pack((enum image_packing)i, bytes, FEW);

			image_append(&stream, "\1\0\0\0\x10x\0\0\0", extra);
			if (i == IMAGE_LZ4)
				refused(&stream, FEW, "lz4 stream is damaged, or longer");
			else
				cr_assert_eq(unpack(stream.bytes, stream.len, FEW, NULL), 0);
		}
}

Test(decompress, lz4_blocks_are_judged_by_their_lengths)
{
	static const struct {
		uint32_t block;
		const char *message;
	} cases[] = {{0, "damaged"}, {3, "damaged"}, {0x7fffffff, "damaged"}, {~0U, "damaged"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image stream = image_pack(IMAGE_LZ4, "four", 4);

		le32_put(stream.bytes + 4, cases[i].block);
		refused(&stream, 4, cases[i].message);
	}
}

/* [lzma-file-format.txt]: the dictionary's size follows one byte of properties. */
Test(decompress, a_dictionary_beyond_the_limit_is_refused)
{
	struct image lzma = image_pack(IMAGE_LZMA, "four", 4);
	struct image xz = image_pack(IMAGE_XZ, "four", 4);
	uint8_t *block = xz.bytes + 12;
	size_t block_len = (block[0] + 1UL) * 4;

	le32_put(lzma.bytes + 1, UINT32_C(1) << 31);
	refused(&lzma, 4, "lzma stream needs more than the 256 MiB that it may take to unpack");
	/* [xz-file-format.txt §3.1, §5.3.1]: 40 is 4 GiB; then the header's checksum. */
	cr_assert_eq(block[4], 0x21, "the filter is LZMA2");
	block[6] = 40;
	le32_put(block + block_len - 4, lzma_crc32(block, block_len - 4, 0));
	refused(&xz, 4, "xz stream needs more than the 256 MiB that it may take to unpack");
}

Test(decompress, what_is_not_supported_is_refused_by_name)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *message;
	} cases[] = {
		{"BZh91AY&SY", 10, "packed with bzip2, which is not supported"},
		{"\x89LZO\0\r\n\x1a\n", 9, "packed with lzo, which is not supported"},
		{"\x7f"
		 "ELF",
		 4, "magic 0x464c457f is no packing that is known"},
		{"\x1f\x8b\x08", 3, "3 bytes are too few for any packing"},
		{"", 0, "0 bytes are too few for any packing"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct image stream = {0};

		image_append(&stream, cases[i].bytes, cases[i].len);
		refused(&stream, 4, cases[i].message);
	}
}

Test(decompress, the_length_is_part_of_a_gzip_payload_alone)
{
	for (int i = 0; i < IMAGE_PACKING_COUNT; i++) {
		struct image stream = image_pack((enum image_packing)i, "four", 4);

		cr_assert_eq(decompress_stream_len(stream.bytes, stream.len),
			     i == IMAGE_GZIP ? stream.len : stream.len - 4);
	}
}
