/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - guest memory and images for tests of boot-proto/, without a guest. */
#ifndef MAYFLY_TESTS_BOOT_H
#define MAYFLY_TESTS_BOOT_H

#include "base/mem.h"
#include "boot-proto/image.h"
#include "tests/support/image_builder.h"

/* RAM of this size where layout_ram() puts it; fails the test where the host has none. */
struct mem boot_ram(uint64_t len);

/* The built image as boot-proto takes it. */
struct boot_image boot_view(const struct image *image);

/* A file without a name that has these bytes. */
struct boot_image boot_file(const void *bytes, size_t len);

#endif
