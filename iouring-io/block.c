/* SPDX-License-Identifier: Apache-2.0 */
#include "iouring-io/block.h"

#include <errno.h>

#define RETRIES_MAX 16

enum block_verdict block_judge(struct block_request *request, int32_t result, bool is_transfer,
			       int *ret_error)
{
	if ((result == -EINTR || result == -EAGAIN) && request->n_retries < RETRIES_MAX) {
		request->n_retries++;
		return BLOCK_AGAIN;
	}
	if (result > 0 || (result == 0 && !is_transfer))
		return BLOCK_GOES_ON;
	/* A transfer of nothing: the file ends before the disk does. */
	*ret_error = result < 0 ? result : -EIO;
	return BLOCK_FAILED;
}
