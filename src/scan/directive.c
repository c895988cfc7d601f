/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/reduce.h"

/* The directives but #define and #pragma: conditionals are laid out, the rest becomes an op. */

static int push_level(struct reduce *r, uint32_t start)
{
	if (r->n_levels == r->levels_cap) {
		uint32_t n = r->levels_cap ? r->levels_cap * 2 : 16;
		struct reduce_level *v;

		if (r->n_levels >= TEXT_NESTING_MAX)
			return -E2BIG;
		v = reallocarray(r->levels, n, sizeof(*v));
		if (!v)
			return -ENOMEM;
		r->levels = v;
		r->levels_cap = n;
	}
	r->levels[r->n_levels++] = (struct reduce_level){.start = start, .last = start};
	return 0;
}

static const char odd_name[] = "a universal character name, or the like, in a directive";

/* The name behind #ifdef and its like; 0 where there is none. */
static int macro_name(struct reduce *r, uint32_t *ret, bool *ret_odd)
{
	struct token t;
	int e;

	r->lexer.met_odd_name = false;
	e = lexer_next(&r->lexer, &t);
	if (e < 0)
		return e;
	*ret = t.kind == TOKEN_NAME ? t.id : 0;
	*ret_odd = r->lexer.met_odd_name || token_is_odd(r->maker->names, &t);
	lexer_skip_line(&r->lexer);
	return 0;
}

/* As macro_name; what is wrong with the name is said in front of what follows. */
static int good_name(struct reduce *r, uint32_t *ret)
{
	bool odd;
	int e = macro_name(r, ret, &odd);

	if (e == 0 && odd)
		return reduce_unknown(r, odd_name);
	return e < 0 || *ret ? e : reduce_add(r, OP_ERROR, 0);
}

/*
 * The tokens of a condition. Behind "__has_include(" a '<' begins a header name; names are told
 * how far below the directive's first line they are, for __LINE__.
 */
static int condition_tokens(struct reduce *r, bool *ret_several_lines)
{
	const struct text_words *w = r->words;
	struct lexer *l = &r->lexer;
	int has = 0; /* 1: behind the name, 2: behind its parenthesis */
	uint32_t first = 0;
	struct token t;
	int e;

	r->n_scratch = 0;
	do {
		l->header_names = has == 2;
		e = lexer_next(l, &t);
		l->header_names = false;
		if (first == 0)
			first = lexer_line_number(l, l->start);
		if (e < 0 || t.kind == TOKEN_END)
			break;
		if (t.kind == TOKEN_NAME) {
			uint32_t below = lexer_line_number(l, l->start) - r->line;

			t.arg = (uint16_t)MIN(below, UINT16_MAX);
		}
		has = has == 1 && t.kind == TOKEN_PUNCTUATOR && t.arg == '(' ? 2
		      : t.kind == TOKEN_NAME &&
				      (t.id == w->has_include || t.id == w->has_include_next ||
					      t.id == w->has_embed)
			      ? 1
			      : 0;
		e = reduce_scratch(r, &t);
	} while (e == 0);
	*ret_several_lines = lexer_line_number(l, l->start) != first;
	return e;
}

static bool is_punctuator(const struct token *t, uint16_t c)
{
	return t->kind == TOKEN_PUNCTUATOR && t->arg == c;
}

/* "defined X", "defined(X)" with or without a '!' and nothing else: X, else 0. */
static uint32_t only_defined(const struct reduce *r, bool *ret_not)
{
	const struct token *t = r->scratch;
	uint32_t n = r->n_scratch;

	*ret_not = n > 0 && is_punctuator(t, '!');
	if (*ret_not) {
		t++;
		n--;
	}
	if (n < 2 || t->kind != TOKEN_NAME || t->id != r->words->defined)
		return 0;
	if (n == 2 && t[1].kind == TOKEN_NAME)
		return t[1].id;
	if (n == 4 && is_punctuator(&t[1], '(') && t[2].kind == TOKEN_NAME &&
		is_punctuator(&t[3], ')'))
		return t[2].id;
	return 0;
}

