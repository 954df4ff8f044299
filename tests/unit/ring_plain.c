/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of the ring once more, where the kernel has neither SINGLE_ISSUER nor DEFER_TASKRUN. */
#define RING_IS_PLAIN
#include "tests/unit/ring.c" /* NOLINT(bugprone-suspicious-include): the same tests */
