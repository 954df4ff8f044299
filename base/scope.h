/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scope.h - release at the end of the scope, and its opposite, handing over.
 *
 * A local marked SCOPE_FD or SCOPE_FREE is released on every way out of its scope. TAKE_FD() and
 * TAKE_PTR() read the value and leave nothing behind to release.
 */
#ifndef MAYFLY_BASE_SCOPE_H
#define MAYFLY_BASE_SCOPE_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_CHECK __attribute__((warn_unused_result))

static inline void scope_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

static inline void scope_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define SCOPE_FREE   __attribute__((cleanup(scope_free)))
#define SCOPE_FD     __attribute__((cleanup(scope_close)))
#define TAKE_FD(var) take_fd(&(var))
#define TAKE_PTR(var)                                                                              \
	__extension__({                                                                            \
		__auto_type taken_ = (var);                                                        \
		(var) = NULL;                                                                      \
		taken_;                                                                            \
	})

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
