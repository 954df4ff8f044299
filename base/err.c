/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Words of a user's or of a file's may be in it, and it goes to a terminal. UTF-8 stays. */
static void blank_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((*text >= 0 && *text < ' ') || *text == 0x7f)
			*text = '?';
}

int err_set_input(struct err *err, const char *format, ...)
{
	va_list args;

	err->status = EXIT_STATUS_USAGE;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	blank_controls(err->text);
	return -EINVAL;
}

int err_set_host(struct err *err, int error, const char *format, ...)
{
	va_list args;
	size_t used;

	err->status = EXIT_STATUS_HOST;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	blank_controls(err->text);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(error));
	return -error;
}

int err_set_file(struct err *err, int error, const char *what, const char *path)
{
	int ret = err_set_host(err, error, "%s \"%.150s\"", what, path);

	err->status = EXIT_STATUS_USAGE;
	return ret;
}

void err_clean(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}
