# SPDX-License-Identifier: Apache-2.0
# The project's own guests, from source: images/NAME/*.c over images/lib.

GUEST_FLAGS := -std=gnu17 -I. $(REPRODUCIBLE) -O2 -ffreestanding -march=x86-64 -mgeneral-regs-only \
	-mno-red-zone -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none \
	-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
GUEST_LDFLAGS := -nostdlib -static -T images/lib/link.ld -z noexecstack --gc-sections --build-id=none

GUESTS_OUT := $(BUILD)/guests
GUESTS := probe smp act blk console entropy devices hostile
GUEST_NAMES := hello hello-pvh $(GUESTS)

GUEST_LIB := $(patsubst %,$(GUESTS_OUT)/obj/%.o,$(filter-out images/lib/start_pvh.S,$(wildcard images/lib/*.S)) $(wildcard images/lib/*.c))
GUEST_PVH := $(GUESTS_OUT)/obj/images/lib/start_pvh.S.o
guest_objects = $(patsubst %,$(GUESTS_OUT)/obj/%.o,$(wildcard images/$(1)/*.c))

.PHONY: guests
guests: $(GUEST_NAMES:%=$(GUESTS_OUT)/%) ## build the project's own guests

$(GUESTS_OUT)/obj/%.c.o: %.c | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$<) gcc $(GUEST_FLAGS) -MMD -MP -c $< -o $@

$(GUESTS_OUT)/obj/%.S.o: %.S | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,AS,$<) gcc -I. $(REPRODUCIBLE) -MMD -MP -c $< -o $@

# The built-in guest is as small as it gets: no library, and no PVH entry. hello-pvh has both
# entries, for monitors that know only that one.
$(GUESTS_OUT)/hello: $(GUESTS_OUT)/obj/images/lib/start.S.o $(call guest_objects,hello)
	$(call say,LD,$@) ld $(GUEST_LDFLAGS) -s -o $@ $(filter %.o,$^)

$(GUESTS_OUT)/hello-pvh: $(GUESTS_OUT)/obj/images/lib/start.S.o $(GUEST_PVH) $(call guest_objects,hello)
	$(call say,LD,$@) ld $(GUEST_LDFLAGS) -s -o $@ $(filter %.o,$^)

define guest_rule
$(GUESTS_OUT)/$(1): $(call guest_objects,$(1)) $(GUEST_LIB) $(GUEST_PVH)
	$$(call say,LD,$$@) ld $(GUEST_LDFLAGS) -o $$@ $$(filter %.o,$$^)
endef
$(foreach guest,$(GUESTS),$(eval $(call guest_rule,$(guest))))
$(GUEST_NAMES:%=$(GUESTS_OUT)/%): images/lib/link.ld

-include $(shell find $(GUESTS_OUT)/obj -name '*.d' 2>/dev/null)
