/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * "TARGET: NAME NAME \<newline> NAME<newline>". In a name, a blank behind 2N+1 backslashes is N
 * backslashes and a blank; behind 2N it ends a name that ends in N backslashes. "\#" is "#", "$$"
 * is "$", a backslash at the end of a line continues it; other backslashes stand for themselves.
 */

#include "exact/depfile.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/path.h"

struct cursor {
	const char *at, *end;
	struct buf name;
	struct strv *ret;
};

static int end_name(struct cursor *c)
{
	int r = c->name.len > 0 ? strv_push(c->ret, buf_str(&c->name)) : 0;

	buf_clear(&c->name);
	return r;
}

static int backslashes(struct cursor *c, size_t n)
{
	int r = 0;

	while (r == 0 && n-- > 0)
		r = buf_append_char(&c->name, '\\');
	return r;
}

static int escape(struct cursor *c)
{
	size_t n = 0;
	char after;
	int r;

	for (; c->at < c->end && *c->at == '\\'; c->at++)
		n++;
	after = c->at < c->end ? *c->at : '\0';
	if (after == '\n') {
		c->at++;
		r = backslashes(c, (n - 1) / 2);
		return r < 0 ? r : end_name(c);
	}
	if ((after == ' ' || after == '\t') && n % 2 == 0)
		return backslashes(c, n / 2);
	if (after == ' ' || after == '\t')
		r = backslashes(c, n / 2);
	else if (after == '#')
		r = backslashes(c, n - 1);
	else
		return backslashes(c, n);
	return r < 0 ? r : buf_append_char(&c->name, *c->at++);
}

static int step(struct cursor *c)
{
	char k = *c->at;

	if (k == '\\')
		return escape(c);
	c->at++;
	if (k == ' ' || k == '\t')
		return end_name(c);
	if (k == '$' && c->at < c->end && *c->at == '$')
		c->at++;
	return buf_append_char(&c->name, k);
}

/* Behind the first colon that ends a target: "a.o b.o:", and not that of "c:x". NULL: none. */
static const char *behind_any(const char *text, const char *end)
{
	for (const char *p = text; p < end && *p != '\n'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == ':' && (p + 1 == end || strchr(" \t\n\\", p[1])))
			return p + 1;
	}
	return NULL;
}

static const char *behind_target(const char *text, const char *end, const char *target)
{
	size_t head = target ? strlen(target) : 0;

	if (!target)
		return behind_any(text, end);
	if ((size_t)(end - text) <= head || memcmp(text, target, head) != 0 || text[head] != ':')
		return NULL;
	return text + head + 1;
}

int depfile_parse(const char *text, size_t n, const char *target, struct strv *ret)
{
	AUTO(buf_fini) struct buf name = BUF_INIT;
	struct cursor c = {
		.at = behind_target(text, text + n, target), .end = text + n, .ret = ret};
	int r = 0;

	if (!c.at || (n > 0 && memchr(text, '\0', n)))
		return -EBADMSG;
	while (r == 0 && c.at < c.end && *c.at != '\n')
		r = step(&c);
	if (r == 0)
		r = end_name(&c);
	name = c.name;
	if (r < 0 || !target)
		return r;
	while (c.at < c.end && *c.at == '\n')
		c.at++;
	return c.at < c.end ? -EBADMSG : 0;
}

char *depfile_path(const char *cwd, const char *name)
{
	size_t n = strlen(cwd);

	if (strncmp(name, cwd, n) == 0 && name[n] == '/')
		name += n + 1;
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/'; name++)
			;
	return path_join(cwd, name);
}
