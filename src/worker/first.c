/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/first.h"

#include <string.h>

struct opening {
	const char *text;
	size_t n;
	enum first_protocol protocol;
};

#define OPENING(text, protocol)                      \
	{                                            \
		(text), sizeof(text) - 1, (protocol) \
	}

/* No opening begins with another, so at most one fits once enough has come. */
static const struct opening openings[] = {
	OPENING("DIST", FIRST_DISTCC),
	OPENING("PRI * HTTP/2.0", FIRST_HTTP2),
	OPENING("\x16\x03", FIRST_TLS),
	OPENING("GET ", FIRST_HTTP1),
	OPENING("HEAD ", FIRST_HTTP1),
};

enum first_protocol first_look(const void *data, size_t n)
{
	if (n == 0)
		return FIRST_MORE;
	for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
		const struct opening *o = &openings[i];

		if (memcmp(data, o->text, MIN(n, o->n)) == 0)
			return n < o->n ? FIRST_MORE : o->protocol;
	}
	return FIRST_UNKNOWN;
}

const char *first_name(enum first_protocol p)
{
	static const char *const names[] = {
		[FIRST_MORE] = "unknown",
		[FIRST_UNKNOWN] = "unknown",
		[FIRST_DISTCC] = "distcc",
		[FIRST_HTTP2] = "http2",
		[FIRST_TLS] = "tls",
		[FIRST_HTTP1] = "http1",
	};

	return names[p];
}
