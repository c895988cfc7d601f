/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"

/*
 * The distcc protocol, versions 1 (plain) and 2 (LZO), both ends, as bytes in and bytes out.
 *
 *	request  DIST v; ARGC n; ARGV len bytes (n times); DOTI len bytes
 *	reply    DONE v; STAT wait-status; SERR len bytes; SOUT len bytes; DOTO len bytes
 *
 * A token is four letters and eight lowercase hexadecimal digits (any case is read). In version 2
 * the bodies of DOTI, SERR, SOUT and DOTO are one raw LZO1X-1 block each, without a header; empty
 * content is length 0. Source: observation of distcc 3.4, and its documented behaviour.
 */

enum {
	WIRE_PORT = 3632,
	WIRE_TOKEN_SIZE = 12,
	/* What a peer may make us hold. A length over its limit is a protocol error. */
	WIRE_ARGS_MAX = 1 << 16,
	WIRE_ARG_MAX = 1 << 20,
	WIRE_ARGS_BYTES_MAX = 16 << 20,
	WIRE_BODY_MAX = 1 << 30, /* compressed or not */
};

enum wire_version { WIRE_PLAIN = 1, WIRE_LZO = 2 };

/* LZO: whole blocks. wire_lzo_available() is false in a build without it. */
bool wire_lzo_available(void);
int wire_compress(const void *data, size_t n, struct buf *ret) MUST_CHECK; /* appended */
/* -EBADMSG: not a block, or more than limit bytes in it. */
int wire_decompress(const void *data, size_t n, size_t limit, struct buf *ret) MUST_CHECK;

/* Client: the request up to and including DOTI's token; the body (source_len bytes) follows it. */
int wire_request_head(
	enum wire_version v, char *const *argv, size_t source_len, struct buf *ret) MUST_CHECK;

/* Server: a whole reply; out is compressed here when v asks for it. */
struct wire_reply {
	int status;                  /* wait status: exit code << 8 | signal */
	struct buf err, out, object; /* uncompressed */
};
void wire_reply_fini(struct wire_reply *r);
int wire_reply_write(enum wire_version v, const struct wire_reply *r, struct buf *ret) MUST_CHECK;

/*
 * Readers are fed whatever arrived, in pieces of any size, and take what they can use.
 * wire_*_feed: returns how many bytes were consumed in *ret_used (all, unless the message ended),
 * and 0, or -EBADMSG with a sentence in reader->error, or -ENOMEM, -E2BIG.
 */
enum wire_request_state {
	WIRE_REQUEST_HEAD,   /* DIST, ARGC and ARGVs are still coming */
	WIRE_REQUEST_SOURCE, /* argv is complete; the source is arriving */
	WIRE_REQUEST_DONE,
};

struct wire_request_reader; /* opaque; see wire_request_new */

struct wire_request {
	enum wire_request_state state;
	enum wire_version version;
	struct strv argv;
	size_t source_len; /* of DOTI, as sent (compressed in version 2) */
	/*
	 * Source bytes that arrived and were not taken yet. The caller may take them away
	 * (buf_consume) at any time: version 1 is then streamed. In version 2 they are the
	 * compressed block, complete when state is DONE.
	 */
	struct buf source;
	const char *error; /* static text, after -EBADMSG */
};

int wire_request_new(struct wire_request_reader **ret) MUST_CHECK;
void wire_request_free(struct wire_request_reader *r);
const struct wire_request *wire_request_get(const struct wire_request_reader *r);
struct buf *wire_request_source(struct wire_request_reader *r); /* to consume from */
int wire_request_feed(
	struct wire_request_reader *r, const void *data, size_t n, size_t *ret_used) MUST_CHECK;

struct wire_reply_reader; /* opaque */
int wire_reply_new(enum wire_version v, struct wire_reply_reader **ret) MUST_CHECK;
void wire_reply_free(struct wire_reply_reader *r);
bool wire_reply_done(const struct wire_reply_reader *r);
/* After done: bodies are uncompressed; owned by the reader, and may be taken (buf_take). */
struct wire_reply *wire_reply_get(struct wire_reply_reader *r);
const char *wire_reply_error(const struct wire_reply_reader *r);
int wire_reply_feed(
	struct wire_reply_reader *r, const void *data, size_t n, size_t *ret_used) MUST_CHECK;
