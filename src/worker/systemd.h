/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "worker/listen.h"

/*
 * What a service manager says and wants to hear, by the protocols of sd_listen_fds(3) and
 * sd_notify(3), which are an environment and a datagram. Without a service manager each of these
 * does nothing.
 */

enum { SYSTEMD_FIRST_FD = 3 };

/* How many descriptors were passed to this process (pid), at most max. 0: none. -EINVAL: what the
 * environment says makes no sense; -E2BIG. Pure. */
int systemd_count_fds(char *const *envp, long pid, size_t max, size_t *ret) MUST_CHECK;

/*
 * The listening sockets that were passed, if any, in ls (as from listen_open: not blocking, CLOEXEC;
 * port is that of the first with one). The environment forgets them, so that no child sees it.
 * 0, or -errno after a log line: a descriptor that is no listening stream socket, or too many.
 */
int systemd_listen(struct listen_sockets *ls) MUST_CHECK;

/* Tell the service manager: "READY=1", "STOPPING=1", "STATUS=…", several with '\n' between.
 * What fails is logged: nobody can do anything about it. */
void systemd_notify(const char *state);
