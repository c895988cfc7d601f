/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/unit.h"

/*
 * A macro's body with its arguments put in, # and ## done.
 *
 * An argument beside ## goes in as it was written, any other expanded. What is empty beside ##
 * pastes nothing; ", ## __VA_ARGS__" loses its comma when the variable arguments are left out.
 */

struct body {
	struct scanner *s;
	struct token *t;
	uint32_t n, cap;
	bool or_space;
};

static int put(struct body *b, struct token t)
{
	if (b->n == b->cap) {
		uint32_t cap = b->cap ? b->cap * 2 : 64;
		struct token *p;

		if (cap > UNIT_DIRECTIVE_TOKENS_MAX)
			return unit_unknown(b->s, "a macro expands to too many tokens");
		p = reallocarray(b->t, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		b->t = p;
		b->cap = cap;
	}
	if (b->or_space)
		t.flags |= TOKEN_SPACE;
	b->or_space = false;
	b->t[b->n++] = t;
	return 0;
}

/* #x. One blank where there was white space; quotes and backslashes of constants are escaped. */
static int stringise(struct scanner *s, const struct argument *a, struct token *ret)
{
	struct buf *out = &s->scratch;
	int e;

	buf_clear(out);
	e = buf_append_char(out, '"');
	for (uint32_t i = 0; i < a->n && e == 0; i++) {
		const struct token *t = &a->tokens[i];
		const char *p = intern_text(&s->names, t->id);
		size_t n = intern_len(&s->names, t->id);
		bool quoted = t->kind == TOKEN_STRING || t->kind == TOKEN_CHARACTER;

		if (i > 0 && (t->flags & TOKEN_SPACE))
			e = buf_append_char(out, ' ');
		for (size_t k = 0; k < n && e == 0; k++) {
			if (quoted && (p[k] == '"' || p[k] == '\\'))
				e = buf_append_char(out, '\\');
			if (e == 0)
				e = buf_append_char(out, p[k]);
		}
	}
	if (e == 0)
		e = buf_append_char(out, '"');
	if (e == 0)
		e = intern_add(&s->names, buf_str(out), out->len, &ret->id);
	if (e == 0)
		e = unit_slots(s);
	ret->kind = TOKEN_STRING;
	return e;
}

static bool left_out(
	struct scanner *s, const struct macro *m, const struct argument *args, uint32_t n_args)
{
	if (n_args < m->n_parameters)
		return true;
	if (n_args != 1 || args[0].n != 0 || m->n_parameters != 1)
		return false;
	s->asked = true;
	return s->clang ? !(s->strict && s->c99) : !s->strict;
}

static int put_all(struct body *b, const struct token *t, uint32_t n, const struct token *parameter)
{
	for (uint32_t i = 0; i < n; i++) {
		struct token one = t[i];
		int e;

		one.flags &= (uint8_t)~TOKEN_PASTE;
		if (i == 0) {
			one.flags &= (uint8_t)~TOKEN_SPACE;
			one.flags |= parameter->flags & TOKEN_SPACE;
		}
		e = put(b, one);
		if (e != 0)
			return e;
	}
	if (n == 0 && (parameter->flags & TOKEN_SPACE))
		b->or_space = true;
	if (n > 0)
		b->t[b->n - 1].flags |= parameter->flags & TOKEN_PASTE;
	return 0;
}

/* A parameter on the right of ##. */
static int put_pasted(struct body *b, const struct macro *m, const struct argument *args,
	uint32_t n_args, const struct token *p)
{
	const struct argument *a = &args[p->arg];
	struct token *before = b->n > 0 ? &b->t[b->n - 1] : NULL;

	if (before && before->kind == TOKEN_PUNCTUATOR && before->arg == ',' &&
		(m->flags & MACRO_VARIADIC) && p->arg + 1 == m->n_parameters) {
		if (left_out(b->s, m, args, n_args))
			b->n--;
		else
			before->flags &= (uint8_t)~TOKEN_PASTE;
	} else if (before && a->n == 0) {
		before->flags &= (uint8_t)~TOKEN_PASTE;
	}
	return put_all(b, a->tokens, a->n, p);
}

static int expanded(struct scanner *s, struct argument *a)
{
	if (a->expanded)
		return 0;
	return expand_argument(s, a->tokens, a->n, &a->expanded, &a->n_expanded);
}

static int put_parameter(struct body *b, const struct macro *m, struct argument *args,
	uint32_t n_args, const struct token *p, bool behind_paste)
{
	struct argument *a = &args[p->arg];
	int e;

	if (p->flags & TOKEN_STRINGISE) {
		struct token t = {.flags = p->flags & (TOKEN_WHITE | TOKEN_SPACE | TOKEN_PASTE)};

		e = stringise(b->s, a, &t);
		return e != 0 ? e : put(b, t);
	}
	if (p->flags & TOKEN_PASTE)
		return put_all(b, a->tokens, a->n, p);
	if (behind_paste)
		return put_pasted(b, m, args, n_args, p);
	e = expanded(b->s, a);
	return e != 0 ? e : put_all(b, a->expanded, a->n_expanded, p);
}

/* Are the variable arguments anything, for __VA_OPT__? */
static int va_opt(struct scanner *s, const struct macro *m, struct argument *args, bool *ret)
{
	struct argument *a = &args[m->n_parameters - 1];
	int e = expanded(s, a);

	*ret = e == 0 && a->n_expanded > 0;
	return e;
}

static int put_body(struct body *b, const struct macro *m, struct argument *args, uint32_t n_args)
{
	uint32_t inside = 0; /* b->n when the __VA_OPT__ was entered */

	for (uint32_t i = 0; i < m->n_tokens; i++) {
		const struct token *t = &m->tokens[i];
		bool behind_paste = i > 0 && (t[-1].flags & TOKEN_PASTE);
		bool take;
		int e = 0;

		switch (t->kind) {
		case TOKEN_PARAMETER:
			e = put_parameter(b, m, args, n_args, t, behind_paste);
			break;
		case TOKEN_VA_OPT:
			e = va_opt(b->s, m, args, &take);
			inside = b->n;
			if (t->flags & TOKEN_SPACE)
				b->or_space = true;
			if (e == 0 && !take)
				i += t->arg - 1u; /* its end is next */
			else
				i++; /* the parenthesis */
			break;
		case TOKEN_VA_OPT_END:
			if (b->n == 0)
				break;
			if (b->n > inside)
				b->t[b->n - 1].flags |= t->flags & TOKEN_PASTE;
			else if (b->t[b->n - 1].flags & TOKEN_PASTE && !(t->flags & TOKEN_PASTE))
				b->t[b->n - 1].flags &= (uint8_t)~TOKEN_PASTE;
			break;
		default:
			e = put(b, *t);
		}
		if (e != 0)
			return e;
	}
	return 0;
}

/* One spelling of two; 1: it is no token, to be left as two. */
static int paste(struct scanner *s, const struct token *l, const struct token *r, struct token *ret)
{
	struct buf *text = &s->scratch;
	int e;

	buf_clear(text);
	e = buf_append(text, intern_text(&s->names, l->id), intern_len(&s->names, l->id));
	if (e == 0)
		e = buf_append(text, intern_text(&s->names, r->id), intern_len(&s->names, r->id));
	if (e == 0)
		e = lexer_one_token(&s->names, s->mode, buf_str(text), text->len, ret);
	if (e < 0 || unit_slots(s) < 0)
		return e < 0 ? e : -ENOMEM;
	ret->flags = (l->flags & (TOKEN_WHITE | TOKEN_SPACE)) | (r->flags & TOKEN_PASTE) |
		     (ret->flags & TOKEN_SPELLED);
	return e;
}

static int paste_all(struct body *b)
{
	uint32_t out = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct token t = b->t[i];

		while ((t.flags & TOKEN_PASTE) && i + 1 < b->n) {
			struct token both = {0};
			int e;

			if (token_is_odd(&b->s->names, &t) ||
				token_is_odd(&b->s->names, &b->t[i + 1]))
				return unit_unknown(
					b->s, "a universal character name, or the like, beside ##");
			e = paste(b->s, &t, &b->t[i + 1], &both);
			if (e < 0)
				return e;
			if (e > 0) {
				if (!(b->s->mode & SCAN_MODE_ASM))
					unit_reject(b->s);
				break;
			}
			t = both;
			i++;
		}
		t.flags &= (uint8_t)~TOKEN_PASTE;
		b->t[out++] = t;
	}
	b->n = out;
	return 0;
}

int substitute(struct scanner *s, const struct macro *m, struct argument *args, uint32_t n_args,
	const struct token **ret, uint32_t *ret_n)
{
	struct body b = {.s = s};
	struct token *copy;
	int e = put_body(&b, m, args, n_args);

	if (e == 0 && (m->flags & MACRO_PASTES))
		e = paste_all(&b);
	if (e == 0)
		e = expand_alloc(s, b.n + 1, &copy);
	if (e == 0 && b.n > 0)
		memcpy(copy, b.t, b.n * sizeof(*copy));
	free(b.t);
	if (e != 0)
		return e;
	if (b.or_space)
		s->or_space = true;
	*ret = copy;
	*ret_n = b.n;
	return 0;
}
