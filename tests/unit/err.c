/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct err err;

Test(err, of_the_input_is_a_matter_of_usage)
{
	cr_assert_eq(err_input(&err, "--cpus: %d is less than %s", 0, "one"), -EINVAL);
	cr_assert_eq(err.status, EXIT_STATUS_USAGE);
	cr_assert_str_eq(err.text, "--cpus: 0 is less than one");
}

Test(err, of_the_host_says_its_reason)
{
	cr_assert_eq(err_host(&err, ENOENT, "/dev/%s", "kvm"), -ENOENT);
	cr_assert_eq(err.status, EXIT_STATUS_HOST);
	cr_assert_str_eq(err.text, "/dev/kvm: No such file or directory");
}

Test(err, a_file_of_the_users_is_named_and_theirs_to_mend)
{
	cr_assert_eq(err_file(&err, ENOENT, "image", "/none"), -ENOENT);
	cr_assert_eq(err.status, EXIT_STATUS_USAGE);
	cr_assert_str_eq(err.text, "image \"/none\": No such file or directory");
}

Test(err, a_long_text_is_cut_and_ended)
{
	char text[2 * sizeof(err.text)];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_lt(err_input(&err, "%s", text), 0);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
	cr_assert_lt(err_host(&err, EIO, "%s", text), 0);
	cr_assert_eq(strlen(err.text), sizeof(err.text) - 1);
}

Test(err, the_file_that_it_is_about_is_kept)
{
	err.subject = ERR_SUBJECT_INITRD;
	cr_assert_lt(err_input(&err, "too large"), 0);
	cr_assert_eq(err.subject, ERR_SUBJECT_INITRD);
}

Test(err, a_hostile_text_becomes_printable)
{
	char text[256];

	for (int i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	err_clean(text);
	for (int i = 0; i < 255; i++)
		cr_assert_eq(text[i], i + 1 >= ' ' && i + 1 <= '~' ? i + 1 : '?', "byte %d", i + 1);
	cr_assert_eq(text[255], '\0');
}

/* A name from the user's file may hold an escape sequence. */
Test(err, no_text_has_control_characters)
{
	cr_assert_lt(err_input(&err, "field \"%s\"", "\033[2J\n\x7f \xc3\xa4"), 0);
	cr_assert_str_eq(err.text, "field \"?[2J?? \xc3\xa4\"");
	cr_assert_lt(err_host(&err, ENOENT, "config \"%s\"", "\033\xc3\xa4"), 0);
	cr_assert_str_eq(err.text, "config \"?\xc3\xa4\": No such file or directory");
}
