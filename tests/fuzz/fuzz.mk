# SPDX-License-Identifier: Apache-2.0
# Fuzz harnesses: tests/fuzz/NAME.c for each NAME here. One with libFuzzer (KIND=fuzz), one for the
# other kinds that runs inputs which are there (replay.c).

FUZZ_NAMES := bzimage elf pvh raw decompress config_json cli messages counters walk vq vblk overlay vmmio vcon vrng
# What they are to cover: the parsers of hostile bytes.
FUZZ_COVERS := $(addprefix boot-proto/,bzimage.c elf.c linux_elf.c pvh.c raw.c initrd.c decompress.c cmdline.c \
	zero_page.c boot.c image.c) \
	$(addprefix monitor/,config_json.c cli.c options.c disk_options.c values.c config.c protocol.c outcome.c epilogue.c crash_report.c tables.c) \
	$(addprefix virtio-mmio/,vq.c vblk_request.c vmmio.c vdev.c vcon.c vrng.c) $(addprefix iouring-io/,overlay_format.c overlay_file.c)

FUZZ          ?= $(FUZZ_NAMES)
FUZZ_SECONDS  ?= 300
FUZZ_ROOT     := $(BUILD)/fuzz
FUZZ_SEEDS    := $(OUT)/fuzz-seeds
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(OUT)/tests/fuzz/%)
FUZZ_SHARED   := $(OUT)/tests/fuzz/fuzz.o $(OUT)/tests/fuzz/boot.o
FUZZ_MAIN     := $(if $(filter fuzz,$(KIND)),,$(OUT)/tests/fuzz/replay.o)
FUZZ_ENGINE   := $(if $(filter fuzz,$(KIND)),-fsanitize=fuzzer)
FUZZ_SEEDER   := $(OUT)/tests/fuzz/seeds

$(FUZZ_PROGRAMS): $(OUT)/tests/fuzz/%: $(OUT)/tests/fuzz/%.o $(FUZZ_SHARED) $(FUZZ_MAIN) $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(TEST_LDFLAGS) $(FUZZ_ENGINE) $(FUZZ_WRAP) $(filter %.o,$^) $(LIBRARY) $(LIBS) -o $@

# Two sides of a queue play by its moves.
$(OUT)/tests/fuzz/vq: $(addprefix $(OUT)/tests/support/,fakedrv.o vq_model.o vq_play.o)

$(OUT)/tests/fuzz/vblk: $(addprefix $(OUT)/tests/support/,blk_driver.o fakedrv.o)

# A device on its transport; the moves are the driver's, and the host's.
$(addprefix $(OUT)/tests/fuzz/,vmmio vcon vrng): $(OUT)/tests/fuzz/device.o $(addprefix $(OUT)/tests/support/,rig.o fakedrv.o)

# It opens the one file that the command line names.
$(OUT)/tests/fuzz/cli: FUZZ_WRAP := -Wl,--wrap=open

$(FUZZ_SEEDER): $(OUT)/tests/fuzz/seeds.o $(OUT)/tests/fuzz/seeds_images.o $(OUT)/tests/fuzz/seeds_devices.o $(OUT)/tests/support/image_builder.o $(LIBRARY)
	$(call say,LD,$@) $(CC) $(CFLAGS) $(TEST_LDFLAGS) $^ $(LIBS) -o $@

$(FUZZ_SEEDS)/made: $(FUZZ_SEEDER)
	$(call say,SEEDS,$(@D)) rm -rf $(@D) && LLVM_PROFILE_FILE=/dev/null $(FUZZ_SEEDER) $(@D) && touch $@

-include $(patsubst %.c,$(OUT)/%.d,$(wildcard tests/fuzz/*.c))

# Looking for more.

.PHONY: fuzz $(FUZZ_NAMES:%=fuzz-run-%)
fuzz: | $(BUILD)/deps-fuzz ## fuzz each parser for FUZZ_SECONDS (300); FUZZ=NAME: one of them
	@$(MAKE) --keep-going KIND=fuzz $(FUZZ:%=fuzz-run-%)

$(FUZZ_NAMES:%=fuzz-run-%): fuzz-run-%: $(OUT)/tests/fuzz/% $(FUZZ_SEEDS)/made
	@tests/fuzz/run.sh $< $(FUZZ_SEEDS) $(FUZZ_ROOT) $(FUZZ_SECONDS)

# What was found, again.

.PHONY: run-fuzz fuzz-replay
run-fuzz: $(FUZZ_PROGRAMS) $(FUZZ_SEEDS)/made
	@FUZZ_INPUTS='$(FUZZ_SEEDS) tests/fuzz/regressions' tests/run $(RESULTS) $(KIND) $(FUZZ_PROGRAMS)

fuzz-replay: | $(BUILD)/deps-test ## run the harnesses' seeds and regressions under sanitizers
	@rm -rf $(RESULTS)
	tests/part $(RESULTS) fuzz $(MAKE) KIND=asan run-fuzz
	@tests/summary $(RESULTS)

# How far it reaches.

.PHONY: fuzz-coverage fuzz-report
fuzz-coverage: | $(BUILD)/deps-fuzz ## lines that seeds and corpus reach, of each parser; 90 % are asked for
	@$(MAKE) KIND=cover fuzz-report

fuzz-report: $(FUZZ_PROGRAMS) $(FUZZ_SEEDS)/made
	@FUZZ_INPUTS='$(FUZZ_SEEDS) $(FUZZ_ROOT)/corpus tests/fuzz/regressions' \
		tests/fuzz/coverage.sh $(OUT) '$(FUZZ_COVERS)' $(FUZZ_PROGRAMS)
