# SPDX-License-Identifier: Apache-2.0
# How each kind of build compiles and links. KIND is one of:
#   release  the static binary that is shipped          (gcc)
#   clang    the same by the other compiler             (clang)
#   asan     address and undefined-behaviour sanitizers (gcc)
#   tsan     thread sanitizer                           (gcc)
#   fuzz     libFuzzer, with both sanitizers            (clang)
#   cover    coverage of the fuzz harnesses             (clang)

CC := gcc
AR := ar

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wcast-qual -Wcast-align -Wimplicit-fallthrough \
	-Wmissing-prototypes -Wstrict-prototypes -Wvla -Wundef -Wwrite-strings -Wconversion -Werror

HARDENING := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection=full -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr

# The same bytes from whichever folder it is built in.
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=.

BASE_FLAGS := -std=c17 -D_GNU_SOURCE -DMAYFLY_VERSION='"$(VERSION)"' -I. $(REPRODUCIBLE)

LIBS := -luring -ljansson -llz4 -llzma -lzstd -lz

ifneq ($(filter $(KIND),clang fuzz cover),)
CC := clang
# The kernel's own structures end in arrays; to add the elements after one is the usual way.
WARNINGS += -Wconditional-uninitialized -Wno-gnu-variable-sized-type-not-at-end
# clang 14 has the first under a name that it wants typed out, and not the second.
HARDENING := $(filter-out -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr,$(HARDENING)) \
	-ftrivial-auto-var-init=zero -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
endif

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

ifneq ($(filter $(KIND),release clang),)
KIND_FLAGS := -O2 -fPIE $(HARDENING)
LDFLAGS := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack
else ifeq ($(KIND),asan)
KIND_FLAGS := -O1 $(SANITIZERS)
LDFLAGS := $(SANITIZERS)
else ifeq ($(KIND),tsan)
KIND_FLAGS := -O1 -fsanitize=thread
LDFLAGS := -fsanitize=thread
else ifeq ($(KIND),fuzz)
KIND_FLAGS := -O1 $(SANITIZERS) -fsanitize=fuzzer-no-link
LDFLAGS := $(SANITIZERS)
else ifeq ($(KIND),cover)
KIND_FLAGS := -O1 -fprofile-instr-generate -fcoverage-mapping
LDFLAGS := -fprofile-instr-generate
else
$(error KIND is $(KIND): it must be release, clang, asan, tsan, fuzz or cover)
endif

CFLAGS := $(BASE_FLAGS) -g $(WARNINGS) $(KIND_FLAGS)
# Tests link with Criterion, which has no usable static library; it breaks -Wconversion.
TEST_CFLAGS := $(filter-out -Wconversion,$(CFLAGS))
TEST_LDFLAGS := $(if $(filter release clang,$(KIND)),-pie,$(LDFLAGS))

ASFLAGS := -I. $(REPRODUCIBLE)
