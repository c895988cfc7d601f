/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "worker/options.h"

/* What makes a process a daemon: its place, its user, its files. */

/* Descriptors 0, 1 and 2 are open, if only on /dev/null. */
void daemon_fill_stdio(void);

/*
 * Go to the background. In the child: 0, and *ret_ready is to be passed to daemon_ready. The parent
 * never returns: it exits with 0 when the child is ready, with the child's code if it is not.
 * -errno.
 */
int daemon_detach(int *ret_ready) MUST_CHECK;
void daemon_ready(int ready, bool keep_stderr);

/* Niceness and the kernel's out-of-memory preference. What fails is logged. */
void daemon_set_priority(const struct options *o);

/*
 * If root: call prepare (may be NULL) with whom we will be, then become that: the user named, or
 * distcc, nobody, or 65534. No privileges can be gained from here on, and other processes of the
 * user cannot look into this one. A worker_exit code.
 */
int daemon_drop_root(const char *user, void (*prepare)(uid_t uid, gid_t gid)) MUST_CHECK;

/* A file that holds one number, written to be there whole or not at all. -errno. */
int daemon_write_number(const char *path, long number) MUST_CHECK;

struct daemon_pid_file {
	char *path; /* absolute */
	int fd;
};
#define DAEMON_PID_FILE_INIT \
	{                    \
		.fd = -1     \
	}
int daemon_pid_file_make(const char *path, struct daemon_pid_file *ret) MUST_CHECK;
/* Where its directory is not ours any more, it is emptied. */
void daemon_pid_file_remove(struct daemon_pid_file *f);
