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

const char *next_word(void)
{
	static const char *cursor;
	static char word[WORD_MAX];
	size_t len = 0;

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

uint64_t next_number(void)
{
	const char *word = next_word();
	uint64_t number = 0;
	int base = 10;

	if (word == NULL)
		guest_fail("a number is missing\n");
	if (word[0] == '0' && word[1] == 'x') {
		base = 16;
		word += 2;
	}
	for (; *word != '\0'; word++) {
		int digit = digit_of(*word);

		if (digit < 0 || digit >= base)
			guest_fail("no number: %s\n", word);
		number = number * (uint64_t)base + (uint64_t)digit;
	}
	return number;
}
