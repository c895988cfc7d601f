/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* How gRPC writes bytes, times and sentences into HTTP headers. Everything appends to ret. */

/* RFC 4648 base64 without padding, as gRPC says to send. */
int rpc_base64_encode(const void *data, size_t n, struct buf *ret) MUST_CHECK;
/* With or without padding. -EBADMSG: not base64 (ret is then as it was). */
int rpc_base64_decode(const char *text, size_t n, struct buf *ret) MUST_CHECK;

/* grpc-message: all but printable ASCII, '%', and blanks at either end, as %XX. */
int rpc_percent_encode(const char *text, size_t n, struct buf *ret) MUST_CHECK;
/* What is no valid %XX is taken as it stands. */
int rpc_percent_decode(const char *text, size_t n, struct buf *ret) MUST_CHECK;

/*
 * grpc-timeout: up to eight digits and a unit of H M S m u n. Rounded up to whole ms.
 * -EBADMSG: not one.
 */
int rpc_timeout_parse(const char *text, uint64_t *ret_ms) MUST_CHECK;
/* The shortest unit that fits eight digits; text has room for RPC_TIMEOUT_TEXT bytes. */
enum { RPC_TIMEOUT_TEXT = 16 };
void rpc_timeout_format(uint64_t ms, char *text);
