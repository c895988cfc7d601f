/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "scan/reduce.h"

/*
 * #define: the parameters, then the body as tokens in which parameters, #, ## and __VA_OPT__ are
 * already what they stand for.
 */

struct define {
	struct reduce *r;
	uint32_t name;
	bool wrong; /* the compiler will refuse it */
	const char *unknown;
	struct macro m; /* without its tokens */
};

/* Parameters are kept in r->scratch while the body is not begun: their ids alone. */
static int parameter_index(const struct define *d, uint32_t id)
{
	for (uint32_t i = 0; i < d->m.n_parameters; i++)
		if (d->r->scratch[i].id == id)
			return (int)i;
	return -1;
}

static int add_parameter(struct define *d, uint32_t id)
{
	const struct token t = {.id = id, .kind = TOKEN_PARAMETER};

	if (d->m.n_parameters >= MACRO_PARAMETERS_MAX)
		return -E2BIG;
	if (d->m.n_parameters < 1024 && parameter_index(d, id) >= 0)
		d->wrong = true;
	d->m.n_parameters++;
	return reduce_scratch(d->r, &t);
}

static bool is(const struct token *t, uint16_t c)
{
	return t->kind == TOKEN_PUNCTUATOR && t->arg == c;
}

/* Behind the '(' up to and with the ')'. */
static int parameters(struct define *d)
{
	struct lexer *l = &d->r->lexer;
	bool first = true;

	for (;; first = false) {
		struct token t;
		int e = lexer_next(l, &t);

		if (e < 0)
			return e;
		if (first && is(&t, ')'))
			return 0;
		if (is(&t, PUNCTUATOR_ELLIPSIS)) {
			d->m.flags |= MACRO_VARIADIC;
			e = add_parameter(d, d->r->words->va_args);
		} else if (t.kind == TOKEN_NAME) {
			e = add_parameter(d, t.id);
		} else {
			l->met_odd_name |= token_is_odd(d->r->maker->names, &t);
			d->wrong = true;
			return 0;
		}
		if (e == 0)
			e = lexer_next(l, &t);
		if (e == 0 && is(&t, PUNCTUATOR_ELLIPSIS) && !(d->m.flags & MACRO_VARIADIC)) {
			d->m.flags |= MACRO_VARIADIC;
			e = lexer_next(l, &t);
		}
		if (e < 0)
			return e;
		if (is(&t, ')'))
			return 0;
		if (!is(&t, ',') || (d->m.flags & MACRO_VARIADIC)) {
			d->wrong = true;
			return 0;
		}
	}
}

/* What a token of the body means outside of macros: _Pragma, __COUNTER__, … */
static int look_at(struct define *d, const struct token *t)
{
	const struct intern *names = d->r->maker->names;
	const char *p = intern_text(names, t->id);
	size_t n = intern_len(names, t->id);

	if (t->kind == TOKEN_NAME && t->id == d->r->words->pragma_operator)
		return reduce_pragma_operator(d->r, d->r->lexer.p);
	if (t->kind == TOKEN_NAME)
		return reduce_text_name(d->r, p, n);
	if (t->kind == TOKEN_STRING)
		return reduce_text_string(d->r, p, n);
	return 0;
}

static int body(struct define *d, uint32_t first)
{
	struct reduce *r = d->r;

	for (;;) {
		struct token t;
		int i, e = lexer_next(&r->lexer, &t);

		if (e < 0 || t.kind == TOKEN_END)
			return e;
		if (t.kind == TOKEN_NAME) {
			i = parameter_index(d, t.id);
			if (i >= 0) {
				t.kind = TOKEN_PARAMETER;
				t.arg = (uint16_t)i;
			} else if (t.id == r->words->va_opt && (d->m.flags & MACRO_VARIADIC)) {
				t.kind = TOKEN_VA_OPT;
			} else if (t.id == r->words->va_args) {
				/* Only a variadic macro may: gcc warns, takes it as a name. */
				t.arg = 0;
			}
		}
		if (t.kind != TOKEN_PARAMETER && t.kind != TOKEN_VA_OPT) {
			e = look_at(d, &t);
			if (e < 0)
				return e;
		}
		if (r->n_scratch == first) /* white space before the body is no part of it */
			t.flags &= (uint8_t) ~(TOKEN_WHITE | TOKEN_SPACE);
		e = reduce_scratch(r, &t);
		if (e < 0)
			return e;
	}
}

