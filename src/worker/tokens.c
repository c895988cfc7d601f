/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A token is never kept and never compared: its SHA-256 is. What is shown is hashed and compared
 * with every entry to the end, so neither time nor the order of entries tells how near a guess was.
 * Hashing takes time by the length of what was shown, which its sender knows.
 */

#include "worker/tokens.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"

static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				 "-._~+/=";
static const char blanks[] = " \t\r";

static int digest(const char *token, size_t n, uint8_t ret[TOKENS_DIGEST])
{
	return EVP_Digest(token, n, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

/* ---- the file ---- */

struct word {
	const char *at;
	size_t n;
};

static struct word next_word(struct word *rest)
{
	struct word w;

	while (rest->n > 0 && memchr(blanks, *rest->at, sizeof(blanks) - 1)) {
		rest->at++;
		rest->n--;
	}
	w = (struct word){.at = rest->at};
	while (rest->n > 0 && !memchr(blanks, *rest->at, sizeof(blanks) - 1)) {
		rest->at++;
		rest->n--;
		w.n++;
	}
	return w;
}

static bool all_of(struct word w)
{
	for (size_t i = 0; i < w.n; i++)
		if (!memchr(characters, w.at[i], sizeof(characters) - 1))
			return false;
	return true;
}

static int add(struct tokens *t, struct word name, struct word token, size_t line)
{
	struct tokens_entry e, *v;
	int r = digest(token.at, token.n, e.digest);

	if (r < 0)
		return r;
	v = realloc(t->v, (t->n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	t->v = v;
	if (name.n > 0)
		e.name = strndup(name.at, name.n);
	else if (asprintf(&e.name, "line %zu", line) < 0)
		e.name = NULL;
	if (!e.name)
		return -ENOMEM;
	t->v[t->n++] = e;
	return 0;
}

static int parse_line(
	struct tokens *t, const char *path, struct word rest, size_t line, char **ret_why)
{
	struct word name = {0}, token = next_word(&rest), more = next_word(&rest);

	if (token.n == 0 || token.at[0] == '#')
		return 0;
	if (more.n > 0) {
		name = token;
		token = more;
	}
	if (next_word(&rest).n > 0)
		return secret_bad(
			ret_why, "%s: line %zu: expected TOKEN, or NAME TOKEN", path, line);
	if (name.n > TOKENS_NAME_MAX || !all_of(name))
		return secret_bad(ret_why,
			"%s: line %zu: a name is at most %d letters, digits and -._~+/= long", path,
			line, TOKENS_NAME_MAX);
	if (!all_of(token))
		return secret_bad(ret_why,
			"%s: line %zu: a token has only letters, digits and -._~+/=", path, line);
	if (token.n < TOKENS_LENGTH_MIN || token.n > TOKENS_LENGTH_MAX)
		return secret_bad(ret_why,
			"%s: line %zu: a token is %d to %d characters long: make one with "
			"\"openssl rand -hex 32\"",
			path, line, TOKENS_LENGTH_MIN, TOKENS_LENGTH_MAX);
	if (t->n >= TOKENS_MAX)
		return secret_bad(
			ret_why, "%s: line %zu: more than %d tokens", path, line, TOKENS_MAX);
	return add(t, name, token, line);
}

int tokens_parse(const char *path, const char *text, size_t n, struct tokens *ret, char **ret_why)
{
	struct tokens t = TOKENS_INIT;
	size_t line = 0;
	int r = 0;

	while (r == 0 && n > 0) {
		const char *end = memchr(text, '\n', n);
		struct word rest = {.at = text, .n = end ? (size_t)(end - text) : n};

		r = parse_line(&t, path, rest, ++line, ret_why);
		n -= rest.n + (end != NULL);
		text += rest.n + (end != NULL);
	}
	if (r == 0 && t.n == 0)
		r = secret_bad(ret_why,
			"%s: there is no token in it: put one there with \"openssl rand -hex 32\"",
			path);
	if (r != 0) {
		tokens_fini(&t);
		return r;
	}
	*ret = t;
	return 0;
}

int tokens_load(const char *path, struct tokens *ret, char **ret_why)
{
	AUTO(secret_fini) struct buf text = BUF_INIT_MAX(TOKENS_FILE_MAX);
	int r = secret_read(path, "token", &text, ret_why);

	if (r != 0)
		return r;
	return tokens_parse(path, buf_str(&text), text.len, ret, ret_why);
}

void tokens_fini(struct tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].name);
	free(t->v);
	*t = (struct tokens)TOKENS_INIT;
}

/* ---- what a client shows ---- */

/* What follows the scheme, behind spaces and nothing else (RFC 6750), or a word without length. */
static struct word shown(const char *authorization)
{
	static const char scheme[] = "Bearer";
	struct word token = {0};
	const char *at, *end;

	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0 ||
		authorization[sizeof(scheme) - 1] != ' ')
		return token;
	at = authorization + sizeof(scheme);
	at += strspn(at, " ");
	end = at + strcspn(at, " ");
	if (end[strspn(end, " ")] == '\0')
		token = (struct word){.at = at, .n = (size_t)(end - at)};
	return token;
}

int tokens_check(const struct tokens *t, const char *authorization, const char **ret_text)
{
	struct word w = shown(authorization);
	const char *name = NULL;
	uint8_t d[TOKENS_DIGEST];
	int r;

	if (!authorization) {
		*ret_text = "no bearer token was given";
		return TOKENS_REFUSED;
	}
	if (w.n == 0 || w.n > TOKENS_LENGTH_MAX) {
		*ret_text = "the authorization is not a bearer token";
		return TOKENS_REFUSED;
	}
	r = digest(w.at, w.n, d);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->n; i++)
		if (CRYPTO_memcmp(t->v[i].digest, d, sizeof(d)) == 0)
			name = t->v[i].name;
	*ret_text = name ? name : "the bearer token is not one of ours";
	return name ? 0 : TOKENS_REFUSED;
}
