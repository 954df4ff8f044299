/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.h - what a system-call filter answers, without a kernel. */
#ifndef MAYFLY_TESTS_BPF_H
#define MAYFLY_TESTS_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs a program over one system call and returns its SECCOMP_RET_*. An instruction that no filter
 * of ours has, or a jump out of the program, fails the test.
 */
uint32_t bpf_run(const struct sock_filter *code, size_t len, const struct seccomp_data *data);

#endif