/* "__VA_OPT__ ( … )": the parenthesis goes, the end is marked. No nesting in both compilers. */
static bool mark_va_opt(struct token *t, uint32_t n, uint32_t *at)
{
	uint32_t depth = 0, from = *at;

	if (from + 1 >= n || !is(&t[from + 1], '('))
		return false;
	for (uint32_t i = from + 1; i < n; i++) {
		if (t[i].kind == TOKEN_VA_OPT)
			return false;
		if (is(&t[i], '('))
			depth++;
		else if (is(&t[i], ')') && --depth == 0) {
			t[i].kind = TOKEN_VA_OPT_END;
			t[from].arg = (uint16_t)MIN(i - from, UINT16_MAX);
			return i - from < UINT16_MAX;
		}
	}
	return false;
}

static bool mark_all_va_opt(struct define *d, struct token *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (t[i].kind != TOKEN_VA_OPT)
			continue;
		d->m.flags |= MACRO_PASTES;
		if (!mark_va_opt(t, n, &i))
			return false;
	}
	return true;
}

/* # and ## are taken out and become flags of what they work on. The new number of tokens. */
static uint32_t mark_operators(struct define *d, struct token *t, uint32_t n)
{
	bool function = d->m.flags & MACRO_FUNCTION;
	uint32_t out = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (is(&t[i], PUNCTUATOR_PASTE)) {
			if (out == 0 || i + 1 == n)
				d->wrong = true;
			else if (t[out - 1].flags & TOKEN_PASTE)
				d->unknown = "two ## in a row";
			else
				t[out - 1].flags |= TOKEN_PASTE;
			d->m.flags |= MACRO_PASTES;
			continue;
		}
		if (function && is(&t[i], '#')) {
			if (i + 1 < n && t[i + 1].kind == TOKEN_PARAMETER) {
				uint8_t white = t[i].flags & (TOKEN_WHITE | TOKEN_SPACE);

				i++;
				t[i].flags &= (uint8_t) ~(TOKEN_WHITE | TOKEN_SPACE);
				t[i].flags |= TOKEN_STRINGISE | white;
			} else if (i + 1 < n && t[i + 1].kind == TOKEN_VA_OPT) {
				d->unknown = "#__VA_OPT__";
			} else if (d->r->mode & SCAN_MODE_MICROSOFT) {
				d->unknown = "what may be a #@";
			} else if (!(d->r->mode & SCAN_MODE_ASM)) {
				d->wrong = true;
			}
		}
		t[out++] = t[i];
	}
	return out;
}

static int finish(struct define *d, uint32_t first)
{
	struct reduce *r = d->r;
	struct token *t = r->scratch ? r->scratch + first : NULL;
	const struct macro *m;
	struct op *op;
	int e;

	d->m.n_tokens = mark_operators(d, t, r->n_scratch - first);
	if (!mark_all_va_opt(d, t, d->m.n_tokens))
		d->wrong = true;
	if (d->wrong)
		return 0;
	if (d->unknown) {
		e = reduce_unknown(r, d->unknown);
		if (e < 0)
			return e;
	}
	e = macro_table_add(r->maker->macros, &d->m, t, &m);
	if (e == 0)
		e = reduce_op(r, OP_DEFINE, d->name, &op);
	if (e == 0)
		op->macro = m->number;
	return e;
}

int reduce_define(struct reduce *r)
{
	struct lexer *l = &r->lexer;
	struct define d = {.r = r};
	struct token t;
	uint32_t first;
	int e;

	l->met_odd_name = false;
	e = lexer_next(l, &t);
	if (e < 0)
		return e;
	if (l->met_odd_name || token_is_odd(r->maker->names, &t)) {
		lexer_skip_line(l);
		return reduce_unknown(r, "a universal character name, or the like, in a directive");
	}
	if (t.kind != TOKEN_NAME || t.id == r->words->defined) {
		lexer_skip_line(l);
		return reduce_add(r, OP_ERROR, 0);
	}
	d.name = t.id;
	r->n_scratch = 0;
	l->met_cut_raw_string = false;
	if (*l->p == '(') {
		l->p++;
		d.m.flags |= MACRO_FUNCTION;
		e = parameters(&d);
		/* gcc may be fine with what is wrong here */
		if (e == 0 && l->met_odd_name)
			d.unknown = "a universal character name, or the like, in a parameter";
	}
	first = r->n_scratch;
	r->in_define = true;
	if (e == 0)
		e = d.wrong ? (lexer_skip_line(l), 0) : body(&d, first);
	r->in_define = false;
	if (e < 0)
		return e;
	if (l->met_cut_raw_string)
		d.unknown = "a raw string over several lines in a macro";
	if (!d.wrong)
		e = finish(&d, first);
	if (e < 0 || !d.wrong)
		return e;
	return d.unknown ? reduce_unknown(r, d.unknown) : reduce_add(r, OP_ERROR, 0);
}
