/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Meson tries before it takes a libc for the launcher: its newest function that we need. */
#include <spawn.h>

int main(void)
{
	posix_spawn_file_actions_t fa;

	return posix_spawn_file_actions_init(&fa) || posix_spawn_file_actions_addchdir_np(&fa, "/");
}
