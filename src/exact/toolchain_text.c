/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/toolchain_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static const char states_by_kind[] = {[SCAN_NONE] = 'n',
	[SCAN_FILE] = 'f',
	[SCAN_DIRECTORY] = 'd',
	[SCAN_OTHER] = 'o',
	[SCAN_UNREADABLE] = 'u'};

void toolchain_states_free(struct toolchain_state *states, size_t n)
{
	for (size_t i = 0; states && i < n; i++)
		free(states[i].real);
	free(states);
}

/* ---- writing ---- */

static char kind_of(const struct toolchain_entry *e)
{
	switch (e->kind) {
	case TOOLCHAIN_LINK:
		return 'l';
	case TOOLCHAIN_DIRECTORY:
		return 'd';
	case TOOLCHAIN_FILE:
		break;
	}
	return e->executable ? 'x' : 'f';
}

static int write_line(struct buf *to, char kind, const struct toolchain_state *state,
	const char *path, const char *target)
{
	char hex[REAPI_HASH_HEX + 1] = "-";
	struct reapi_digest digest = {.size = 0};

	if (strpbrk(path, "\t\n") || strpbrk(state->real, "\t\n") ||
		(target && strpbrk(target, "\t\n")))
		return -EINVAL;
	memcpy(digest.hash, state->hash, sizeof(digest.hash));
	if (state->has_hash)
		reapi_digest_hex(&digest, hex);
	return buf_printf(to, "%c %c %s %s\t%s%s%s\n", kind, states_by_kind[state->kind], hex,
		*state->real ? state->real : "-", path, target ? "\t" : "", target ? target : "");
}

int toolchain_text_write(
	const struct toolchain *t, const struct toolchain_state *states, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = write_line(ret, kind_of(&t->entries[i]), &states[i], t->entries[i].path,
			t->entries[i].target);
	for (size_t i = 0; r == 0 && i < t->also.n; i++)
		r = write_line(ret, 'a', &states[t->n + i], t->also.v[i], NULL);
	return r;
}

/* ---- reading ---- */

struct line {
	char kind, state;
	char *hash, *real, *path, *target; /* target: NULL, or of a link */
};

/* What is before the separator, which is taken off *text; NULL: there is none. */
static char *field(char **text, char separator)
{
	char *start = *text, *end = strchr(start, separator);

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return start;
}

static bool split(char *text, struct line *ret)
{
	char *kind = field(&text, ' '), *state = kind ? field(&text, ' ') : NULL;

	*ret = (struct line){.hash = state ? field(&text, ' ') : NULL};
	if (!ret->hash || strlen(kind) != 1 || strlen(state) != 1)
		return false;
	ret->kind = *kind;
	ret->state = *state;
	ret->real = field(&text, '\t');
	if (!ret->real)
		return false;
	if (ret->kind == 'l')
		ret->path = field(&text, '\t');
	*(ret->kind == 'l' ? &ret->target : &ret->path) = text;
	return ret->path && *ret->path == '/' && (*ret->real == '/' || str_eq(ret->real, "-")) &&
	       !strchr(text, '\t') && (!ret->target || *ret->target);
}

static int read_state(const struct line *l, struct toolchain_state *ret)
{
	const char *known = memchr(states_by_kind, l->state, sizeof(states_by_kind));
	struct reapi_violation v;
	struct reapi_digest d;

	if (!known)
		return -EBADMSG;
	ret->kind = (enum scan_kind)(known - states_by_kind);
	ret->has_hash = !str_eq(l->hash, "-");
	if (ret->has_hash && reapi_digest_parse(l->hash, strlen(l->hash), 0, &d, &v) != 0)
		return -EBADMSG;
	if (ret->has_hash)
		memcpy(ret->hash, d.hash, sizeof(ret->hash));
	ret->real = strdup(*l->real == '/' ? l->real : "");
	return ret->real ? 0 : -ENOMEM;
}

static int read_entry(const struct line *l, struct toolchain *t)
{
	struct toolchain_entry *e = &t->entries[t->n];

	/* They are sorted, and none is there twice. */
	if (t->also.n > 0 || (t->n > 0 && strcmp(t->entries[t->n - 1].path, l->path) >= 0))
		return -EBADMSG;
	*e = (struct toolchain_entry){.kind = l->kind == 'l'   ? TOOLCHAIN_LINK
					      : l->kind == 'd' ? TOOLCHAIN_DIRECTORY
							       : TOOLCHAIN_FILE,
		.executable = l->kind == 'x',
		.path = strdup(l->path),
		.target = l->target ? strdup(l->target) : NULL};
	t->n++;
	return e->path && (!l->target || e->target) ? 0 : -ENOMEM;
}

static int read_line(char *text, struct toolchain *t, struct toolchain_state *states)
{
	struct line l;
	int r;

	if (!split(text, &l) || !strchr("fxlda", l.kind))
		return -EBADMSG;
	/* A state is made before what it is of, so that both are freed. */
	r = read_state(&l, &states[t->n + t->also.n]);
	if (r < 0)
		return r;
	return l.kind == 'a' ? strv_push(&t->also, l.path) : read_entry(&l, t);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

int toolchain_text_read(
	const char *text, struct toolchain *ret, struct toolchain_state **ret_states)
{
	AUTO(util_free) char *copy = strdup(text);
	struct toolchain t = {.n = 0};
	struct toolchain_state *states;
	size_t n = count_lines(text);
	int r = 0;

	if (n > TOOLCHAIN_TEXT_LINES_MAX)
		return -EBADMSG;
	states = calloc(n + 1, sizeof(*states));
	t.entries = calloc(n + 1, sizeof(*t.entries));
	if (!copy || !states || !t.entries)
		r = -ENOMEM;
	for (char *rest = copy; r == 0 && *rest;) {
		char *line = field(&rest, '\n');

		r = line ? read_line(line, &t, states) : -EBADMSG;
	}
	if (r < 0) {
		toolchain_states_free(states, n + 1);
		toolchain_fini(&t);
		return r;
	}
	*ret = t;
	*ret_states = states;
	return 0;
}
