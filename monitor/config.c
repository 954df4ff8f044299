/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/config.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "monitor/options.h"

void config_init(struct config *config)
{
	*config = (struct config){.memory = MIB(128),
				  .n_cpus = 1,
				  .acpi = true,
				  .uid = CONFIG_NO_ID,
				  .gid = CONFIG_NO_ID};
}

static int check_memory(const struct config *config, struct err *err)
{
	if (config->memory < LAYOUT_RAM_MIN)
		return err_input(
			err, "--memory: %" PRIu64 " bytes are less than 2M%s", config->memory,
			config->memory < 65536 ? " (a size without a unit is in bytes)" : "");
	if (config->memory % LAYOUT_PAGE != 0)
		return err_input(err, "--memory: %" PRIu64 " bytes are no multiple of 4K",
				 config->memory);
	if (config->hugepages && config->memory % MIB(2) != 0)
		return err_input(err,
				 "--memory: %" PRIu64
				 " bytes are no multiple of 2M, which --hugepages needs",
				 config->memory);
	if (config->hugepages && config->memfd)
		return err_input(err, "--memfd: not together with --hugepages");
	return 0;
}

static int check_pins(const struct config *config, struct err *err)
{
	cpu_set_t allowed;

	if (config->n_pins > 0 && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return err_host(err, errno, "--pin");
	for (unsigned i = 0; i < config->n_pins; i++)
		if (config->pins[i] >= CPU_SETSIZE || !CPU_ISSET(config->pins[i], &allowed))
			return err_input(err, "--pin: host CPU %u is not available to this process",
					 config->pins[i]);
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

int config_check(const struct config *config, struct err *err)
{
	int ret = check_memory(config, err);

	if (ret == 0 && config->initrd != NULL && config->image == NULL)
		ret = err_input(err, "--initrd: the built-in guest takes none; name an IMAGE");
	if (ret == 0)
		ret = check_ids(config, err);
	return ret == 0 ? check_pins(config, err) : ret;
}

static void forget(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}

void config_forget(const struct config *config)
{
	for (size_t i = 0; i < n_options; i++) {
		const void *place = (const char *)config + options[i].offset;

		if (options[i].kind == OPTION_PATH)
			forget(*(char *const *)place);
	}
	forget((char *)(uintptr_t)config->serial_path);
	for (char **argument = config->argv; argument != NULL && *argument != NULL; argument++)
		forget(*argument);
	for (char **variable = environ; *variable != NULL; variable++)
		forget(*variable);
	forget((char *)getauxval(AT_EXECFN));
}
