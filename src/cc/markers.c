/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/markers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

struct marker {
	const char *name, *name_end;
	bool enters; /* flag 1 */
};

/* The name between the quotes into name (as large as the line); false: an escape we do not read. */
static bool unescape(const char *from, const char *to, char *name)
{
	while (from < to) {
		if (*from == '\\' && (++from == to || (*from != '\\' && *from != '"')))
			return false;
		*name++ = *from++;
	}
	*name = '\0';
	return true;
}

/* The marker on the line at p; false: none. */
static bool read_marker(const char *p, const char *eol, struct marker *ret)
{
	const char *open = memchr(p, '"', (size_t)(eol - p));
	const char *close = open ? memrchr(open + 1, '"', (size_t)(eol - open - 1)) : NULL;

	if (eol - p < 5 || p[0] != '#' || p[1] != ' ' || p[2] < '0' || p[2] > '9' || !close)
		return false;
	*ret = (struct marker){open + 1, close, eol - close >= 3 && close[2] == '1'};
	return true;
}

static bool same_name(const struct marker *a, const struct marker *b)
{
	size_t n = (size_t)(a->name_end - a->name);

	return b->name && n == (size_t)(b->name_end - b->name) && memcmp(a->name, b->name, n) == 0;
}

static int tell(const struct marker *m, const char *cwd, cc_markers_fn *found, void *arg)
{
	AUTO(util_free) char *name = malloc((size_t)(m->name_end - m->name) + 1);
	AUTO(util_free) char *path = NULL;

	if (!name)
		return -ENOMEM;
	if (!unescape(m->name, m->name_end, name))
		return CC_MARKERS_ODD;
	if (name[0] == '<')
		return 0;
	path = path_join(cwd, name);
	return path ? found(arg, path, m->enters) : -ENOMEM;
}

int cc_markers_each(const char *text, size_t n, const char *cwd, cc_markers_fn *found, void *arg)
{
	const char *end = text + n, *at = text;
	struct marker last = {.name = NULL};
	int r = 0;

	while (r == 0 && at) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		struct marker m;

		if (eol && read_marker(at, eol, &m)) {
			/* The text itself begins with a file, flag or not. */
			m.enters |= !last.name;
			if (m.enters || !same_name(&m, &last))
				r = tell(&m, cwd, found, arg);
			last = m;
		}
		at = memmem(eol ? eol : end, (size_t)(end - (eol ? eol : end)), "\n# ", 3);
		at = at ? at + 1 : NULL;
	}
	if (r == CC_MARKERS_ENOUGH)
		return 0;
	return r == 0 && !last.name ? CC_MARKERS_NONE : r;
}
