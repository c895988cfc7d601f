/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * One port for all: which protocol a client speaks, by the first bytes it sends. Pure.
 *
 * A socket whose bytes another library will read (the pages) is to be looked at with MSG_PEEK;
 * after FIRST_MORE set SO_RCVLOWAT to one byte more than was seen, so that poll waits for it. How
 * long a client may take is the caller's matter.
 */

enum first_protocol {
	FIRST_MORE,    /* what came fits several: look again when there is more */
	FIRST_UNKNOWN, /* none of ours, whatever follows */
	FIRST_DISTCC,  /* "DIST" */
	FIRST_HTTP2,   /* the connection preface of HTTP/2: gRPC */
	FIRST_TLS,     /* a handshake record of SSL 3 or later */
	FIRST_HTTP1,   /* "GET " or "HEAD ": the pages */
};

enum {
	FIRST_PREFACE = 14, /* bytes of "PRI * HTTP/2.0"; those that follow are HTTP/2's to check */
	FIRST_MAX = FIRST_PREFACE, /* with so many there is never FIRST_MORE */
};

/* Of the n bytes that came so far, from the first on; more than FIRST_MAX do not matter. */
enum first_protocol first_look(const void *data, size_t n);

/* "distcc", "http2", "tls", "http1", "unknown"; for logs. */
const char *first_name(enum first_protocol p);