/* An #if or #elif, or what it is rewritten to. */
static int condition(struct reduce *r, bool elif, struct op **ret)
{
	bool negated, several_lines;
	uint32_t id;
	int e = condition_tokens(r, &several_lines);

	if (e < 0)
		return e;
	id = only_defined(r, &negated);
	if (id && elif)
		return reduce_op(r, negated ? OP_ELIFNDEF : OP_ELIFDEF, id, ret);
	if (id)
		return reduce_op(r, negated ? OP_IFNDEF : OP_IFDEF, id, ret);
	return reduce_with_tokens(r, elif ? OP_ELIF : OP_IF, several_lines, ret);
}

static int begin_if(struct reduce *r)
{
	struct op *op;
	int e = condition(r, false, &op);

	return e < 0 ? e : push_level(r, (uint32_t)(op - r->text->ops));
}

static int begin_ifdef(struct reduce *r, enum op_kind kind)
{
	struct op *op;
	uint32_t id;
	int e = good_name(r, &id);

	if (e == 0)
		e = reduce_op(r, id ? kind : OP_IFDEF, id, &op);
	return e < 0 ? e : push_level(r, (uint32_t)(op - r->text->ops));
}

/* op is the next branch of the innermost conditional. */
static void link_branch(struct reduce *r, struct op *op)
{
	struct reduce_level *v = &r->levels[r->n_levels - 1];
	uint32_t at = (uint32_t)(op - r->text->ops);

	text_set_next(r->text, &r->text->ops[v->last], at);
	r->text->ops[v->last].flags |= OP_BRANCHES;
	v->last = at;
}

static bool in_conditional(const struct reduce *r)
{
	return r->n_levels > 0 && !r->levels[r->n_levels - 1].has_else;
}

/* A stray #elif, #else, #endif, or one behind #else. */
static int stray(struct reduce *r)
{
	lexer_skip_line(&r->lexer);
	return reduce_add(r, OP_ERROR, 0);
}

/* An odd name is looked at when the condition is: not in the branch above, which may be taken. */
static int elifdef(struct reduce *r, enum op_kind kind, struct op **ret)
{
	struct token t = {.kind = TOKEN_OTHER};
	uint32_t id;
	bool odd;
	int e = macro_name(r, &id, &odd);

	if (e < 0)
		return e;
	if (!odd) {
		e = id ? 0 : reduce_add(r, OP_ERROR, 0);
		return e < 0 ? e : reduce_op(r, id ? kind : OP_ELIFDEF, id, ret);
	}
	r->n_scratch = 0;
	e = intern_add(r->maker->names, "\\", 1, &t.id);
	if (e == 0)
		e = reduce_scratch(r, &t);
	return e < 0 ? e : reduce_with_tokens(r, OP_ELIF, false, ret);
}

static int another_branch(struct reduce *r, enum op_kind kind)
{
	struct op *op;
	int e = 0;

	if (!in_conditional(r))
		return stray(r);
	if (kind == OP_ELIF) {
		e = condition(r, true, &op);
	} else if (kind == OP_ELSE) {
		lexer_skip_line(&r->lexer);
		e = reduce_op(r, OP_ELSE, 0, &op);
		r->levels[r->n_levels - 1].has_else = true;
	} else {
		e = elifdef(r, kind, &op);
	}
	if (e == 0)
		link_branch(r, op);
	return e;
}

/* Nothing happens in "#ifdef X #else #endif": that neither reads nor does anything. */
static bool nothing_in(const struct text *t, uint32_t start)
{
	const struct op *op = &t->ops[start];
	uint32_t n = t->n_ops - start;

	return (op->kind == OP_IFDEF || op->kind == OP_IFNDEF) && op->id &&
	       (n == 1 || (n == 2 && op[1].kind == OP_ELSE));
}

