/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - uses virtio-console as its command line says, word by word, and tells on the serial port
 * what it did. `mayfly run console -- chunk=4096 write=65536 size echo`
 *
 *   poll      no interrupts; before all others
 *   chunk=N   bytes of a buffer of output, from here on
 *   write=N   bytes of lines, 64 bytes each
 *   say=WORD  that, and the end of a line
 *   echo      input, up to a q
 *   size      of the window; size=N: and then of the next N windows
 */
#include "images/lib/guest.h"
#include "images/lib/virtio_console.h"

#define LINE      64
#define CHUNK_MAX (UINT64_C(1) << 20)

static struct vcon console;
static uint64_t chunk = 4096;

/* Opened by the first word that uses it. */
static struct vcon *get_console(void)
{
	static bool opened;

	if (!opened)
		vcon_open(&console, 0);
	opened = true;
	return &console;
}

static void write_lines(uint64_t len)
{
	uint8_t *bytes = memory_take(CHUNK_MAX);

	for (uint64_t at = 0; at < len; at += chunk) {
		uint64_t n = len - at < chunk ? len - at : chunk;

		for (uint64_t i = 0; i < n; i++)
			bytes[i] = (at + i) % LINE == LINE - 1 ? '\n'
							       : (uint8_t)('0' + (at + i) % LINE);
		vcon_write(get_console(), bytes, (uint32_t)n);
	}
	print("console write bytes=%lu kicks=%lu interrupts=%u\n", len, console.output.n_kicks,
	      console.device.n_used);
}

static void echo(void)
{
	uint8_t *bytes = memory_take(VCON_INPUT_LEN);
	uint64_t n_echoed = 0;

	for (bool quit = false; !quit;) {
		uint32_t len = vcon_read(get_console(), bytes);

		for (uint32_t i = 0; i < len; i++)
			quit |= bytes[i] == 'q';
		vcon_write(get_console(), bytes, len);
		n_echoed += len;
	}
	print("console echo bytes=%lu\n", n_echoed);
}

static void tell_size(void)
{
	if (!virtio_has(&get_console()->device, VIRTIO_CONSOLE_F_SIZE))
		guest_fail("console: it has no size\n");
	print("console size cols=%lu rows=%lu\n",
	      VIRTIO_CONFIG(&console.device, struct virtio_console_config, cols),
	      VIRTIO_CONFIG(&console.device, struct virtio_console_config, rows));
}

static void tell_sizes(uint64_t n_changes)
{
	static uint32_t seen;

	tell_size();
	for (; n_changes > 0; n_changes--) {
		wait_change(&console.device.n_changed, seen++);
		tell_size();
	}
}

static void say(const char *word)
{
	size_t len = strlen(word);
	char *line = memory_take(len + 1);

	memcpy(line, word, len);
	line[len] = '\n';
	vcon_write(get_console(), line, (uint32_t)len + 1);
}

static void act_on(const char *word)
{
	const char *value;

	if (same_text(word, "poll"))
		console.device.polls = true;
	else if (same_text(word, "echo"))
		echo();
	else if (same_text(word, "size"))
		tell_sizes(0);
	else if ((value = value_of(word, "size")) != NULL)
		tell_sizes(parse_number(&value));
	else if ((value = value_of(word, "write")) != NULL)
		write_lines(parse_number(&value));
	else if ((value = value_of(word, "say")) != NULL)
		say(value);
	else if ((value = value_of(word, "chunk")) != NULL)
		chunk = parse_number(&value);
	else if (find_text(word, ".") == NULL)
		guest_fail("no such word: %s\n", word);
	if (chunk == 0 || chunk > CHUNK_MAX)
		guest_fail("chunk=%lu\n", chunk);
}

static void act(uint64_t unused)
{
	const char *word;

	(void)unused;
	while ((word = next_word()) != NULL)
		act_on(word);
	guest_exit(0);
}

uint32_t guest_main(void)
{
	interrupts_init();
	lapic_init();
	user_run(act, 0);
	return 1;
}
