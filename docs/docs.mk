# SPDX-License-Identifier: Apache-2.0
# Man pages and shell completion, from docs/man and the table of options.

MAN_PAGES  := $(patsubst docs/man/%.in,$(OUT)/man/%,$(wildcard docs/man/*.1.in))
COMPLETION := $(addprefix $(OUT)/completion/mayfly.,bash zsh fish)
PAGES      := $(OUT)/tools/pages

.PHONY: docs
docs: $(MAN_PAGES) $(COMPLETION)

$(PAGES): $(OUT)/tools/pages.o $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@
-include $(OUT)/tools/pages.d

$(OUT)/man/%: docs/man/%.in $(PAGES)
	@mkdir -p $(@D)
	$(call say,MAN,$@) $(PAGES) man <$< >$@

$(OUT)/completion/mayfly.%: $(PAGES)
	@mkdir -p $(@D)
	$(call say,GEN,$@) $(PAGES) $* >$@
