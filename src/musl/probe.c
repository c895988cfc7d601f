/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Meson tries before it takes a libc for the programs that are started for each job: its newest
 * function that we need, and the kernel's headers.
 */
#include <linux/openat2.h>
#include <spawn.h>

int main(void)
{
	posix_spawn_file_actions_t fa;
	struct open_how how = {.flags = 0};

	return (int)how.flags || posix_spawn_file_actions_init(&fa) ||
	       posix_spawn_file_actions_addchdir_np(&fa, "/");
}
