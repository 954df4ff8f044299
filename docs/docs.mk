# SPDX-License-Identifier: Apache-2.0
# Man pages and shell completion, from docs/man and the tables of options and of system calls.

MAN_PAGES  := $(patsubst docs/man/%.in,$(OUT)/man/%,$(wildcard docs/man/*.[17].in))
COMPLETION := $(addprefix $(OUT)/completion/mayfly.,bash zsh fish)
PAGES      := $(OUT)/tools/pages

# Where a page is installed.
man_place = share/man/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))

.PHONY: docs
docs: $(MAN_PAGES) $(COMPLETION)

$(PAGES): $(OUT)/tools/pages.o $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@
-include $(OUT)/tools/pages.d

$(OUT)/man/%: docs/man/%.in $(PAGES)
	@mkdir -p $(@D)
	$(call say,MAN,$@) $(PAGES) man <$< >$@

$(OUT)/man/%.7: docs/man/%.7.in $(BUILD)/tools/filters
	@mkdir -p $(@D)
	$(call say,MAN,$@) $(BUILD)/tools/filters --man <$< >$@

$(OUT)/completion/mayfly.%: $(PAGES)
	@mkdir -p $(@D)
	$(call say,GEN,$@) $(PAGES) $* >$@
