/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "net/dial.h"
#include "sched/hosts.h"
#include "wire/distcc.h"

/* One attempt to have one job done by one host, over the distcc protocol. */

enum remote_outcome {
	REMOTE_REPLIED,
	REMOTE_UNRESOLVED,
	REMOTE_REFUSED,
	REMOTE_CONNECT_TIMEOUT,
	REMOTE_UNREACHABLE,
	REMOTE_NO_ANSWER,   /* closed before it said anything: not allowed, not listed, crashed */
	REMOTE_DROPPED,     /* closed or reset in mid-answer */
	REMOTE_TIMEOUT,     /* nothing moved for the I/O time-out */
	REMOTE_GARBAGE,     /* not the protocol */
	REMOTE_UNSUPPORTED, /* a kind of host that this build cannot talk to */
};

/* A stable kebab-case name, as "distcc --jobs" gives it; and the same in words. */
const char *remote_outcome_name(enum remote_outcome o);
const char *remote_outcome_text(enum remote_outcome o);

struct remote_params {
	const struct hosts_entry *host; /* these three must outlive the attempt */
	const char *text;
	size_t text_len;
	char *const *argv;
	char *const *envp; /* ssh's */
	uint64_t resolve_ms, connect_ms, io_ms;
};

struct remote_result {
	enum remote_outcome outcome;
	const char *detail;       /* static or until the end of the call; "" if none */
	const char *address;      /* numeric, without port; "" if not known */
	struct wire_reply *reply; /* REMOTE_REPLIED: its buffers may be taken */
	uint64_t bytes_up, bytes_down;
};

struct remote;
typedef void (*remote_done_fn)(void *data, const struct remote_result *result);

/* done is called exactly once, never from inside, not at all after remote_cancel. */
int remote_start(uv_loop_t *loop, const struct remote_params *p, remote_done_fn done, void *data,
	struct remote **ret) MUST_CHECK;

/* Closes the connection: the server kills its compiler. After done: do not cancel. */
void remote_cancel(struct remote *r);
