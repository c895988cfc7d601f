/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rex_secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum { CA, CERT, KEY, TOKEN };

/* Of memory that held a secret. */
static void wipe(char *s, size_t n)
{
	if (s)
		explicit_bzero(s, n);
}

static void drop_token(struct rex_secrets *s)
{
	wipe(s->authorization, s->authorization ? strlen(s->authorization) : 0);
	util_free(&s->authorization);
}

/* ---- a token ---- */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~+/=", c));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The line from *p on without the blanks around it; *p is then behind it. */
static size_t next_line(const char **p, const char *end, const char **ret)
{
	const char *eol = memchr(*p, '\n', (size_t)(end - *p));
	const char *from = *p, *to = eol ? eol : end;

	*p = eol ? eol + 1 : end;
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	*ret = from;
	return (size_t)(to - from);
}

int rex_secrets_parse(
	const char *path, const char *text, size_t n, char **ret_authorization, char **ret_why)
{
	const char *token = NULL, *p = text;
	size_t length = 0;

	while (p < text + n) {
		const char *line;
		size_t k = next_line(&p, text + n, &line);

		if (k == 0 || *line == '#')
			continue;
		if (token)
			return secret_bad(ret_why,
				"%s: there is more than one line in it: leave one token", path);
		for (size_t i = 0; i < k; i++)
			if (!is_token_char(line[i]))
				return secret_bad(ret_why,
					"%s: its line is no bearer token: letters, digits and "
					"-._~+/= only, without \"Bearer\"",
					path);
		token = line;
		length = k;
	}
	if (!token)
		return secret_bad(ret_why, "%s: there is no token in it", path);
	if (length > REX_TOKEN_MAX)
		return secret_bad(
			ret_why, "%s: the token is longer than %d bytes", path, REX_TOKEN_MAX);
	if (asprintf(ret_authorization, "Bearer %.*s", (int)length, token) < 0)
		return -ENOMEM;
	return 0;
}

static int load_token(const char *path, char **ret_authorization, char **ret_why)
{
	AUTO(secret_fini) struct buf text = BUF_INIT_MAX(REX_TOKEN_FILE_MAX);
	int r = secret_read(path, "token", &text, ret_why);

	if (r != 0)
		return r;
	return rex_secrets_parse(path, buf_str(&text), text.len, ret_authorization, ret_why);
}

/* ---- all of them ---- */

static bool copy(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

int rex_secrets_init(struct rex_secrets *s, bool tls, const struct rex_secrets_files *files)
{
	*s = (struct rex_secrets){.tls = tls};
	if (copy(files->ca, &s->paths[CA]) && copy(files->cert, &s->paths[CERT]) &&
		copy(files->key, &s->paths[KEY]) && copy(files->token, &s->paths[TOKEN]))
		return 0;
	rex_secrets_fini(s);
	return -ENOMEM;
}

void rex_secrets_fini(struct rex_secrets *s)
{
	for (size_t i = 0; i < REX_SECRETS_FILES; i++)
		util_free(&s->paths[i]);
	drop_token(s);
	tls_context_free(TAKE_PTR(s->context));
}

/* A file that is not there is an empty struct stat, which no other equals. */
static void look(const struct rex_secrets *s, struct stat ret[REX_SECRETS_FILES])
{
	for (size_t i = 0; i < REX_SECRETS_FILES; i++)
		if (!s->paths[i] || stat(s->paths[i], &ret[i]) < 0)
			ret[i] = (struct stat){.st_ino = 0};
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool unchanged(const struct rex_secrets *s, const struct stat now[REX_SECRETS_FILES])
{
	for (size_t i = 0; i < REX_SECRETS_FILES; i++)
		if (!same(&s->seen[i], &now[i]))
			return false;
	return s->loaded;
}

int rex_secrets_read(struct rex_secrets *s, uint64_t now_ms, char **ret_why)
{
	const struct tls_files files = {
		.ca = s->paths[CA], .cert = s->paths[CERT], .key = s->paths[KEY]};
	struct stat now[REX_SECRETS_FILES];
	struct tls_context *context = NULL;
	char *authorization = NULL;
	int r = 0;

	/* Before they are read: what changes meanwhile is seen the next time. */
	look(s, now);
	s->looked_ms = now_ms;
	if (unchanged(s, now))
		return 0;
	if (s->paths[TOKEN])
		r = load_token(s->paths[TOKEN], &authorization, ret_why);
	if (r == 0 && s->tls)
		r = tls_client(&files, &context, ret_why);
	if (r != 0) {
		wipe(authorization, authorization ? strlen(authorization) : 0);
		free(authorization);
		return r == TLS_BAD_FILES ? REX_SECRETS_BAD : r;
	}
	tls_context_free(s->context);
	drop_token(s);
	s->context = context;
	s->authorization = authorization;
	memcpy(s->seen, now, sizeof(now));
	s->loaded = true;
	return 0;
}

void rex_secrets_refresh(struct rex_secrets *s, uint64_t now_ms)
{
	AUTO(util_free) char *why = NULL;

	if (!s->paths[TOKEN] || now_ms - s->looked_ms < REX_SECRETS_LOOK_MS)
		return;
	/* The server will say what it thinks of the old one. */
	(void)!rex_secrets_read(s, now_ms, &why);
}
