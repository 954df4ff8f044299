# SPDX-License-Identifier: Apache-2.0
# The nested lab: a Debian kernel with KVM on emulated SVM with nested paging runs this KIND's tests,
# and an unmodified Debian kernel as the guest. It needs no /dev/kvm. tests/lab/README.md tells more.

LAB         := $(BUILD)/lab
LAB_KERNEL  := $(LAB)/kernel/fetched
LAB_CPIO    := $(LAB)/$(KIND).cpio
LAB_TESTS   := $(RUN_TESTS) $(UNIT_TESTS)
# What is to be found inside under the same path as here.
LAB_INSIDE  := $(MAYFLY) $(GUEST_NAMES:%=$(GUESTS_OUT)/%) $(MAN_PAGES) $(LAB_TESTS) $(ATTACKER) tests/run \
	$(addprefix tests/lab/,l1-init linux-row expected-dmesg)
LAB_SCRIPTS := $(addprefix tests/lab/,npt rows fetch-kernel modules pack-l1 pack-l2 l1-init linux-row l2-init show-exits)
LAB_PACKERS := $(addprefix tests/lab/,pack-l1 pack-l2 pack.sh modules programs)

# The kernel of both levels, once; `make clean` or a newer script fetches again.
$(LAB_KERNEL): tests/lab/fetch-kernel | $(BUILD)/deps-lab
	$(call say,FETCH,$(@D)) tests/lab/fetch-kernel $(@D)
	@touch $@

$(LAB)/l2.cpio: $(LAB_KERNEL) tests/lab/l2-init tests/lab/exit-port.c $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l2 $(LAB)/kernel $@

$(LAB_CPIO): $(LAB)/l2.cpio $(LAB_INSIDE) $(LAB_PACKERS)
	$(call say,PACK,$@) tests/lab/pack-l1 $(LAB) $@ $(LAB_INSIDE)

.PHONY: lab-npt run-lab-npt
lab-npt: | $(BUILD)/deps-lab ## run the tests, and Linux as a guest, under nested paging
	@$(MAKE) run-lab-npt

run-lab-npt: $(LAB_CPIO)
	@MAYFLY=$(MAYFLY) GUESTS=$(GUESTS_OUT) tests/lab/npt $(LAB) $(LAB_CPIO) $(RESULTS) $(LAB_TESTS)
