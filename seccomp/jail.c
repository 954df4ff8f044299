/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/jail.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"

/* The least descriptor of the list that is not below `from`, or -1. */
static int next_kept(const int *keep, unsigned n_keep, int from)
{
	int next = -1;

	for (unsigned i = 0; i < n_keep; i++)
		if (keep[i] >= from && (next < 0 || keep[i] < next))
			next = keep[i];
	return next;
}

int jail_close_others(const int *keep, unsigned n_keep, struct err *err)
{
	int from = 0, kept, ret = 0;

	while (ret == 0 && (kept = next_kept(keep, n_keep, from)) >= 0) {
		if (kept > from)
			ret = close_range((unsigned)from, (unsigned)kept - 1, 0);
		from = kept + 1;
	}
	if (ret == 0)
		ret = close_range((unsigned)from, ~0U, 0);
	return ret < 0 ? err_host(err, errno, "jail: close_range") : 0;
}

/*
 * After the ids, whose change takes it away again. A supervisor that is gone by then is seen by the
 * next look at its socket: in a pid namespace nobody has a parent to ask for.
 */
static int die_with_supervisor(struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_host(err, errno, "jail: parent-death signal");
	return 0;
}

static int give_up_privileges(struct err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_host(err, errno, "jail: prctl");
	return 0;
}

int jail_confine(struct jail *jail, const struct jail_limits *limits, jail_trap_fn *on_trap,
		 struct err *err)
{
	int ret;

	jail->socket = limits->socket;
	jail->output = limits->output;
	if (jail->mode == JAIL_OFF)
		return die_with_supervisor(err);
	if ((ret = jail_drop_ids(jail, err)) < 0 || (ret = give_up_privileges(err)) < 0 ||
	    (ret = die_with_supervisor(err)) < 0 || (ret = jail_set_core(jail, err)) < 0 ||
	    (ret = jail_set_limits(jail, limits, err)) < 0 ||
	    (ret = jail_restrict_files(jail, err)) < 0)
		return ret;
	return jail_filter(jail, on_trap, err);
}

static void add_words(char *text, size_t size, const char *words)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s", len > 0 ? "; " : "", words);
}

static void name_missing(const struct jail *jail, char *text, size_t size)
{
	const struct {
		unsigned bit;
		bool is_expected;
		const char *words;
	} parts[] = {
		{JAIL_HAS_ROOT, (jail->namespaces & CLONE_NEWNS) != 0,
		 "no empty root can be had here: the cell is left with its caller's"},
		{JAIL_HAS_IDS, !jail->is_only_id,
		 "the cell keeps root's user or group, without its capabilities"},
		{JAIL_HAS_LANDLOCK, true, "no Landlock can be had here"},
		{JAIL_HAS_FILTERS, !WITH_SANITIZER, "this build has no system-call filters"},
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if ((jail->holds & parts[i].bit) == 0 && parts[i].is_expected)
			add_words(text, size, parts[i].words);
}

bool jail_missing(const struct jail *jail, char *ret_text, size_t size)
{
	char names[JAIL_NAMES_MAX];

	ret_text[0] = '\0';
	if (jail->mode == JAIL_OFF)
		add_words(ret_text, size, "the cell is not confined");
	else if (jail_lacks_namespaces(jail, names))
		snprintf(ret_text, size, "this host gives no %s", names);
	if (jail->mode != JAIL_OFF)
		name_missing(jail, ret_text, size);
	return ret_text[0] != '\0';
}

const char *jail_call_name(unsigned call)
{
	if (call >= JAIL_CALLS_MAX || jail_call_names[call] == 0)
		return "?";
	return jail_call_texts + jail_call_names[call];
}
