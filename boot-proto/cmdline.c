/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's words are explained in its Documentation/admin-guide/kernel-parameters.rst. */
#include "boot-proto/cmdline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLANKS " \t\n"

/* The first word at or after `cursor` that answers to `key`, or NULL. */
static const char *find_word(const char *cursor, const char *key)
{
	size_t key_len = strlen(key);

	for (cursor += strspn(cursor, BLANKS); *cursor != '\0'; cursor += strspn(cursor, BLANKS)) {
		size_t len = strcspn(cursor, BLANKS);

		if (len >= key_len && memcmp(cursor, key, key_len) == 0 &&
		    (len == key_len || cursor[key_len] == '='))
			return cursor;
		cursor += len;
	}
	return NULL;
}

bool cmdline_has(const char *cmdline, const char *key)
{
	return find_word(cmdline, key) != NULL;
}

bool cmdline_resets_by_i8042(const char *cmdline)
{
	bool found = false;

	for (const char *word = find_word(cmdline, "reboot"); word != NULL;
	     word = find_word(word + strcspn(word, BLANKS), "reboot"))
		found = memchr(word + strlen("reboot"), 'k',
			       strcspn(word, BLANKS) - strlen("reboot"));
	return found;
}

static int refuse_len(size_t len, uint64_t room, struct err *err)
{
	return err_input(err,
			 "command line: %zu bytes are more than the %" PRIu64 " there is room for",
			 len, room);
}

/* The words before the user's, each with a blank after it. Returns their length. */
static size_t add_words(const struct cmdline_parts *parts, char *text, size_t size)
{
	static const struct {
		const char *key, *value;
	} words[] = {{"console", "ttyS0"}, {"reboot", "k"}, {"panic", "1"}, {"pci", "off"}};
	size_t len = 0;

	for (size_t i = 0; parts->linux_kernel && i < ARRAY_LEN(words); i++)
		if (!cmdline_has(parts->user, words[i].key) && (i != 0 || parts->serial))
			len += (size_t)snprintf(text + len, size - len, "%s=%s ", words[i].key,
						words[i].value);
	if (parts->linux_kernel && parts->root && !cmdline_has(parts->user, "root"))
		len += (size_t)snprintf(
			text + len, size - len, "root=/dev/vda %s",
			cmdline_has(parts->user, "ro") || cmdline_has(parts->user, "rw") ? ""
			: parts->root_read_only                                          ? "ro "
											 : "rw ");
	/* [linux admin-guide/kernel-parameters.rst virtio_mmio.device] */
	for (unsigned i = 0; i < parts->n_virtio; i++)
		len += (size_t)snprintf(text + len, size - len, "virtio_mmio.device=4K@0x%x:%u ",
					MMIO_VIRTIO + i * MMIO_VIRTIO_LEN, GSI_VIRTIO + i);
	return len;
}

int cmdline_compose(const struct cmdline_parts *parts, char *ret_cmdline, struct err *err)
{
	char added[96 + VIRTIO_DEVICES_MAX * 40] = "";
	size_t len = add_words(parts, added, sizeof(added)), user_len = strlen(parts->user);

	if (user_len >= LAYOUT_CMDLINE_MAX - len)
		return refuse_len(user_len, LAYOUT_CMDLINE_MAX - 1 - len, err);
	memcpy(ret_cmdline, added, len);
	memcpy(ret_cmdline + len, parts->user, user_len + 1);
	if (user_len == 0 && len > 0)
		ret_cmdline[len - 1] = '\0';
	return 0;
}

int cmdline_write(const char *cmdline, const struct mem *mem, struct err *err)
{
	size_t len = strlen(cmdline);

	if (len >= LAYOUT_CMDLINE_MAX)
		return refuse_len(len, LAYOUT_CMDLINE_MAX - 1, err);
	if (mem_write(mem, LAYOUT_CMDLINE, cmdline, len + 1) < 0)
		return err_input(err, "--memory: no room for the boot tables");
	return 0;
}
