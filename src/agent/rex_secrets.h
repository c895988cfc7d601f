/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>

#include "net/tls.h"

#include "base/secret.h"

/*
 * What a client of gRPC shows a server, and what the server must show: certificates, a key, a
 * bearer token. All of them are files, read when they are first needed and again once they have
 * changed, so that what a machine renews by itself is used without a restart.
 *
 * The token's file has one line that is the token (RFC 6750: letters, digits and -._~+/=); empty
 * lines and lines that begin with '#' do not count. Key and token must not be readable by everybody.
 */

enum {
	REX_TOKEN_MAX = 4096,
	REX_TOKEN_FILE_MAX = 1 << 16,
	REX_SECRETS_FILES = 4, /* ca, cert, key, token */
	REX_SECRETS_LOOK_MS = 1000,
};

enum { REX_SECRETS_BAD = SECRET_BAD };

struct rex_secrets {
	bool tls;
	char *paths[REX_SECRETS_FILES]; /* NULL: none */
	struct stat seen[REX_SECRETS_FILES];
	bool loaded;
	uint64_t looked_ms;
	struct tls_context *context; /* NULL: without TLS, or not read yet */
	char *authorization;         /* "Bearer …"; NULL: none */
};

struct rex_secrets_files {
	const char *ca, *cert, *key, *token; /* NULL: none; see struct tls_files */
};

/* Nothing is read yet. -ENOMEM. */
int rex_secrets_init(
	struct rex_secrets *s, bool tls, const struct rex_secrets_files *files) MUST_CHECK;
void rex_secrets_fini(struct rex_secrets *s);

/*
 * All of it as it is now, for a new connection; small files, read at once. 0; -ENOMEM;
 * REX_SECRETS_BAD: *ret_why is one line that names the file, what is wrong and the mend, and never
 * has a secret in it (malloc'ed).
 */
int rex_secrets_read(struct rex_secrets *s, uint64_t now_ms, char **ret_why) MUST_CHECK;

/* For a call on a connection that is there: a token that was renewed meanwhile. Looks at the files
 * once in REX_SECRETS_LOOK_MS; what cannot be read leaves all as it was. */
void rex_secrets_refresh(struct rex_secrets *s, uint64_t now_ms);

/* The token in a file's text, as "Bearer TOKEN" (malloc'ed). As rex_secrets_read. */
int rex_secrets_parse(const char *path, const char *text, size_t n, char **ret_authorization,
	char **ret_why) MUST_CHECK;
