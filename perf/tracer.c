/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracer.c - notes each function that a thread of mayfly enters, for `make trace-read`. [gcc
 * -finstrument-functions]
 *
 * It writes text into a file that is mapped before the cell is made, whose copy of the mapping is the
 * same file: so it makes no system call, and the jail is as it always is. A line is the thread's
 * number, how deep the function is, and where it lies in the program.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE      23 /* "TT DD AAAAAAAAAAAAAAAA", and a new line */
#define LINES_MAX 200000

struct trace {
	_Atomic uint32_t n_lines, n_threads;
	char unused[LINE - 2 * sizeof(uint32_t)]; /* as long as a line, in all */
	char lines[LINES_MAX][LINE];
};

extern const char __executable_start[];

void __cyg_profile_func_enter(void *function, void *caller);
void __cyg_profile_func_exit(void *function, void *caller);

static struct trace *trace;
static _Thread_local uint32_t thread, depth;

__attribute__((constructor)) static void open_trace(void)
{
	const char *path = getenv("MAYFLY_TRACE");
	int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	void *at;

	if (fd < 0 || ftruncate(fd, sizeof(*trace)) < 0)
		abort();
	at = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	trace = at;
	close(fd);
}

static char *put_hex(char *at, uint64_t value, unsigned n_digits)
{
	for (unsigned i = n_digits; i-- > 0;)
		*at++ = "0123456789abcdef"[value >> 4 * i & 15];
	*at++ = ' ';
	return at;
}

void __cyg_profile_func_enter(void *function, void *caller)
{
	uint32_t n = atomic_fetch_add(&trace->n_lines, 1);
	char *at;

	(void)caller;
	if (thread == 0)
		thread = atomic_fetch_add(&trace->n_threads, 1) + 1;
	depth++;
	if (n >= LINES_MAX)
		return;
	at = put_hex(trace->lines[n], thread, 2);
	at = put_hex(at, depth, 2);
	at = put_hex(at, (uintptr_t)function - (uintptr_t)__executable_start, 16);
	at[-1] = '\n';
}

void __cyg_profile_func_exit(void *function, void *caller)
{
	(void)function;
	(void)caller;
	depth--;
}
