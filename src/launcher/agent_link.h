/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ipc/message.h"
#include "ipc/place.h"

/* The launcher's end of the connection to its agent. */

/* A connected socket (CLOEXEC), with an agent started if there is none and start is true.
 * -errno: there is none to be had; one that does not listen AGENT_START_MS after its start is
 * given up. */
enum { AGENT_START_MS = 5000, AGENT_END_MS = 10000 };

int agent_link_open(bool start, int *ret_fd) MUST_CHECK;

/* A pidfd of the agent at the other end, or -1; and waiting until it has ended. */
int agent_link_process(int fd);
void agent_link_await_end(int process);

int agent_link_send(int fd, const struct ipc_request *request) MUST_CHECK;

struct agent_answer {
	struct ipc_reply_header head;
	struct buf log, out, err;
};

/* Waits as long as it takes. -ECONNRESET: the agent is gone. */
int agent_link_receive(int fd, struct agent_answer *ret) MUST_CHECK;
void agent_answer_fini(struct agent_answer *a);
