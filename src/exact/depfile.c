/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * "TARGET: NAME NAME \<newline> NAME<newline>". In a name, a blank behind 2N+1 backslashes is N
 * backslashes and a blank; behind 2N it ends a name that ends in N backslashes. "\#" is "#", "$$"
 * is "$", a backslash at the end of a line continues it; other backslashes stand for themselves.
 */

#include "exact/depfile.h"

#include <errno.h>
#include <string.h>

struct cursor {
	const char *at, *end;
	struct buf name;
	depfile_name *found;
	void *arg;
};

static int end_name(struct cursor *c)
{
	int r = c->name.len > 0 ? c->found(c->arg, buf_str(&c->name)) : 0;

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

/* Characters that stand for themselves, up to the next that may not. */
static int plain(struct cursor *c)
{
	const char *from = c->at++;

	c->at += strcspn(c->at, " \t\n\\$");
	return buf_append(&c->name, from, (size_t)(c->at - from));
}

static int step(struct cursor *c)
{
	char k = *c->at;

	if (k == '\\')
		return escape(c);
	if (k == ' ' || k == '\t') {
		c->at++;
		return end_name(c);
	}
	if (k == '$' && c->at + 1 < c->end && c->at[1] == '$')
		c->at++;
	return plain(c);
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

int depfile_each(const char *text, size_t n, const char *target, depfile_name *found, void *arg)
{
	AUTO(buf_fini) struct buf name = BUF_INIT;
	struct cursor c = {.at = behind_target(text, text + n, target),
		.end = text + n,
		.found = found,
		.arg = arg};
	int r = 0;

	if (!c.at || (n > 0 && memchr(text, '\0', n)))
		return -EBADMSG;
	while (r == 0 && c.at < c.end && *c.at != '\n')
		r = step(&c);
	if (r == 0)
		r = end_name(&c);
	name = c.name;
	if (r != 0 || !target)
		return r;
	while (c.at < c.end && *c.at == '\n')
		c.at++;
	return c.at < c.end ? -EBADMSG : 0;
}

static int add_name(void *arg, const char *name)
{
	return strv_push(arg, name);
}

int depfile_parse(const char *text, size_t n, const char *target, struct strv *ret)
{
	return depfile_each(text, n, target, add_name, ret);
}

int depfile_path(const char *cwd, const char *name, struct buf *ret)
{
	size_t n = strlen(cwd);
	int r = 0;

	buf_clear(ret);
	if (strncmp(name, cwd, n) == 0 && name[n] == '/')
		name += n + 1;
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/'; name++)
			;
	if (*name != '/')
		r = buf_append(ret, cwd, n);
	if (*name != '/' && r == 0 && n > 0 && cwd[n - 1] != '/')
		r = buf_append_char(ret, '/');
	return r < 0 ? r : buf_append_str(ret, name);
}
