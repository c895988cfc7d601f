/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Meson tries before it takes a libc for the programs that are started for each job: the newest
 * functions, system calls and structures that we need of it and of the kernel's headers.
 */
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	static const long calls[] = {SYS_clone3, SYS_close_range, SYS_mount_setattr, SYS_openat2};
	struct __ptrace_syscall_info call = {.op = 0};
	struct open_how how = {.flags = 0};
	struct mount_attr attr = {.attr_set = 0};
	struct clone_args clone = {.flags = 0};
	posix_spawn_file_actions_t fa;

	return posix_spawn_file_actions_init(&fa) ||
	       posix_spawn_file_actions_addchdir_np(&fa, "/") || !reallocarray(NULL, 1, 1) ||
	       syscall(calls[1], 3, 4, 0) < 0 || call.op || how.flags || attr.attr_set ||
	       clone.flags;
}
