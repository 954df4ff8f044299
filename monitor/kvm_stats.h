/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvm_stats.h - KVM's own counts of a vCPU. [linux virt/kvm/api.rst 4.133, KVM_GET_STATS_FD]
 * Cell, the vCPU's own thread.
 */
#ifndef MAYFLY_MONITOR_KVM_STATS_H
#define MAYFLY_MONITOR_KVM_STATS_H

#include "base/counters.h"

/* Reads the counts that struct kvm_counts has; one that KVM does not keep stays as it was. */
void kvm_stats_read(int stats_fd, struct kvm_counts *counts);

#endif
