/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/*
 * Starting programs by posix_spawn (which is vfork-like: a daemon with a large heap pays nothing
 * for its size). The child gets default signal handling, an empty signal mask, the descriptors
 * named here as 0, 1 and 2, and those in keep[] under their own numbers; all else is CLOEXEC.
 */

enum { CHILD_KEEP_MAX = 4 };

struct child_spec {
	const char *path; /* with a '/': no search is made */
	char *const *argv;
	char *const *envp;
	const char *cwd;           /* NULL: this process's */
	int fd_in, fd_out, fd_err; /* -1: /dev/null */
	int keep[CHILD_KEEP_MAX];  /* the first n_keep of them */
	size_t n_keep;
	bool new_group; /* its own process group, so that child_kill_group reaches all of it */
};

/* 0; -errno from making it or from its exec (-ENOENT: no such program; -EACCES: not executable). */
int child_spawn(const struct child_spec *spec, pid_t *ret_pid) MUST_CHECK;

/* A descriptor that polls readable when the process has ended. -errno. */
int child_pidfd(pid_t pid, int *ret_fd) MUST_CHECK;

/* Signal the group that a child with new_group leads; a group that is gone already is fine. */
void child_kill_group(pid_t pid, int signal);

/*
 * The program that name means: itself if it has a '/', else the first executable regular file of
 * that name in path (a PATH-like list; NULL stands for "/usr/local/bin:/usr/bin:/bin").
 * cwd is what relative parts of path and name start from. -ENOENT.
 */
int child_find_program(const char *name, const char *path, const char *cwd, char **ret) MUST_CHECK;
