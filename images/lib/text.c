/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - memory, strings, and the words of the command line. */
#include "images/lib/guest.h"

#define WORD_MAX 256

void *memcpy(void *to, const void *from, size_t len)
{
	void *start = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t len)
{
	void *start = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len++;
	return len;
}

bool same_text(const char *a, const char *b)
{
	size_t len = strlen(a);

	return len == strlen(b) && memcmp(a, b, len) == 0;
}

static bool begins_with(const char *text, const char *what)
{
	while (*what != '\0' && *text == *what) {
		text++;
		what++;
	}
	return *what == '\0';
}

const char *find_text(const char *text, const char *what)
{
	for (; *text != '\0'; text++)
		if (begins_with(text, what))
			return text;
	return NULL;
}

static bool kept;

void keep_word(void)
{
	kept = true;
}

const char *next_word(void)
{
	static const char *cursor;
	static char word[WORD_MAX];
	size_t len = 0;

	if (kept) {
		kept = false;
		return word[0] != '\0' ? word : NULL;
	}
	if (cursor == NULL)
		cursor = guest_boot.cmdline;
	while (*cursor == ' ')
		cursor++;
	while (*cursor != ' ' && *cursor != '\0' && len < WORD_MAX - 1)
		word[len++] = *cursor++;
	word[len] = '\0';
	return len > 0 ? word : NULL;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

uint64_t parse_number(const char **at)
{
	bool hex = (*at)[0] == '0' && (*at)[1] == 'x';
	const char *digits = hex ? *at + 2 : *at, *c = digits;
	int base = hex ? 16 : 10, digit;
	uint64_t number = 0;

	while ((digit = digit_of(*c)) >= 0 && digit < base) {
		number = number * (uint64_t)base + (uint64_t)digit;
		c++;
	}
	if (c == digits)
		guest_fail("no number: %s\n", *at);
	*at = c;
	return number;
}

static uint64_t number_of(const char *text)
{
	const char *end = text;
	uint64_t number = parse_number(&end);

	if (*end != '\0')
		guest_fail("no number: %s\n", text);
	return number;
}

uint64_t next_number(void)
{
	const char *word = next_word();

	if (word == NULL)
		guest_fail("a number is missing\n");
	return number_of(word);
}

const char *value_of(const char *word, const char *name)
{
	size_t len = strlen(name);

	return begins_with(word, name) && word[len] == '=' ? word + len + 1 : NULL;
}

static void take_option(const char *word, const struct option *options, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const char *value = value_of(word, options[i].name);

		if (value != NULL) {
			*options[i].value = number_of(value);
			return;
		}
	}
	guest_fail("no such option: %s\n", word);
}

/* A name with a dot is a parameter of somebody's driver. */
void take_options(const struct option *options, unsigned n)
{
	const char *word;

	while ((word = next_word()) != NULL && find_text(word, "=") != NULL)
		if (find_text(word, ".") == NULL)
			take_option(word, options, n);
	keep_word();
}
