/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - what went wrong in set-up, in words a user can act on.
 *
 * Set-up functions that can explain a failure take a `struct err *`, fill it and return -errno.
 * Only main() and the supervisor print it and choose the exit status. The text names the field and
 * the value; the name of the file stays outside, because the cell knows no path.
 */
#ifndef MAYFLY_BASE_ERR_H
#define MAYFLY_BASE_ERR_H

#include "base/scope.h"

/* Exit statuses of the program's own (docs and cli: `mayfly --help`). */
enum {
	EXIT_STATUS_GUEST_MAX = 123, /* the largest status a guest can end with */
	EXIT_STATUS_TIMEOUT = 124,   /* the time limit ended it */
	EXIT_STATUS_USAGE = 125,     /* usage, config, image or host files: nothing was started */
	EXIT_STATUS_HOST = 126,      /* this host cannot */
	EXIT_STATUS_DIED = 127,      /* the guest died, or its cell did */
	EXIT_STATUS_SIGNAL = 128,    /* + N: ended by signal N */
};

/* The file an error is about; whoever knows its path writes it before the text. */
#define ERR_DISKS_MAX 16

enum err_subject {
	ERR_SUBJECT_NONE,
	ERR_SUBJECT_IMAGE,
	ERR_SUBJECT_INITRD,
	ERR_SUBJECT_DISK, /* the first of them; the next has the next number */
	ERR_SUBJECT_COUNT = ERR_SUBJECT_DISK + ERR_DISKS_MAX
};

struct err {
	int status; /* an EXIT_STATUS_*; 0 stands for EXIT_STATUS_USAGE */
	enum err_subject subject;
	char text[256];
};

/*
 * err_input(err, format, ...) says that the user's input is wrong and is -EINVAL;
 * err_host(err, error, format, ...) says that the host refused - the text, ": " and
 * strerror(error) - and is -error; err_file(err, error, what, path) does so of a file that the user
 * named, and must mend. All are for `return err_input(err, ...)`. Control characters in the text
 * become '?'.
 */
#define err_input(...) err_negative(err_set_input(__VA_ARGS__))
#define err_host(...)  err_negative(err_set_host(__VA_ARGS__))
#define err_file(...)  err_negative(err_set_file(__VA_ARGS__))

int err_set_input(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
int err_set_host(struct err *err, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int err_set_file(struct err *err, int error, const char *what, const char *path);

/* Lets the compiler know that what an error returns is one, so that it can follow outputs. */
static inline int err_negative(int ret)
{
	if (ret >= 0)
		__builtin_unreachable();
	return ret;
}

/* Overwrites every byte of a hostile text that is not printable ASCII with '?'. */
void err_clean(char *text);

#endif
