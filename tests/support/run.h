/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - runs mayfly as a user does, and looks at what comes out.
 *
 * The binary is $MAYFLY, the guests are in $GUESTS; without these, those of the release build.
 */
#ifndef MAYFLY_TESTS_RUN_H
#define MAYFLY_TESTS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RUN_OUTPUT_MAX (1 << 20)
#define RUN_PATIENCE_S 60 /* no run of a test takes longer; it is killed, and the test fails */

/* What a run left behind. Texts are NUL-terminated. */
struct run {
	int status; /* exit status, or 128 + N where signal N killed it */
	char *out;
	size_t out_len;
	char *err;
	size_t err_len;
};

/* A run in progress. */
struct process {
	pid_t pid;
	int in;  /* its standard input, to write to; -1: /dev/null */
	int out; /* its standard output, to read from */
	int err;
};

/* The path of a guest of ours, in a static buffer of its own for each of the last few calls. */
const char *guest(const char *name);
const char *mayfly_path(void);

/* A path for a file of this test's own, in a folder that goes with the test. */
const char *scratch(const char *name);

/*
 * In a child, before exec: ignores no signal. mayfly honours what is ignored when it starts, and who
 * runs the suite in the background ignores some.
 */
void heed_signals(void);

/*
 * From now on programs are started as this user, with a /dev/kvm that he may open; 0: as ourselves.
 * We must be root. Such a user reads no folder of ours: see public_copy().
 */
void run_as(unsigned uid);

/* From now on programs are started by a process that has called this; NULL: nothing. */
void run_after(void (*enter)(void));

/* A copy of a program that every user may run; its path, which goes with the test. */
const char *public_copy(const char *path);

/* Runs the program to its end; `argv` ends with NULL. With no standard input, or with this text. */
struct run run_program(const char *const argv[], const char *input);

/* mayfly with these arguments. */
#define RUN(...) run_program((const char *const[]){mayfly_path(), __VA_ARGS__, NULL}, NULL)
#define RUN_INPUT(input, ...)                                                                      \
	run_program((const char *const[]){mayfly_path(), __VA_ARGS__, NULL}, input)

/* A shell with this command. */
struct run run_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `mayfly run act -- ACTS`, with further options before. */
#define ACT(...) RUN("run", "-f", "elf", guest("act"), "--", __VA_ARGS__)

/* Starts it and goes on. With `with_input`, `in` is a pipe to its standard input. */
struct process process_start(const char *const argv[], bool with_input);

/* From here on its standard error takes no byte: a pipe that is full, and that nobody reads. */
void process_fill_err(const struct process *process);

/* Waits for its end and collects what it still wrote. */
struct run process_finish(struct process *process);

/* The first child of a process; 0: it has none. */
pid_t child_of(pid_t parent);

/* Reads its output until `text` has come. False: it ended before, or took too long. */
bool process_wait_for(struct process *process, const char *text);

/* Does the text contain this? */
bool has(const char *text, const char *part);

/* The number after `key` in lines of "key: number"; fails the test where there is none. */
unsigned long long number_after(const char *text, const char *key);

/* Writes a file; returns its path. */
const char *write_file(const char *name, const void *bytes, size_t len);

/* How many files are in a folder. */
unsigned count_files(const char *folder);

/* The whole file, malloc()ed and NUL-terminated; fails the test where there is none. */
char *read_file(const char *path, size_t *ret_len);

#endif