void reduce_close(struct reduce *r)
{
	struct text *t = r->text;
	struct reduce_level *v = &r->levels[--r->n_levels];

	text_set_next(t, &t->ops[v->last], t->n_ops);
	for (uint32_t i = v->start;; i = text_next(t, &t->ops[i])) {
		struct op *op = &t->ops[i];

		if (op->kind == OP_ELIF)
			t->directives[op->id].end = t->n_ops - i;
		else if (op->kind == OP_ELIFDEF || op->kind == OP_ELIFNDEF || op->kind == OP_ELSE)
			op->end = t->n_ops - i;
		if (i == v->last)
			break;
	}
}

static int endif(struct reduce *r)
{
	uint32_t start;

	lexer_skip_line(&r->lexer);
	if (r->n_levels == 0)
		return reduce_add(r, OP_ERROR, 0);
	start = r->levels[r->n_levels - 1].start;
	reduce_close(r);
	if (nothing_in(r->text, start))
		r->text->n_ops = start;
	return 0;
}

/* "x" or <x>, taken to the letter: no escapes, no comments. True: *ret_start and *ret_len. */
static bool literal_name(struct lexer *l, const char **ret_start, size_t *ret_len, bool *ret_angled)
{
	char close = *l->p == '"' ? '"' : '>';
	const char *p = l->p + 1;

	if (*l->p != '"' && *l->p != '<')
		return false;
	while (p < l->end && *p != close && *p != '\n')
		p++;
	if (p >= l->end || *p != close)
		return false;
	*ret_start = l->p + 1;
	*ret_len = (size_t)(p - l->p - 1);
	*ret_angled = close == '>';
	l->p = p + 1;
	return true;
}

static int include(struct reduce *r, enum op_kind kind)
{
	const char *name;
	size_t len;
	bool angled, several_lines;
	struct op *op;
	uint32_t id;
	int e;

	lexer_skip_white(&r->lexer);
	if (literal_name(&r->lexer, &name, &len, &angled)) {
		e = len > 0 ? intern_add(r->maker->names, name, len, &id) : 0;
		lexer_skip_line(&r->lexer);
		if (e < 0 || len == 0 || memchr(name, '\0', len))
			return e < 0 ? e : reduce_add(r, OP_ERROR, 0);
		e = reduce_op(r, kind, id, &op);
		if (e == 0)
			op->flags = angled ? OP_ANGLED : 0;
		return e;
	}
	e = condition_tokens(r, &several_lines);
	if (e < 0 || r->n_scratch == 0)
		return e < 0 ? e : reduce_add(r, OP_ERROR, 0);
	e = reduce_with_tokens(r, kind, several_lines, &op);
	if (e == 0)
		op->flags = OP_COMPUTED;
	return e;
}

static int with_name(struct reduce *r, enum op_kind kind)
{
	uint32_t id;
	int e = good_name(r, &id);

	return e < 0 || id == 0 ? e : reduce_add(r, kind, id);
}

/* "#assert" and its like; #if #… is what tells that it mattered (scan/condition.c). */
static int no_matter(struct reduce *r, enum op_kind kind)
{
	lexer_skip_line(&r->lexer);
	return kind == OP_END ? 0 : reduce_add(r, kind, 0);
}

/* "#line 33" and "# 33 "file"" on one line; anything else makes the number unknown. */
static int line_number(struct reduce *r)
{
	struct lexer *l = &r->lexer;
	struct token t, behind, flag = {.kind = TOKEN_END};
	struct op *op;
	int e = lexer_next(l, &t);

	if (e == 0)
		e = lexer_next(l, &behind);
	if (e == 0 && behind.kind == TOKEN_STRING)
		e = lexer_next(l, &flag);
	if (e < 0)
		return e;
	lexer_skip_line(l);
	if (t.id == r->words->counter || behind.id == r->words->counter)
		e = reduce_add(r, OP_COUNTER, 0);
	if (t.kind != TOKEN_NUMBER || lexer_line_number(l, l->p) != r->line ||
		(behind.kind != TOKEN_END && behind.kind != TOKEN_STRING))
		t.id = 0;
	if (e == 0)
		e = reduce_op(r, OP_LINE, t.id, &op);
	if (e == 0 && flag.kind == TOKEN_NUMBER)
		op->flags = OP_LEVEL;
	return e;
}

