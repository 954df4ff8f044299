# SPDX-License-Identifier: Apache-2.0
# Tests: tests/FOLDER/NAME.c is one program for each kind of build. They leave TAP in build/results,
# which tests/summary counts at the end.

TEST_SOURCES := $(wildcard tests/unit/*.c tests/cli/*.c tests/boot/*.c tests/jail/*.c)
TEST_SUPPORT := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/support/*.c))
test_programs = $(patsubst %.c,$(OUT)/%,$(wildcard $(foreach folder,$(1),tests/$(folder)/*.c)))

UNIT_TESTS := $(call test_programs,unit)
RUN_TESTS  := $(call test_programs,cli boot jail)
RESULTS    := $(BUILD)/results

$(OUT)/tests/%.o: tests/%.c tools/flags.mk | $(BUILD)/deps-test
	@mkdir -p $(@D)
	$(call say,CC,$<) $(CC) $(TEST_CFLAGS) -MMD -MP -c $< -o $@

# Where tests stand between a ring and the kernel: tests/support/faults.h.
comma := ,
wrap = $(1:%=-Wl$(comma)--wrap=%)
TEST_WRAPS := $(call wrap,ring_kernel_enter ring_kernel_reap io_uring_queue_init_params)
$(OUT)/tests/unit/ring $(OUT)/tests/unit/ring_plain: TEST_WRAPS += $(call wrap,malloc calloc realloc)
$(OUT)/tests/unit/disk_commit: TEST_WRAPS += $(call wrap,pwrite fdatasync)

$(OUT)/tests/%: $(OUT)/tests/%.o $(TEST_SUPPORT) $(LIBRARY)
	$(call say,LD,$@) $(CC) $(TEST_CFLAGS) $(TEST_LDFLAGS) $(TEST_WRAPS) $< $(filter-out $<,$(filter %.o,$^)) $(LIBRARY) $(LIBS) -lcriterion -lutil -lseccomp -o $@

ATTACKS := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/jail/attacker/*.c))

# The tables of attacks alone; what makes them is in the attacker.
$(OUT)/tests/jail/attacks: $(filter-out %/attacker.o,$(ATTACKS))

# A VM of bare KVM calls, as the benchmark has it.
$(OUT)/tests/boot/access: $(OUT)/perf/access.o

# mayfly with a cell that turns hostile once its jail is closed.
ATTACKER := $(OUT)/attacker
$(ATTACKER): $(OUT)/monitor/main.o $(ATTACKS) $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=vcpu_run,--wrap=ring_run,--wrap=vm_start,--wrap=jail_seal $^ $(LIBS) -o $@

# Programs of their own, for the thread sanitizer: Criterion cannot live with it.
THREAD_TESTS := $(call test_programs,threads)
$(THREAD_TESTS): $(OUT)/tests/%: $(OUT)/tests/%.o $(LIBRARY)
	$(call say,LD,$@) $(CC) $(TEST_CFLAGS) $(TEST_LDFLAGS) $^ $(LIBS) -o $@

.PRECIOUS: $(OUT)/tests/%.o $(OUT)/tests/%
-include $(patsubst %.c,$(OUT)/%.d,$(TEST_SOURCES) $(wildcard tests/support/*.c tests/threads/*.c tests/jail/attacker/*.c))

.PHONY: tests
tests: $(UNIT_TESTS) $(RUN_TESTS) $(ATTACKER) ## build the tests of this KIND

# Tests that run guests go one program after another: they share the host's CPUs with their guests.
.PHONY: run-unit run-threads run-all
run-unit: $(UNIT_TESTS)
	@MAYFLY=$(MAYFLY) tests/run $(RESULTS) $(KIND) $(UNIT_TESTS)

run-threads: $(THREAD_TESTS)
	@tests/run $(RESULTS) $(KIND) $(THREAD_TESTS)

run-all: tests $(MAYFLY) guests docs
	@MAYFLY=$(MAYFLY) GUESTS=$(GUESTS_OUT) tests/run $(RESULTS) $(KIND) $(UNIT_TESTS) $(RUN_TESTS)

# How a block read goes through the files: perf/trace_read.sh.
ROUTE := a block read goes the way that perf/read_route.txt has
.PHONY: run-route
run-route: build-trace
	@mkdir -p $(RESULTS)
	@$(TRACE_READ) >$(RESULTS)/route.out 2>&1; case $$? in \
	0) echo 'ok - $(ROUTE)' ;; \
	77) echo "ok - $(ROUTE) # SKIP $$(tail -n 1 $(RESULTS)/route.out)" ;; \
	*) echo 'not ok - $(ROUTE)'; tail -n 60 $(RESULTS)/route.out >&2 ;; \
	esac >$(RESULTS)/route.tap

.PHONY: test test-long asan tsan valgrind clang
test: | $(BUILD)/deps-ept ## install what is missing, build, and run the suite
	@rm -rf $(RESULTS)
	$(MAKE) check-layers
	$(MAKE) KIND=clang all
	tests/part $(RESULTS) $(KIND) $(MAKE) run-all
	tests/part $(RESULTS) route $(MAKE) run-route
	tests/part $(RESULTS) asan $(MAKE) KIND=asan run-all
	tests/part $(RESULTS) fuzz $(MAKE) KIND=asan run-fuzz
	tests/part $(RESULTS) threads $(MAKE) KIND=asan run-threads
	tests/part $(RESULTS) threads $(MAKE) KIND=tsan run-threads
	tests/part $(RESULTS) labs $(MAKE) LAB_SHORT=$(if $(filter 1,$(MAYFLY_LONG)),0,1) labs
	@tests/summary $(RESULTS)

test-long: ## the same, with every count in full
	$(MAKE) MAYFLY_LONG=1 test
export MAYFLY_LONG

clang: ## build with the other compiler
	$(MAKE) KIND=clang all

asan: ## the suite under the address and undefined-behaviour sanitizers
	@rm -rf $(RESULTS)
	tests/part $(RESULTS) asan $(MAKE) KIND=asan run-all
	@tests/summary $(RESULTS)

# Criterion itself cannot live with it, so the tests are ordinary ones and the monitor is not.
tsan: tests guests ## the monitor, and what its threads share, under the thread sanitizer
	@rm -rf $(RESULTS)
	-@$(MAKE) KIND=tsan run-threads
	$(MAKE) KIND=tsan build/tsan/mayfly
	-@MAYFLY=build/tsan/mayfly GUESTS=$(GUESTS_OUT) tests/run $(RESULTS) tsan $(RUN_TESTS)
	@tests/summary $(RESULTS)

valgrind: tests | $(BUILD)/deps-valgrind ## the unit tests under valgrind
	@rm -rf $(RESULTS)
	-@RUNNER='valgrind --quiet --error-exitcode=9 --trace-children=yes' tests/run $(RESULTS) valgrind $(UNIT_TESTS)
	@tests/summary $(RESULTS)
