# SPDX-License-Identifier: Apache-2.0
# Benchmarks: ratios within one interleaved run, printed, never a failing test. Of the release build.

BENCH_OUT := $(BUILD)/bench
PERF_OUT  := $(BENCH_OUT)/programs

ROUNDS ?= 100
SEED   ?= $(shell date +%s)
ONLY   ?= # keys of perf/bench_boot.c; none: all programs

# Floors are as lean as a program gets: static, without hardening.
FLOOR_FLAGS := $(BASE_FLAGS) $(WARNINGS) -O2 -static

$(PERF_OUT)/linked/noop: perf/noop.c | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$@) gcc $(FLOOR_FLAGS) $< -o $@

$(PERF_OUT)/linked/floor_boot: perf/floor_boot.c boot-proto/ports_abi.h $(BUILD)/release/monitor/builtin.o
	@mkdir -p $(@D)
	$(call say,CC,$@) gcc $(FLOOR_FLAGS) $(filter %.c %.o,$^) -o $@

# For the nested labs too.
BENCH_ACCESS := perf/bench_access.c perf/access.c monitor/kvm_stats.c base/fd.c

$(PERF_OUT)/bench_access: $(BENCH_ACCESS) perf/access.h | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$@) gcc $(FLOOR_FLAGS) $(BENCH_ACCESS) -o $@

# Copies are run, as an installed program is one: what the linker wrote lies in the page cache in
# single pages, which makes every program start 3 to 5 % later.
$(PERF_OUT)/mayfly: $(BUILD)/release/mayfly
	@cp $< $@

$(PERF_OUT)/noop $(PERF_OUT)/floor_boot: $(PERF_OUT)/%: $(PERF_OUT)/linked/%
	@cp $< $@

BENCH_BOOT := $(patsubst %,$(PERF_OUT)/%.o,bench_boot census figures report report_boot sample)

$(PERF_OUT)/%.o: perf/%.c tools/flags.mk perf/perf.mk | $(BUILD)/deps-bench
	@mkdir -p $(@D)
	$(call say,CC,$<) gcc $(BASE_FLAGS) $(WARNINGS) -O2 -g -MMD -MP -c $< -o $@

$(PERF_OUT)/bench_boot: $(BENCH_BOOT)
	$(call say,LD,$@) gcc $^ -ljansson -o $@

BENCH_BLOCK := $(patsubst %,$(PERF_OUT)/%.o,bench_block report report_block sample)

$(PERF_OUT)/bench_block: $(BENCH_BLOCK)
	$(call say,LD,$@) gcc $^ -ljansson -o $@

-include $(BENCH_BOOT:.o=.d) $(BENCH_BLOCK:.o=.d)

.PHONY: bench-boot run-bench-boot
bench-boot: | $(BUILD)/deps-bench ## time to the first byte and to the end, beside floor and peers
	@$(MAKE) run-bench-boot

run-bench-boot: $(PERF_OUT)/bench_boot $(PERF_OUT)/noop $(PERF_OUT)/floor_boot $(PERF_OUT)/mayfly guests
	@$(PERF_OUT)/bench_boot $(ROUNDS) $(SEED) $(ONLY)
	@gnuplot -c perf/boot.gp $(BENCH_OUT)/boot.dat $(BENCH_OUT)/boot.svg
	@echo "$(BENCH_OUT)/boot.json $(BENCH_OUT)/boot.svg"

.PHONY: bench-block run-bench-block
bench-block: | $(BUILD)/deps-bench $(BUILD)/deps-bench-block ## what a disk gives and costs, beside fio and QEMU
	@$(MAKE) run-bench-block

# A round takes a minute: a few do. What devices cost the smallest run is bench-boot's to say.
SECONDS ?= 2
DIRECT  ?= 0
BLOCK_ROUNDS = $(if $(filter file,$(origin ROUNDS)),5,$(ROUNDS))

run-bench-block: $(PERF_OUT)/bench_block $(PERF_OUT)/bench_boot $(PERF_OUT)/mayfly guests
	@$(PERF_OUT)/bench_block $(BLOCK_ROUNDS) $(SEED) $(SECONDS) $(DIRECT)
	@gnuplot -c perf/block.gp $(BENCH_OUT)/block.dat $(BENCH_OUT)/block.svg
	@echo "$(BENCH_OUT)/block.json $(BENCH_OUT)/block.svg"
	@$(PERF_OUT)/bench_boot 100 $(SEED) mayfly mayfly-library mayfly-devices

.PHONY: bench-access
bench-access: $(PERF_OUT)/bench_access ## exits and time of one access to a device's register
	@$<

# What a block read takes its way through, built so that each function is noted as it is entered; all
# else is the release build's. Not optimised, for a function that was inlined is one, too.
TRACE_OUT  := $(BUILD)/trace
TRACED     := $(wildcard iouring-io/*.c virtio-mmio/*.c) monitor/loop.c monitor/virtio.c monitor/irqchip.c
TRACED_OBJ := $(TRACED:%.c=$(TRACE_OUT)/%.o)

$(TRACED_OBJ): TRACE_FLAGS := -finstrument-functions -finstrument-functions-exclude-file-list=.h
$(TRACED_OBJ) $(TRACE_OUT)/perf/tracer.o: $(TRACE_OUT)/%.o: %.c tools/flags.mk perf/perf.mk | $(BUILD)/deps-build
	@mkdir -p $(@D)
	$(call say,CC,$<) gcc $(BASE_FLAGS) $(WARNINGS) -g -O0 -fPIE $(TRACE_FLAGS) -MMD -MP -c $< -o $@

$(TRACE_OUT)/mayfly: $(OUT)/monitor/main.o $(TRACED_OBJ) $(TRACE_OUT)/perf/tracer.o $(LIBRARY)
	$(call say,LD,$@) gcc $(LDFLAGS) $^ $(LIBS) -o $@

-include $(TRACED_OBJ:.o=.d)

TRACE_READ := perf/trace_read.sh $(TRACE_OUT)/mayfly $(GUESTS_OUT)/blk $(TRACE_OUT)

.PHONY: trace-read build-trace
build-trace: $(TRACE_OUT)/mayfly guests

trace-read: build-trace ## one block read, function by function, as it happened
	@$(TRACE_READ)
