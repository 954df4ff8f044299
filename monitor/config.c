/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "monitor/options.h"

void config_init(struct config *config)
{
	*config = (struct config){.memory = MIB(128),
				  .n_cpus = 1,
				  .acpi = true,
				  .console = {.kind = STREAM_NONE},
				  .n_io_threads = 1,
				  .uid = CONFIG_NO_ID,
				  .gid = CONFIG_NO_ID};
}

static int check_hugepages(const struct config *config, struct err *err)
{
	if (config->hugepages && config->memory % MIB(2) != 0)
		return err_input(err,
				 "--memory: %" PRIu64
				 " bytes are no multiple of 2M, which --hugepages needs",
				 config->memory);
	if (config->hugepages && config->memfd)
		return err_input(err, "--memfd: not together with --hugepages");
	return 0;
}

/* Only root may give the cell other ids than its own. */
static int check_ids(const struct config *config, struct err *err)
{
	if ((config->uid == CONFIG_NO_ID && config->gid == CONFIG_NO_ID) || geteuid() == 0)
		return 0;
	if (config->uid != CONFIG_NO_ID && config->uid != geteuid())
		return err_input(err, "--uid: %u is another user: only root can do that",
				 config->uid);
	if (config->gid != CONFIG_NO_ID && config->gid != getegid())
		return err_input(err, "--gid: %u is another group: only root can do that",
				 config->gid);
	return 0;
}

/* A cell that is root outside is what strict is there to refuse. */
static int check_root(const struct config *config, struct err *err)
{
	if (config->jail != JAIL_STRICT)
		return 0;
	if (config->uid == 0)
		return err_input(err,
				 "--uid: 0 is root, which --jail=strict does not let a cell be");
	if (config->gid == 0)
		return err_input(
			err, "--gid: 0 is root's, which --jail=strict does not let a cell have");
	return 0;
}

/* One terminal, one guest's port. */
static int check_streams(const struct config *config, struct err *err)
{
	if (config->console.kind == STREAM_STDIO && config->serial.kind == STREAM_STDIO &&
	    config->serial.said)
		return err_input(err, "--console: stdio is the serial port's already");
	return 0;
}

/* What was asked for is not to be missing in silence. */
static int check_jail(const struct config *config, struct err *err)
{
	if (config->jail != JAIL_OFF)
		return 0;
	if (config->uid != CONFIG_NO_ID)
		return err_input(err, "--uid: not together with --jail=off, which changes no id");
	if (config->gid != CONFIG_NO_ID)
		return err_input(err, "--gid: not together with --jail=off, which changes no id");
	if (config->core_sched == JAIL_CORE_ON)
		return err_input(err, "--core-sched=on: not together with --jail=off, which keeps "
				      "nobody off a core");
	return 0;
}

int config_check(const struct config *config, struct err *err)
{
	int ret = check_hugepages(config, err);

	if (ret == 0)
		ret = check_jail(config, err);
	if (ret == 0)
		ret = check_root(config, err);
	if (ret == 0 && config->initrd != NULL && config->image == NULL)
		ret = err_input(err, "--initrd: the built-in guest takes none; name an IMAGE");
	if (ret == 0)
		ret = check_streams(config, err);
	return ret == 0 ? check_ids(config, err) : ret;
}

static void forget(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}

static void forget_path(struct disk_path path)
{
	if (path.at != NULL)
		explicit_bzero((char *)(uintptr_t)path.at, path.len);
}

void config_forget(const struct config *config)
{
	for (size_t i = 0; i < n_options; i++) {
		const void *place = (const char *)config + options[i].offset;

		if (options[i].kind == OPTION_PATH)
			forget(*(char *const *)place);
	}
	forget((char *)(uintptr_t)config->serial.path);
	forget((char *)(uintptr_t)config->console.path);
	for (unsigned i = 0; i < config->disks.n; i++) {
		forget_path(config->disks.disks[i].path);
		forget_path(config->disks.disks[i].layer_path);
	}
	forget((char *)(uintptr_t)config->cgroup.path);
	for (char **argument = config->argv; argument != NULL && *argument != NULL; argument++)
		forget(*argument);
	for (char **variable = environ; *variable != NULL; variable++)
		forget(*variable);
	forget((char *)getauxval(AT_EXECFN));
}
