/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scancmd/json.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at s, or 0: not UTF-8 (too long a form, a surrogate, too large). */
static size_t utf8_length(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int string(struct buf *b, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	int r = buf_append_char(b, '"');

	while (r == 0 && *s) {
		size_t n = utf8_length(s);

		if (n == 0 || *s < 0x20 || *s == 0x7f)
			r = buf_printf(b, "\\u%04x", *s);
		else if (*s == '"' || *s == '\\')
			r = buf_printf(b, "\\%c", *s);
		else
			r = buf_append(b, s, n);
		s += MAX(n, (size_t)1);
	}
	return r < 0 ? r : buf_append_char(b, '"');
}

static int strings(struct buf *b, const char *name, const struct strv *l)
{
	int r = buf_printf(b, "\"%s\": [", name);

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = buf_append_str(b, i > 0 ? ", " : "");
		if (r == 0)
			r = string(b, l->v[i]);
	}
	return r < 0 ? r : buf_append_char(b, ']');
}

static int digest(struct buf *b, const struct scan_content *content)
{
	int r = buf_append_str(b, ", \"sha256\": \"");

	for (size_t i = 0; r == 0 && i < sizeof(content->digest); i++)
		r = buf_printf(b, "%02x", content->digest[i]);
	return r < 0 ? r : buf_append_char(b, '"');
}

static int file(struct buf *b, const struct scan_result_file *f)
{
	static const char *const roles[] = {"read", "probed", "merged", "extra"};
	int r = buf_append_str(b, "{\"path\": ");

	if (r == 0)
		r = string(b, f->path->path);
	if (r == 0)
		r = buf_printf(b, ", \"role\": \"%s\"", roles[f->role]);
	if (r == 0 && f->content)
		r = digest(b, f->content);
	return r < 0 ? r : buf_append_char(b, '}');
}

static int files(struct buf *b, const struct report *p)
{
	int r = buf_append_str(b, "{\"files\": [");

	for (size_t i = 0; r == 0 && i < p->n_files; i++) {
		r = buf_append_str(b, i > 0 ? ",\n  " : "\n  ");
		if (r == 0)
			r = file(b, &p->files[i]);
	}
	return r < 0 ? r : buf_append_str(b, "],\n \"symlinks\": [");
}

static int links(struct buf *b, const struct report *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->links.n; i++) {
		r = buf_append_str(b, i > 0 ? ", {\"path\": " : "{\"path\": ");
		if (r == 0)
			r = string(b, p->links.v[i]);
		if (r == 0)
			r = buf_append_str(b, ", \"target\": ");
		if (r == 0)
			r = string(b, p->targets.v[i]);
		if (r == 0)
			r = buf_append_char(b, '}');
	}
	return r < 0 ? r : buf_append_str(b, "],\n ");
}

static int checked(struct buf *b, const struct check *c)
{
	int r;

	if (c->reason) {
		r = buf_append_str(b, ",\n \"check\": {\"equal\": false, \"reason\": ");
		if (r == 0)
			r = string(b, c->reason);
		return r < 0 ? r : buf_append_char(b, '}');
	}
	r = buf_printf(b, ",\n \"check\": {\"equal\": %s, ", check_equal(c) ? "true" : "false");
	if (r == 0)
		r = strings(b, "missing", &c->missing);
	if (r == 0)
		r = buf_append_str(b, ", ");
	if (r == 0)
		r = strings(b, "extra", &c->extra);
	return r < 0 ? r : buf_append_char(b, '}');
}

int json_report(struct buf *b, const struct report *p, const struct scan_result *r,
	uint64_t compiler_runs, const struct check *check)
{
	int e = files(b, p);

	if (e == 0)
		e = links(b, p);
	if (e == 0)
		e = strings(b, "directories", &p->directories);
	if (e == 0)
		e = buf_append_str(b, ",\n ");
	if (e == 0)
		e = strings(b, "absent", &p->absent);
	if (e == 0)
		e = buf_printf(b,
			",\n \"time_macros\": %s, \"rejected\": %s, \"scan_us\": %" PRIu64
			", \"prepare_us\": %" PRIu64 ", \"compiler_runs\": %" PRIu64,
			r->time_macros || r->timestamp ? "true" : "false", r->rejected ? "true" : "false",
			r->scan_ns / 1000, r->prepare_ns / 1000, compiler_runs);
	if (e == 0 && check)
		e = checked(b, check);
	return e < 0 ? e : buf_append_str(b, "}\n");
}

int json_reason(struct buf *b, const char *reason)
{
	int r = buf_append_str(b, "{\"reason\": ");

	if (r == 0)
		r = string(b, reason);
	return r < 0 ? r : buf_append_str(b, "}\n");
}
