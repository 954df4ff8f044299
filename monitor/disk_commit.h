/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_commit.h - the layer of an overlay into its base, as docs/overlay-format.md has it: stopped
 * anywhere it can be begun again. A tool's process.
 */
#ifndef MAYFLY_MONITOR_DISK_COMMIT_H
#define MAYFLY_MONITOR_DISK_COMMIT_H

#include <stdint.h>

#include "base/err.h"

/* Called now and then; `done` of `total` clusters are written. */
typedef void disk_progress_fn(uint64_t done, uint64_t total);

/*
 * Both files are open for writing and locked. Errors: -EINVAL for a layer that is damaged, or not of
 * this base; else the host's.
 */
MUST_CHECK int disk_commit(int layer, int base, disk_progress_fn *progress, struct err *err);

#endif