static int conditional(struct reduce *r, uint32_t id, bool *ret_was)
{
	const struct text_words *w = r->words;
	bool has_elifdef = r->mode & SCAN_MODE_ELIFDEF;

	*ret_was = true;
	if (id == w->if_)
		return begin_if(r);
	if (id == w->ifdef || id == w->ifndef)
		return begin_ifdef(r, id == w->ifdef ? OP_IFDEF : OP_IFNDEF);
	if (id == w->elif)
		return another_branch(r, OP_ELIF);
	if ((id == w->elifdef || id == w->elifndef) && has_elifdef)
		return another_branch(r, id == w->elifdef ? OP_ELIFDEF : OP_ELIFNDEF);
	if (id == w->else_)
		return r->n_levels > 0 ? another_branch(r, OP_ELSE) : stray(r);
	if (id == w->endif)
		return endif(r);
	*ret_was = false;
	return 0;
}

/* To the assembler much that begins with '#' is text like any other. p: behind the '#'. */
static int assembler_text(struct reduce *r, const char *p)
{
	r->lexer.p = p;
	return reduce_plain(r);
}

static int named(struct reduce *r, uint32_t id, const char *p)
{
	const struct text_words *w = r->words;
	bool was;
	int e = conditional(r, id, &was);

	if (e < 0 || was)
		return e;
	if (id == w->define)
		return reduce_define(r);
	if (id == w->undef)
		return with_name(r, OP_UNDEF);
	if (id == w->include)
		return include(r, OP_INCLUDE);
	if (id == w->include_next)
		return include(r, OP_INCLUDE_NEXT);
	if (id == w->import)
		return include(r, OP_IMPORT);
	if (id == w->embed && (r->mode & SCAN_MODE_EMBED))
		return include(r, OP_EMBED);
	if (id == w->pragma)
		return reduce_pragma(r);
	if (id == w->line)
		return line_number(r);
	if (id == w->warning || id == w->ident || id == w->sccs || id == w->assert_ ||
		id == w->unassert)
		return no_matter(r, OP_END);
	if (id != w->error && (r->mode & SCAN_MODE_ASM))
		return assembler_text(r, p);
	return no_matter(r, OP_ERROR); /* #error, and what is no directive at all */
}

int reduce_directive(struct reduce *r)
{
	struct lexer *l = &r->lexer;
	struct token t;
	const char *behind;
	int e;

	r->said_counter = r->said_words = r->said_assembler = false;
	r->said_time = r->said_timestamp = r->said_time_word = r->said_time_frame = false;
	lexer_skip_white(l);
	behind = l->p;
	e = lexer_next(l, &t);
	if (e < 0 || t.kind == TOKEN_END)
		return e; /* the null directive */
	if (r->n_levels == 0 && t.id != r->words->ifndef && t.id != r->words->if_)
		r->outside = true;
	if (t.kind == TOKEN_NAME)
		return named(r, t.id, behind);
	if (token_is_odd(r->maker->names, &t)) {
		lexer_skip_line(l);
		return reduce_unknown(r, odd_name);
	}
	l->p = behind;
	/* "# 33 "file"": a line marker, but not in assembler, where much begins with '#'. */
	if (r->mode & SCAN_MODE_ASM)
		return assembler_text(r, behind);
	return t.kind == TOKEN_NUMBER ? line_number(r) : no_matter(r, OP_ERROR);
}
