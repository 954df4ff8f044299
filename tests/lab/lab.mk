# SPDX-License-Identifier: Apache-2.0
# The nested labs: a Debian kernel with KVM on an emulated processor, SVM with nested paging or VMX with
# EPT, runs this KIND's tests, and an unmodified Debian kernel as the guest. They need no /dev/kvm.
# tests/lab/README.md tells more.

LAB         := $(BUILD)/lab
LAB_KERNEL  := $(LAB)/kernel/fetched
LAB_CPIO    := $(LAB)/$(KIND).cpio
LAB_TESTS   := $(RUN_TESTS) $(UNIT_TESTS)
# What is to be found inside under the same path as here.
LAB_COMMON  := $(MAYFLY) $(GUEST_NAMES:%=$(GUESTS_OUT)/%) $(BUILD)/bench/programs/bench_access tests/run \
	$(addprefix tests/lab/,l1-init row.sh linux-row disk-row expected-dmesg)
LAB_INSIDE  := $(LAB_COMMON) $(MAN_PAGES) $(LAB_TESTS) $(ATTACKER)
LAB_SCRIPTS := $(addprefix tests/lab/,npt ept host.sh rows disk-rows fetch-kernel modules pack-l1 pack-l2 l1-init linux-row disk-row l2-init \
	l2-disk-init show-exits)
# The other lab is slow, and its clock slower: what looks at the processor, and waits for no time limit.
EPT_CPIO    := $(LAB)/$(KIND)-ept.cpio
EPT_TESTS   := $(addprefix $(OUT)/tests/boot/,access counts drivers guests memory virtio)
EPT_INSIDE  := $(LAB_COMMON) $(EPT_TESTS)
LAB_PACKERS := $(addprefix tests/lab/,pack-l1 pack-l2 pack.sh modules programs)

# The kernel of both levels, once; `make clean` or a newer script fetches again.
$(LAB_KERNEL): tests/lab/fetch-kernel | $(BUILD)/deps-lab
	$(call say,FETCH,$(@D)) tests/lab/fetch-kernel $(@D)
	@touch $@

$(LAB)/l2.cpio: tests/lab/l2-init tests/lab/l2.sh tests/lab/exit-port.c $(LAB_KERNEL) $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l2 $(LAB)/kernel $@ $<

$(LAB)/l2-disk.cpio: tests/lab/l2-disk-init tests/lab/l2.sh $(LAB_KERNEL) $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l2 $(LAB)/kernel $@ $<

$(LAB_CPIO): $(LAB)/l2.cpio $(LAB)/l2-disk.cpio $(LAB_INSIDE) $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l1 $(LAB) $@ kvm_amd $(LAB_INSIDE)

$(EPT_CPIO): $(LAB)/l2.cpio $(EPT_INSIDE) $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l1 $(LAB) $@ kvm_intel $(EPT_INSIDE)

.PHONY: lab-npt lab-ept labs run-lab-npt run-lab-ept run-labs
lab-npt: | $(BUILD)/deps-lab ## run the tests, and Linux as a guest, under nested paging
	@$(MAKE) run-lab-npt

run-lab-npt: $(LAB_CPIO)
	@MAYFLY=$(MAYFLY) GUESTS=$(GUESTS_OUT) tests/lab/npt $(LAB) $(LAB_CPIO) $(RESULTS) $(LAB_TESTS)

lab-ept: | $(BUILD)/deps-ept ## the same under EPT, in short with LAB_SHORT=1
	@$(MAKE) run-lab-ept

run-lab-ept: $(EPT_CPIO)
	@MAYFLY=$(MAYFLY) GUESTS=$(GUESTS_OUT) tests/lab/ept $(LAB) $(EPT_CPIO) $(RESULTS) $(EPT_TESTS)

# Side by side: one program emulates one processor.
labs: | $(BUILD)/deps-ept
	@$(MAKE) --keep-going run-labs

run-labs: run-lab-npt run-lab-ept
