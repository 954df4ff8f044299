/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/image.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"

int boot_image_check(const struct boot_image *image, struct boot_span span, struct err *err)
{
	if (span.offset <= image->len && span.len <= image->len - span.offset)
		return 0;
	return err_input(err,
			 "%s: %" PRIu64 " bytes at offset %" PRIu64
			 " go past the end, which is at %" PRIu64,
			 span.what, span.len, span.offset, image->len);
}

int boot_image_read(const struct boot_image *image, struct boot_span span, void *to,
		    struct err *err)
{
	int ret = boot_image_check(image, span, err);

	if (ret < 0)
		return ret;
	if (image->fd < 0)
		memcpy(to, image->bytes + span.offset, span.len);
	else
		ret = fd_pread_all(image->fd, to, span.len, span.offset);
	if (ret == -ENODATA)
		return err_input(err,
				 "%s: the file became shorter than %" PRIu64 " while it was read",
				 span.what, image->len);
	if (ret < 0)
		return err_host(err, -ret, "%s: read at offset %" PRIu64, span.what, span.offset);
	return 0;
}

int boot_image_load(const struct boot_image *image, struct boot_span span, const struct mem *mem,
		    uint64_t gpa, struct err *err)
{
	void *hva = mem_get(mem, gpa, span.len);

	if (hva == NULL)
		return err_input(
			err, "%s: %" PRIu64 " bytes at guest address 0x%" PRIx64 " lie outside RAM",
			span.what, span.len, gpa);
	return boot_image_read(image, span, hva, err);
}
