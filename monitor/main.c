/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the story of a run. */
#include <stdio.h>

#include "base/clock.h"
#include "monitor/cli.h"
#include "monitor/disk.h"
#include "monitor/doctor.h"
#include "monitor/epilogue.h"
#include "monitor/files.h"
#include "monitor/supervisor.h"

int main(int argc, char **argv)
{
	static struct cli cli;
	const int64_t started_ns = clock_ns();
	struct err err = {0};

	if (files_reserve_standard(&err) < 0 || cli_parse(argc, argv, &cli, &err) < 0) {
		epilogue_print_error(&err);
		return err.status;
	}
	switch (cli.command) {
	case CLI_RUN:
		return supervisor_run(&cli.config, started_ns);
	case CLI_DOCTOR:
		return epilogue_flush(doctor_run(cli.doctor_json));
	case CLI_DISK:
		return epilogue_flush(disk_run(&cli.disk));
	case CLI_VERSION:
		puts("mayfly " MAYFLY_VERSION);
		return epilogue_flush(0);
	case CLI_HELP:
	default:
		cli_print_help(stdout, cli.help_for);
		return epilogue_flush(0);
	}
}
