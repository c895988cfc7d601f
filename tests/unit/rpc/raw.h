/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "pair.h"

/* HTTP/2 frames by hand, for a peer that does what nghttp2 would not. */

enum raw_type {
	RAW_DATA,
	RAW_HEADERS,
	RAW_PRIORITY,
	RAW_RST_STREAM,
	RAW_SETTINGS,
	RAW_PUSH_PROMISE,
	RAW_PING,
	RAW_GOAWAY,
	RAW_WINDOW_UPDATE,
	RAW_CONTINUATION,
};
enum { RAW_END_STREAM = 1, RAW_ACK = 1, RAW_END_HEADERS = 4 };

void raw_frame(struct buf *b, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n);
void raw_preface(struct buf *b); /* a client's, with empty SETTINGS */
/* One field of a header block, literal and not indexed. */
void raw_field(struct buf *b, const char *name, const char *value);
/* HEADERS of a gRPC request; end: END_STREAM too. */
void raw_request(struct buf *b, uint32_t stream, const char *path, bool end);
/* Feed a session and empty the buffer. */
void raw_feed(struct rpc_session *s, struct buf *b, uint64_t now_ms);
/* All it has to say, appended. */
void raw_output(struct rpc_session *s, struct buf *b, uint64_t now_ms);
/* Of the n-th frame of this type in b (from 0): its payload, NULL if there is none. */
const uint8_t *raw_find(const struct buf *b, unsigned type, unsigned nth, size_t *ret_n);
