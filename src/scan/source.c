/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/lexer.h"

/*
 * The first two translation phases. What both compilers do: a backslash, any white space and an
 * end of line are nothing at all; "\r\n" and a '\r' alone are ends of line; trigraphs only where
 * the standard has them. A byte order mark is not there.
 */

static const char trigraph_from[] = "=/'()!<>-";
static const char trigraph_to[] = "#\\^[]|{}~";

static char trigraph(const char *p)
{
	const char *at;

	if (p[0] != '?' || p[1] != '?' || !p[2])
		return 0;
	at = strchr(trigraph_from, p[2]);
	return at ? trigraph_to[at - trigraph_from] : 0;
}

/* The length of an end of line at p, or 0. */
static size_t line_end(const char *p)
{
	if (*p == '\n')
		return 1;
	if (*p != '\r')
		return 0;
	return p[1] == '\n' ? 2 : 1;
}

/* The length of what follows the backslash of a splice, its end of line included; 0: no splice. */
static size_t splice(const char *behind_backslash)
{
	const char *p = behind_backslash;
	size_t n;

	while (*p == ' ' || *p == '\t' || *p == '\f' || *p == '\v')
		p++;
	n = line_end(p);
	return n > 0 ? (size_t)(p - behind_backslash) + n : 0;
}

/* The first byte that is not to be taken as it stands, or the end. */
static const char *next_odd(const char *p, const char *end, uint32_t mode)
{
	for (; p < end; p++) {
		if (*p == '\\' ? splice(p + 1) > 0
			       : *p == '\r' ||
					 (*p == '?' && (mode & SCAN_MODE_TRIGRAPHS) && trigraph(p)))
			return p;
	}
	return end;
}

static int add_note(struct source *s, size_t *cap, size_t clean, size_t original, uint32_t lines)
{
	if (s->n_notes == *cap) {
		size_t n = *cap ? *cap * 2 : 32;
		struct source_note *notes = reallocarray(s->notes, n, sizeof(*notes));

		if (!notes)
			return -ENOMEM;
		s->notes = notes;
		*cap = n;
	}
	s->notes[s->n_notes++] = (struct source_note){(uint32_t)clean, (uint32_t)original, lines};
	return 0;
}

/* One odd thing at p is put at *out as what it stands for; the number of bytes it took. */
static size_t replace(const char *p, uint32_t mode, char **out, uint32_t *lines)
{
	char c = *p;
	size_t n = 1;

	if (c == '?') {
		c = trigraph(p);
		n = 3;
	}
	if (c == '\r') {
		*(*out)++ = '\n';
		return line_end(p);
	}
	if (c == '\\') {
		size_t gone = splice(p + n);

		if (gone > 0) {
			++*lines;
			return n + gone;
		}
	}
	*(*out)++ = c;
	return n;
}

static int clean(struct source *s, const char *p, const char *end, uint32_t mode)
{
	char *out = malloc((size_t)(end - p) + 1);
	uint32_t lines = 0;
	size_t cap = 0;

	if (!out)
		return -ENOMEM;
	s->text = s->owned = out;
	while (p < end) {
		const char *odd = next_odd(p, end, mode);
		int r;

		memcpy(out, p, (size_t)(odd - p));
		out += odd - p;
		p = odd;
		if (p == end)
			break;
		p += replace(p, mode, &out, &lines);
		r = add_note(s, &cap, (size_t)(out - s->text), (size_t)(p - s->original), lines);
		if (r < 0)
			return r;
	}
	*out = '\0';
	s->len = (size_t)(out - s->text);
	return 0;
}

int source_clean(const char *original, size_t len, uint32_t mode, struct source *ret)
{
	struct source s = {.original = original, .original_len = len};
	size_t bom = len >= 3 && memcmp(original, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	int r = 0;

	if (len > SOURCE_MAX)
		return -E2BIG;
	/* Offsets count from behind the mark. */
	s.original += bom;
	s.original_len -= bom;
	s.text = s.original;
	s.len = s.original_len;
	if (next_odd(s.text, s.text + s.len, mode) != s.text + s.len)
		r = clean(&s, s.original, s.original + s.original_len, mode);
	if (r < 0) {
		source_fini(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void source_fini(struct source *s)
{
	free(s->owned);
	free(s->notes);
	*s = (struct source){0};
}
