/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/*
 * A small process that outlives its daemon by one act: when the daemon is gone, however it went
 * (kill -9 included), the warden kills the process groups and removes the paths that the daemon
 * had under way (and every process that works in one of those paths), and ends. It learns of the
 * daemon's end by end-of-file on a socket that only the daemon holds, so no compiler runs on and no
 * temporary directory stays behind.
 *
 * Start it before the daemon has threads or secrets. At most WARDEN_MAX groups and paths at once;
 * what is over that is not guarded.
 */
struct warden {
	int fd; /* -1: none running; every call is a no-op then */
	pid_t pid;
};

enum { WARDEN_MAX = 4096, WARDEN_PATH_MAX = 1024 };

#define WARDEN_INIT      \
	{                \
		.fd = -1 \
	}

/*
 * session: all in the session that the daemon leads are its children and go with it, those too that
 * it had no time left to have guarded. Where it leads none that says nothing.
 */
int warden_start(bool session, struct warden *ret) MUST_CHECK;

/* The daemon ends in good order: nothing is killed, and the warden is waited for. */
void warden_stop(struct warden *w);

void warden_guard_group(struct warden *w, pid_t group);
void warden_release_group(struct warden *w, pid_t group);
void warden_guard_path(struct warden *w, const char *path); /* absolute; file or tree */
void warden_release_path(struct warden *w, const char *path);
