/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attacker.c - mayfly whose cell turns hostile at the moment its jail is closed, or once it has read
 * its image: the linker puts this vcpu_run(), ring_run() and vm_start() into the place of the real ones
 * (--wrap).
 * The third vCPU comes late to its jail_seal(). Nothing else of mayfly is different.
 *
 * `attacker run [OPTIONS] -- ATTACK VCPU VICTIM SUPERVISOR`; VCPU is `all` for an attack by all, or `loop`. The
 * run ends with status 1 where the attack came through, 0 where it failed, 2 where this kernel does not
 * have what it is about; or the cell is killed.
 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot-proto/layout_x86_64.h"
#include "monitor/vm.h"
#include "tests/jail/attacker/attacks.h"

#define WORDS   4
#define LATE_NS 200000000

enum vcpu_stop __wrap_vcpu_run(struct vcpu *vcpu);
int __wrap_vm_start(struct vm *vm, struct err *err);
int __real_vm_start(struct vm *vm, struct err *err);
int __wrap_ring_run(struct ring *ring);
int __real_ring_run(struct ring *ring);

int __real_jail_seal(const struct jail *jail, enum jail_role role, struct err *err);
int __wrap_jail_seal(const struct jail *jail, enum jail_role role, struct err *err);

static struct vm *attacked; /* these two from vm_start() on */
static char *words[WORDS];
static _Atomic unsigned n_sealed; /* vCPUs beside the first, under their final filters */

int __wrap_jail_seal(const struct jail *jail, enum jail_role role, struct err *err)
{
	const struct timespec late = {.tv_nsec = LATE_NS};
	static _Atomic unsigned n_begun;
	int ret;

	if (role == JAIL_VCPU && atomic_fetch_add(&n_begun, 1) == 1)
		ppoll(NULL, 0, &late, NULL);
	ret = __real_jail_seal(jail, role, err);
	if (role == JAIL_VCPU && ret == 0)
		atomic_fetch_add(&n_sealed, 1);
	return ret;
}

/* At the first vCPU's first entry: what could another do that is not under its final filter yet? */
static int find_unsealed(const struct scene *scene)
{
	return atomic_load(&n_sealed) < scene->n_vcpus - 1 ? 0 : EPERM;
}

static const struct attack attacks_before_the_rest[] = {{.name = "unsealed", .make = find_unsealed},
							{0}};

static const struct attack *find_in(const struct attack *list, const char *name)
{
	for (; list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

static const struct attack *find(const char *name)
{
	static const struct attack *const lists[] = {attacks_on_files,       attacks_on_processes,
						     attacks_on_the_kernel,  attacks_on_kvm,
						     attacks_on_memory,      lies,
						     attacks_before_the_rest};
	const struct attack *attack = NULL;

	for (size_t i = 0; i < ARRAY_LEN(lists) && attack == NULL; i++)
		attack = find_in(lists[i], name);
	return attack;
}

static bool is_lacking(int error)
{
	return error == ENOSYS || error == EAFNOSUPPORT || error == EOPNOTSUPP ||
	       error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT || error == ENODEV;
}

/* The words of the command line as the loader wrote it into guest memory. */
static unsigned read_words(const struct vcpu *vcpu)
{
	static char line[LAYOUT_CMDLINE_MAX];
	unsigned n = 0;

	memcpy(line, mem_get(vcpu->env->mem, LAYOUT_CMDLINE, sizeof(line)), sizeof(line));
	for (char *word = strtok(line, " "); word != NULL && n < WORDS; word = strtok(NULL, " "))
		words[n++] = word;
	return n;
}

static pid_t to_pid(const char *word)
{
	return (pid_t)strtol(word, NULL, 10);
}

static struct scene set_scene(struct vcpu *vcpu)
{
	const struct vm *vm = container_of(vcpu - vcpu->index, struct vm, vcpus);
	const struct jail *jail = vm->config->jail;

	return (struct scene){.vcpu = vcpu,
			      .n_vcpus = vm->config->n_vcpus,
			      .victim = to_pid(words[2]),
			      .socket = jail->socket,
			      .output = jail->output,
			      .supervisor = to_pid(words[3])};
}

int __wrap_vm_start(struct vm *vm, struct err *err)
{
	attacked = vm;
	if (read_words(&vm->vcpus[0]) == WORDS) {
		const struct attack *attack = find_in(lies_in_set_up, words[0]);
		const struct scene scene = set_scene(&vm->vcpus[0]);

		if (attack != NULL)
			attack->make(&scene);
	} else {
		ending_set(&vm->ending, END_EXIT, 97);
	}
	return __real_vm_start(vm, err);
}

static uint32_t attack(struct vcpu *vcpu)
{
	const struct attack *attack = find(words[0]);
	const struct vm *vm = container_of(vcpu - vcpu->index, struct vm, vcpus);
	const bool is_open = vm->config->jail->mode == JAIL_OFF;
	struct scene scene = set_scene(vcpu);
	char line[128];
	int error, len;

	if (attack == NULL)
		return 99;
	scene.attack = attack;
	error = attack->make(&scene);
	len = snprintf(line, sizeof(line), "%s: %s\n", words[0], strerrorname_np(error));
	/* Elsewhere that would kill the cell, and the attack seem to have failed. */
	if (is_open)
		(void)!write(STDERR_FILENO, line, (size_t)len);
	return error == 0 ? 1 : is_lacking(error) ? 2 : 0;
}

static bool is_attacker(const struct vcpu *vcpu, const char *word)
{
	return strcmp(word, "all") == 0 ||
	       (strcmp(word, "loop") != 0 && strtoul(word, NULL, 10) == vcpu->index);
}

/* On the thread of a loop, which is under its final filter. */
int __wrap_ring_run(struct ring *ring)
{
	struct vcpu *vcpu = &attacked->vcpus[0];

	if (strcmp(words[1], "loop") != 0)
		return __real_ring_run(ring);
	ending_set(&attacked->ending, END_EXIT, attack(vcpu));
	return 0;
}

enum vcpu_stop __wrap_vcpu_run(struct vcpu *vcpu)
{
	if (ending_get(vcpu->env->ending, NULL) == END_NONE && is_attacker(vcpu, words[1]))
		ending_set(vcpu->env->ending, END_EXIT, attack(vcpu));
	while (ending_get(vcpu->env->ending, NULL) == END_NONE)
		;
	return VCPU_ENDED;
}
