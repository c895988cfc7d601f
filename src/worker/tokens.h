/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/secret.h"
#include "base/util.h"

/*
 * Bearer tokens (RFC 6750) that clients must show, from a file: one a line, as "TOKEN" or
 * "NAME TOKEN"; empty lines and lines that begin with '#' do not count. NAME is for logs only.
 * Only digests of the tokens are kept, and checking takes the same time whichever token it is and
 * however much of it was guessed.
 */

enum {
	TOKENS_MAX = 1024,
	TOKENS_FILE_MAX = 1 << 20,
	TOKENS_LENGTH_MIN = 16, /* of a token: what is shorter can be guessed */
	TOKENS_LENGTH_MAX = 512,
	TOKENS_NAME_MAX = 64,
	TOKENS_DIGEST = 32,
};

struct tokens_entry {
	uint8_t digest[TOKENS_DIGEST];
	char *name; /* owned; "line 3" where the file has none */
};

struct tokens {
	struct tokens_entry *v;
	size_t n;
};

#define TOKENS_INIT       \
	{                 \
		.v = NULL \
	}

enum tokens_outcome {
	TOKENS_BAD_FILE = SECRET_BAD, /* of tokens_load */
	TOKENS_REFUSED = 2,           /* of tokens_check */
};

/*
 * TOKENS_BAD_FILE: *ret_why is one line for people that names the file, what is wrong (missing,
 * readable by others, no token in it, which line is none) and how to mend it (owned); it never
 * quotes a token. -ENOMEM.
 */
int tokens_load(const char *path, struct tokens *ret, char **ret_why) MUST_CHECK;
/* The same from text, which came from path. */
int tokens_parse(const char *path, const char *text, size_t n, struct tokens *ret,
	char **ret_why) MUST_CHECK;
void tokens_fini(struct tokens *t);

/*
 * The value of the `authorization` metadata, or NULL where there is none. 0 and whose it is;
 * TOKENS_REFUSED and what to tell the client: "no bearer token was given", or that it is unknown
 * (static text).
 */
int tokens_check(
	const struct tokens *t, const char *authorization, const char **ret_text) MUST_CHECK;
