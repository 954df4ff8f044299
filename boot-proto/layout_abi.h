/* SPDX-License-Identifier: Apache-2.0 */
/* layout_abi.h - the one table that a guest finds by its place alone; see layout_x86_64.h. */
#ifndef MAYFLY_LAYOUT_ABI_H
#define MAYFLY_LAYOUT_ABI_H

#define LAYOUT_ABI_MP_TABLE 0x9fc00

#endif
