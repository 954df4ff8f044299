/* SPDX-License-Identifier: Apache-2.0 */
/* fd.h - whole reads and writes: both go on after EINTR and short counts. Any thread. */
#ifndef MAYFLY_BASE_FD_H
#define MAYFLY_BASE_FD_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

/* Reads exactly `len` bytes at `offset`. Errors: -ENODATA when the file ends before, or -errno. */
MUST_CHECK int fd_pread_all(int fd, void *bytes, size_t len, uint64_t offset);

/* Writes exactly `len` bytes at `offset`. Errors: -errno. */
MUST_CHECK int fd_pwrite_all(int fd, const void *bytes, size_t len, uint64_t offset);

/* Writes exactly `len` bytes at the descriptor's position. Errors: -errno. */
MUST_CHECK int fd_write_all(int fd, const void *bytes, size_t len);

#endif
