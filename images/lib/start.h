/* SPDX-License-Identifier: Apache-2.0 */
/* start.h - where start.S goes as soon as there is a stack: into the library, or a guest without it. */
#ifndef MAYFLY_GUEST_START_H
#define MAYFLY_GUEST_START_H

/* What the boot protocol left: Linux's zero page or Xen's start_info, the other is NULL. */
void guest_start(const void *zero_page, const void *start_info);

#endif
