# SPDX-License-Identifier: Apache-2.0
# mayfly. `make help` lists what can be made; docs/building.md explains how it is cut.

VERSION := 0.1.0

ifneq ($(words $(CURDIR)),1)
$(error the path "$(CURDIR)" has a space in it, which make cannot handle: build mayfly in another folder)
endif

# Where everything goes: one folder for each kind of build, so that none disturbs another.
KIND  ?= release
BUILD := build
OUT   := $(BUILD)/$(KIND)

PREFIX  ?= /usr/local
DESTDIR ?=

MAKEFLAGS += --no-print-directory --no-builtin-rules
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

# One line a step; V=1 shows the commands.
ifdef V
say :=
else
say = @printf '  %-6s %s\n' $(1) $(2);
endif

.DEFAULT_GOAL := all
.PRECIOUS: $(BUILD)/deps-%
.DELETE_ON_ERROR:
.SUFFIXES:

include tools/flags.mk

LAYERS := base boot-proto iouring-io seccomp virtio-mmio monitor
SOURCES := $(sort $(foreach layer,$(LAYERS),$(wildcard $(layer)/*.c $(layer)/*/*.c)))
OBJECTS := $(SOURCES:%.c=$(OUT)/%.o)
MAYFLY  := $(OUT)/mayfly
LIBRARY := $(OUT)/libmayfly.a

.PHONY: all
all: $(MAYFLY) docs guests ## build the monitor, its pages and the guests

# The monitor.

$(OUT)/%.o: %.c tools/flags.mk | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/monitor/builtin.o: monitor/builtin.S $(BUILD)/guests/hello
	@mkdir -p $(@D)
	$(call say,AS,$<) $(CC) $(ASFLAGS) -DBUILTIN_GUEST='"$(BUILD)/guests/hello"' -c $< -o $@

# The system-call filters, from their table: libseccomp works here, and is in no binary.
$(BUILD)/tools/filters: tools/filters.c seccomp/rules.h seccomp/calls.def seccomp/jail.h seccomp/jail_stages.h seccomp/cgroup.h | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$<) gcc $(BASE_FLAGS) -Wall -Wextra -Werror $< -lseccomp -o $@

$(BUILD)/filters.c: $(BUILD)/tools/filters
	$(call say,GEN,$@) $< >$@

$(OUT)/filters.o: $(BUILD)/filters.c
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(CFLAGS) -MMD -MP -c $< -o $@

# All but main(), for the monitor and for the tests.
$(LIBRARY): $(filter-out $(OUT)/monitor/main.o,$(OBJECTS)) $(OUT)/monitor/builtin.o $(OUT)/filters.o
	@rm -f $@
	$(call say,AR,$@) $(AR) rcsD $@ $^

$(MAYFLY): $(OUT)/monitor/main.o $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

-include $(OBJECTS:.o=.d)

# What a machine needs.

# Once for each group of packages and each change of the list.
$(BUILD)/deps-%: tools/packages tools/install-packages
	@mkdir -p $(@D)
	@tools/install-packages $*
	@touch $@

include images/images.mk
include docs/docs.mk
include tests/tests.mk
include tests/lab/lab.mk
include tests/fuzz/fuzz.mk
include perf/perf.mk
include tools/checks.mk

# For users.

.PHONY: run
run: $(MAYFLY) ## boot the built-in guest, and show what it did
	$(MAYFLY) run --verbose --timeline --exits

.PHONY: install
install: $(MAYFLY) docs ## put binary, man pages and completion under $(DESTDIR)$(PREFIX)
	install -D -m 755 $(MAYFLY) $(DESTDIR)$(PREFIX)/bin/mayfly
	$(foreach page,$(MAN_PAGES),install -D -m 644 $(page) $(DESTDIR)$(PREFIX)/$(call man_place,$(page)) &&) true
	install -D -m 644 $(OUT)/completion/mayfly.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mayfly
	install -D -m 644 $(OUT)/completion/mayfly.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mayfly
	install -D -m 644 $(OUT)/completion/mayfly.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mayfly.fish

.PHONY: uninstall
uninstall: ## take them away again
	rm -f $(DESTDIR)$(PREFIX)/bin/mayfly
	rm -f $(foreach page,$(MAN_PAGES),$(DESTDIR)$(PREFIX)/$(call man_place,$(page)))
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mayfly
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mayfly
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mayfly.fish

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(BUILD)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
