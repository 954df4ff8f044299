# SPDX-License-Identifier: Apache-2.0
# What `make check` looks at: the code, the layers, the pages and the scripts, without running them.

C_FILES  := $(sort $(patsubst ./%,%,$(shell find . -path ./$(BUILD) -prune -o -name '*.[ch]' -print)))
HEADERS  := $(filter %.h,$(C_FILES))
SCRIPTS  := tools/install-packages tools/check-layers tools/size tests/run tests/part tests/summary .ci/run \
	$(LAB_SCRIPTS) $(wildcard tests/fuzz/*.sh perf/*.sh)

.PHONY: check check-layers check-headers check-format check-tidy check-cppcheck check-man check-scripts
check: | $(BUILD)/deps-check ## all static checks
	@$(MAKE) check-layers check-headers check-format check-tidy check-cppcheck check-man check-scripts

check-layers: ## who may include whom
	@tools/check-layers

check-headers: | $(BUILD)/deps-build ## each header compiles alone
	@for header in $(filter-out images/%,$(HEADERS)); do \
		printf '#include "%s"\nextern int n;\n' $$header | $(CC) $(TEST_CFLAGS) -x c -fsyntax-only - || exit 1; \
	done
	@for header in $(filter images/%,$(HEADERS)); do \
		printf '#include "%s"\nextern int n;\n' $$header | gcc $(GUEST_FLAGS) -x c -fsyntax-only - || exit 1; \
	done

check-format: | $(BUILD)/deps-check ## clang-format has nothing to say
	@clang-format --dry-run -Werror $(C_FILES)

format: | $(BUILD)/deps-check ## let clang-format have its way
	@clang-format -i $(C_FILES)

check-tidy: | $(BUILD)/deps-check ## clang-tidy
	@clang-tidy --quiet $(filter-out images/%,$(filter %.c,$(C_FILES))) -- $(BASE_FLAGS) -Wno-gnu-variable-sized-type-not-at-end 2>/dev/null

check-cppcheck: | $(BUILD)/deps-check ## cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 -D_GNU_SOURCE -DMAYFLY_VERSION='""' -I. $(LAYERS)

check-man: docs | $(BUILD)/deps-check ## the man pages are sound
	@mandoc -T lint -W warning $(MAN_PAGES)

check-scripts: | $(BUILD)/deps-check ## shellcheck
	@shellcheck -x $(SCRIPTS)

.PHONY: size
size: | $(BUILD)/deps-check ## files and functions that stand out
	@tools/size $(filter-out tests/%,$(C_FILES))
