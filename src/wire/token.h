/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "wire/distcc.h"

/* Tokens of the distcc protocol: what both readers and both writers share. Private to wire/. */

/* Append name (four letters) and value. -ENOMEM, -E2BIG. */
int wire_token_write(const char *name, size_t value, struct buf *ret) MUST_CHECK;

/* A token that arrives in pieces. Zero it before each token. */
struct wire_token {
	char text[WIRE_TOKEN_SIZE];
	size_t len;
};

enum { WIRE_MORE = 1 };

/*
 * Take bytes from *data (advanced, *n lessened) until the token is whole.
 * 0: it is, its name is the one expected, *ret_value is its value, and the token is zeroed for the
 * next; WIRE_MORE: all bytes were taken and more are needed; -EBADMSG.
 */
int wire_token_read(struct wire_token *t, const char *name, const char **data, size_t *n,
	uint32_t *ret_value) MUST_CHECK;

/*
 * Move bytes of a body of which *left are still missing from *data to b. 0: the body is complete;
 * WIRE_MORE; -ENOMEM, -E2BIG. Memory grows with what arrived, never with what was announced.
 */
int wire_body_read(struct buf *b, size_t *left, const char **data, size_t *n) MUST_CHECK;
