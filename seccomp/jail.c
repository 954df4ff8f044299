/* SPDX-License-Identifier: Apache-2.0 */
#include "seccomp/jail.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/sanitizer.h"
#include "seccomp/jail_stages.h"

int jail_without(const struct jail *jail, struct err *err, int error, const char *what)
{
	if (jail->mode != JAIL_STRICT)
		return 0;
	return err_host(err, error, "--jail=strict: %s", what);
}

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

bool jail_missing(const struct jail *jail, char *ret_text, size_t size)
{
	static const struct {
		unsigned bit, needs;
		const char *text;
	} parts[] = {
		{JAIL_HAS_NAMESPACES, 0, "this host gives no namespaces"},
		{JAIL_HAS_ROOT, JAIL_HAS_NAMESPACES,
		 "no empty root can be had here: the cell is left with its caller's"},
		{JAIL_HAS_LANDLOCK, 0, "this kernel has no Landlock"},
		{JAIL_HAS_FILTERS, 0, "this build has no system-call filters"},
	};
	size_t len = 0;

	ret_text[0] = '\0';
	if (jail->mode == JAIL_OFF)
		return snprintf(ret_text, size, "the cell is not confined") > 0;
	for (size_t i = 0; i < ARRAY_LEN(parts) && len < size; i++) {
		if ((jail->holds & parts[i].bit) != 0 ||
		    (jail->holds & parts[i].needs) != parts[i].needs ||
		    (WITH_SANITIZER && parts[i].bit == JAIL_HAS_FILTERS))
			continue;
		len += (size_t)snprintf(ret_text + len, size - len, "%s%s", len > 0 ? "; " : "",
					parts[i].text);
	}
	return len > 0;
}

const char *jail_call_name(unsigned call)
{
	if (call >= JAIL_CALLS_MAX || jail_call_names[call] == 0)
		return "?";
	return jail_call_texts + jail_call_names[call];
}
