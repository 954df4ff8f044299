# SPDX-License-Identifier: Apache-2.0
# The nested lab: a Debian kernel with KVM on emulated SVM with nested paging runs this KIND's tests,
# and an unmodified Debian kernel as the guest. It needs no /dev/kvm. tests/lab/README.md tells more.

LAB         := $(BUILD)/lab
LAB_KERNEL  := $(LAB)/kernel/fetched
LAB_CPIO    := $(LAB)/$(KIND).cpio
LAB_TESTS   := $(RUN_TESTS) $(UNIT_TESTS)
LAB_INSIDE  := tests/run $(addprefix tests/lab/,l1-init linux-row expected-dmesg)
LAB_FOR_L2  := $(addprefix tests/lab/,l2-init exit-port.c)

# The kernel of both levels, once; `make clean` or a newer script fetches again.
$(LAB_KERNEL): tests/lab/fetch-kernel | $(BUILD)/deps-lab
	$(call say,FETCH,$(@D)) tests/lab/fetch-kernel $(@D)
	@touch $@

$(LAB)/l2.cpio: $(LAB_KERNEL) $(LAB_FOR_L2) tests/lab/pack-l2 tests/lab/modules
	$(call say,PACK,$@) tests/lab/pack-l2 $(LAB)/kernel $@

$(LAB_CPIO): $(LAB)/l2.cpio $(LAB_INSIDE) $(LAB_TESTS) $(MAYFLY) $(GUEST_NAMES:%=$(GUESTS_OUT)/%) tests/lab/pack-l1 tests/lab/modules tests/lab/programs
	$(call say,PACK,$@) tests/lab/pack-l1 $(LAB) $@ $(LAB_INSIDE) $(LAB_TESTS) $(MAYFLY) $(GUEST_NAMES:%=$(GUESTS_OUT)/%)

.PHONY: lab-npt
lab-npt: $(LAB_CPIO) ## run the tests, and Linux as a guest, under nested paging
	@MAYFLY=$(MAYFLY) GUESTS=$(GUESTS_OUT) tests/lab/npt $(LAB) $(LAB_CPIO) $(RESULTS) $(LAB_TESTS)
