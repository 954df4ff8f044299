/* SPDX-License-Identifier: Apache-2.0 */
#include "boot-proto/ports_abi.h"
#include "images/lib/guest.h"

/* The port is always ready to send, so there is no status to look at: an exit less a byte. */
static void put(char c)
{
	out8(PORT_COM1, (uint8_t)c);
}

static void put_text(const char *text, unsigned width)
{
	size_t len = strlen(text);

	while (*text != '\0')
		put(*text++);
	for (; len < width; len++)
		put(' ');
}

static void put_number(uint64_t number, unsigned base, unsigned width, char fill)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0);
	for (; width > n; width--)
		put(fill);
	while (n > 0)
		put(digits[--n]);
}

struct spec {
	char fill;
	unsigned width;
	bool is_long;
	char type;
};

static const char *parse_spec(const char *at, struct spec *spec)
{
	*spec = (struct spec){.fill = ' '};
	if (*at == '0') {
		spec->fill = '0';
		at++;
	}
	while (*at >= '0' && *at <= '9')
		spec->width = spec->width * 10 + (unsigned)(*at++ - '0');
	while (*at == 'l') {
		spec->is_long = true;
		at++;
	}
	spec->type = *at;
	return at;
}

static void vprint(const char *format, va_list args)
{
	struct spec spec;

	for (; *format != '\0'; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		format = parse_spec(format + 1, &spec);
		if (spec.type == 's')
			put_text(va_arg(args, const char *), spec.width);
		else if (spec.type == 'c')
			put((char)va_arg(args, int));
		else if (spec.type == 'p')
			put_number((uintptr_t)va_arg(args, void *), 16, spec.width, spec.fill);
		else if (spec.type == 'u' || spec.type == 'x')
			put_number(spec.is_long ? va_arg(args, uint64_t) : va_arg(args, uint32_t),
				   spec.type == 'u' ? 10 : 16, spec.width, spec.fill);
		else
			put(spec.type);
	}
}

struct job {
	const char *format;
	va_list args;
};

static uint64_t print_job(uint64_t argument)
{
	struct job *job = (struct job *)argument;

	vprint(job->format, job->args);
	return 0;
}

void print(const char *format, ...)
{
	struct job job = {.format = format};

	va_start(job.args, format);
	in_ring_0(print_job, (uintptr_t)&job);
	va_end(job.args);
}

static _Noreturn uint64_t exit_with(uint64_t status)
{
	out32(PORT_EXIT, (uint32_t)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void guest_exit(uint32_t status)
{
	in_ring_0(exit_with, status);
	__builtin_unreachable();
}

_Noreturn void guest_fail(const char *format, ...)
{
	struct job job = {.format = format};

	va_start(job.args, format);
	in_ring_0(print_job, (uintptr_t)&job);
	va_end(job.args);
	guest_exit(120);
}
