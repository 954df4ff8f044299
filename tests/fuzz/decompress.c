/* SPDX-License-Identifier: Apache-2.0 */
/* Packed payloads: what they unpack into never exceeds its room, and has one length only. */
#include "boot-proto/decompress.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "tests/fuzz/fuzz.h"

#define LEN_MAX   (256U << 10)
#define LZ4_MAGIC 0x184c2102

static bool unpack(const uint8_t *packed, size_t packed_len, size_t len)
{
	SCOPE_FREE uint8_t *bytes = malloc(len);
	struct err err = fuzz_err();
	int ret;

	fuzz_check(bytes != NULL);
	ret = decompress(packed, packed_len, bytes, len, &err);
	if (ret < 0) {
		fuzz_check_refusal(ret, &err);
		fuzz_check(fuzz_is_ascii(err.text));
	}
	return ret == 0;
}

/* Nothing but its length ends an LZ4 frame: one more byte is one that is not understood. */
static bool takes_stray_byte(const uint8_t *packed, size_t packed_len, size_t len)
{
	SCOPE_FREE uint8_t *longer = calloc(1, packed_len + 1);

	fuzz_check(longer != NULL);
	memcpy(longer, packed, packed_len);
	return unpack(longer, packed_len + 1, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;

	if (size < 4)
		return 0;
	len = le32_get(data) % LEN_MAX + 1;
	data += 4;
	size -= 4;
	if (!unpack(data, size, len))
		return 0;
	fuzz_check(len == 1 || !unpack(data, size, len - 1));
	fuzz_check(!unpack(data, size, len + 1));
	fuzz_check(takes_stray_byte(data, size, len) == (le32_get(data) != LZ4_MAGIC));
	return 0;
}
