/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * All that a session does because time has passed: calls' deadlines, the peer's silence (PING, and
 * none answered), a greeting or a header block that does not end, and a farewell that nobody reads.
 * The deadlines of calls have no order: the earliest is kept, and when it is due all are looked at,
 * which finds the next. One that went away early costs one such look.
 */

#include <errno.h>

#include "rpc/internal.h"

static uint64_t keepalive_due(const struct rpc_session *s)
{
	if (s->pinged_ms != RPC_NEVER)
		return s->pinged_ms + s->limits.keepalive_timeout_ms;
	if (s->limits.keepalive_ms == RPC_NEVER || (!s->server && s->n_calls == 0))
		return RPC_NEVER;
	return s->received_ms + s->limits.keepalive_ms;
}

uint64_t rpc_session_next_ms(const struct rpc_session *s)
{
	uint64_t due = MIN(s->calls_due_ms, s->drain_ms);

	if (s->closed || s->failed)
		return rpc_session_ended(s) ? RPC_NEVER : s->linger_ms;
	due = MIN(due, s->handshake_ms);
	due = MIN(due, s->header_block_ms);
	return MIN(due, keepalive_due(s));
}

static void check_deadlines(struct rpc_session *s)
{
	uint64_t next = RPC_NEVER;

	if (s->now_ms < s->calls_due_ms)
		return;
	LIST_FOR(pos, &s->calls)
	{
		struct rpc_call *call = LIST_ENTRY(pos, struct rpc_call, in_session);

		if (call->ended || call->doomed)
			continue;
		if (call->deadline_ms <= s->now_ms)
			rpc_call_doom(
				call, RPC_DEADLINE_EXCEEDED, "the deadline has passed", !s->server);
		else
			next = MIN(next, call->deadline_ms);
	}
	s->calls_due_ms = next;
}

static void check_keepalive(struct rpc_session *s)
{
	if (s->now_ms < keepalive_due(s))
		return;
	if (s->pinged_ms != RPC_NEVER) {
		rpc_session_fail(s, -ETIMEDOUT, NGHTTP2_NO_ERROR, "no answer to a PING");
		return;
	}
	s->pinged_ms = s->now_ms;
	if (nghttp2_submit_ping(s->h2, NGHTTP2_FLAG_NONE, NULL) != 0)
		rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

void rpc_session_tick(struct rpc_session *s, uint64_t now_ms)
{
	rpc_session_enter(s, now_ms);
	if (!s->closed && !s->failed) {
		if (s->now_ms >= s->handshake_ms)
			rpc_session_fail(
				s, -ETIMEDOUT, NGHTTP2_SETTINGS_TIMEOUT, "no SETTINGS came");
		if (s->now_ms >= s->header_block_ms)
			rpc_session_fail(s, -ETIMEDOUT, NGHTTP2_ENHANCE_YOUR_CALM,
				"a header block did not end");
		check_keepalive(s);
		check_deadlines(s);
	} else if (s->now_ms >= s->linger_ms) {
		rpc_session_mute(s);
	}
	rpc_session_leave(s);
}
