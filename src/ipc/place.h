/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/un.h>

#include "base/util.h"

/*
 * Where a user's agent lives: a private directory, and in it a socket and a lock whose names tell
 * which root directory, mount and network namespace they belong to, so that a chroot or a
 * container that shares the directory never talks to an agent that sees other files or hosts.
 *
 *	$DISTCC_DIR/run, else $XDG_RUNTIME_DIR/distcc, else /tmp/distcc-UID
 *	agent-ID.sock	the agent listens here
 *	agent-ID.start	locked by the launcher that is starting an agent
 *	agent-ID.lock	locked by the agent for as long as it serves this socket
 */
struct ipc_place {
	int dir;       /* descriptor of the directory; -1: not open */
	char *path;    /* its name */
	bool anybodys; /* where anybody could have made it first: to be opened before who listens there
			    is spoken to, which could be nobody who answers */
	int stream;    /* a socket for the launcher to connect, for the agent to bind */
	char socket[40]; /* names inside it */
	char start[40];
	char lock[40];
};

#define IPC_PLACE_INIT                  \
	{                               \
		.dir = -1, .stream = -1 \
	}

/* Nothing is looked at or made. -errno. */
int ipc_place_name(char *const *envp, struct ipc_place *ret) MUST_CHECK;
/* Makes the directory where it is missing. -errno; -EPERM: it is not private to this user. */
int ipc_place_open(char *const *envp, struct ipc_place *p) MUST_CHECK;
void ipc_place_close(struct ipc_place *p);

/*
 * The socket's address; where the directory's name is too long for that, by way of /proc/self/fd:
 * -ENAMETOOLONG: the directory has to be open for it. Who owns a directory above can put another
 * one there: who answers is to be asked for its user (SO_PEERCRED).
 */
int ipc_place_address(const struct ipc_place *p, struct sockaddr_un *ret) MUST_CHECK;
