/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/memo.h"
#include "scan/reduce.h"

/*
 * From a file's bytes to its ops. Line by line: a line that begins with '#' (or "%:") is a
 * directive (directive.c, define.c), any other is text (plain.c), of which little is kept.
 *
 * Whether a line is skipped by an enclosing #if is not known here, and need not be: a directive in
 * a skipped group is never come to, and both compilers find the nesting of conditionals in skipped
 * text by the same lines as in live text. For the same reason nothing is an error here: what the
 * compiler would refuse becomes an OP_ERROR, which counts only where it is live.
 */

static int grow(void *array, uint32_t *cap, uint32_t n, size_t size, uint32_t max)
{
	void **a = array;
	uint32_t want = *cap ? *cap * 2 : 64;
	void *more;

	if (n < *cap)
		return 0;
	if (n >= max)
		return -E2BIG;
	more = reallocarray(*a, want, size);
	if (!more)
		return -ENOMEM;
	*a = more;
	*cap = want;
	return 0;
}

int reduce_op(struct reduce *r, enum op_kind kind, uint32_t id, struct op **ret)
{
	struct text *t = r->text;
	int e = grow(&t->ops, &r->ops_cap, t->n_ops, sizeof(*t->ops), TEXT_OPS_MAX);

	if (e < 0)
		return e;
	*ret = &t->ops[t->n_ops++];
	**ret = (struct op){.kind = (uint8_t)kind, .id = id};
	if (kind == OP_LINE || kind >= OP_PRAGMA_MACRO)
		(*ret)->line = r->line;
	return 0;
}

int reduce_add(struct reduce *r, enum op_kind kind, uint32_t id)
{
	struct op *op;

	return reduce_op(r, kind, id, &op);
}

int reduce_unknown(struct reduce *r, const char *why)
{
	uint32_t id;
	int e = intern_add(r->maker->names, why, strlen(why), &id);

	return e < 0 ? e : reduce_add(r, OP_UNKNOWN, id);
}

int reduce_scratch(struct reduce *r, const struct token *t)
{
	int e = grow(&r->scratch, &r->scratch_cap, r->n_scratch, sizeof(*t), MACRO_TOKENS_MAX);

	if (e == 0)
		r->scratch[r->n_scratch++] = *t;
	return e;
}

int reduce_collect(struct reduce *r)
{
	struct token t;

	r->n_scratch = 0;
	for (;;) {
		int e = lexer_next(&r->lexer, &t);

		if (e < 0)
			return e;
		if (t.kind == TOKEN_END)
			return 0;
		e = reduce_scratch(r, &t);
		if (e < 0)
			return e;
	}
}

/* Scratch becomes the tokens of an op. */
static int keep_tokens(struct reduce *r, uint32_t *ret)
{
	static const struct token end = {.kind = TOKEN_END};
	struct text *t = r->text;
	uint32_t first = t->n_tokens;
	int e = reduce_scratch(r, &end);

	for (uint32_t i = 0; i < r->n_scratch && e == 0; i++) {
		e = grow(&t->tokens, &r->tokens_cap, t->n_tokens, sizeof(end), TEXT_TOKENS_MAX);
		if (e == 0)
			t->tokens[t->n_tokens++] = r->scratch[i];
	}
	if (e == 0)
		*ret = first;
	return e;
}

int reduce_with_tokens(struct reduce *r, enum op_kind kind, bool several_lines, struct op **ret)
{
	struct text *t = r->text;
	uint32_t tokens = 0;
	int e = keep_tokens(r, &tokens);

	if (e == 0)
		e = grow(&t->directives, &r->directives_cap, t->n_directives,
			sizeof(*t->directives), TEXT_OPS_MAX);
	if (e == 0)
		e = reduce_op(r, kind, t->n_directives, ret);
	if (e < 0)
		return e;
	t->directives[t->n_directives++] = (struct directive){
		.line = r->line, .tokens = tokens, .several_lines = several_lines};
	return 0;
}

static int line(struct reduce *r)
{
	struct lexer *l = &r->lexer;

	lexer_skip_white(l);
	if (r->n_levels == 0 && *l->p != '#' && *l->p != '%' && *l->p != '\n' && l->p < l->end)
		r->outside = true;
	if (*l->p == '#' || (l->p[0] == '%' && l->p[1] == ':' && (r->mode & SCAN_MODE_DIGRAPHS) &&
				    !(l->p[2] == '%' && l->p[3] == ':'))) {
		if (*l->p == '#' && l->p[1] == '#')
			return reduce_plain(r);
		r->line = lexer_line_number(l, l->p);
		l->p += *l->p == '#' ? 1 : 2;
		return reduce_directive(r);
	}
	return reduce_plain(r);
}

static int lines(struct reduce *r)
{
	int e;

	do {
		e = line(r);
	} while (e == 0 && lexer_pass_line(&r->lexer));
	if (e < 0)
		return e;
	r->line = lexer_line_number(&r->lexer, r->lexer.p);
	/* Conditionals that are never closed: the compiler refuses, wherever they are. */
	while (r->n_levels > 0)
		reduce_close(r);
	return reduce_add(r, OP_END, 0);
}

static int trim(struct text **at)
{
	struct text *t = realloc(*at, sizeof(*t) + (*at)->n_ops * sizeof(*t->ops));
	void *p;

	if (!t)
		return -ENOMEM;
	*at = t;
	memcpy(t + 1, t->ops, t->n_ops * sizeof(*t->ops));
	free(t->ops);
	t->ops = (struct op *)(t + 1);
	p = t->n_tokens ? realloc(t->tokens, t->n_tokens * sizeof(*t->tokens)) : NULL;
	if (p)
		t->tokens = p;
	p = t->n_directives ? realloc(t->directives, t->n_directives * sizeof(*t->directives))
			    : NULL;
	if (p)
		t->directives = p;
	return 0;
}

/* Who would go on at an #else goes on behind it: only a branch that was taken comes to one. */
static void pass_else(struct text *t)
{
	for (uint32_t i = 0; i < t->n_ops; i++) {
		struct op *op = &t->ops[i];
		uint32_t next;

		if (!(op->flags & OP_BRANCHES) || op->kind < OP_IFDEF || op->kind > OP_ELIFNDEF)
			continue;
		next = text_next(t, op);
		if (t->ops[next].kind != OP_ELSE)
			continue;
		text_set_next(t, op, next + 1);
		op->flags &= (uint8_t)~OP_BRANCHES;
	}
}

int text_make(struct text_maker *m, const char *data, size_t len, uint32_t mode, struct text **ret)
{
	AUTO(source_fini) struct source source = {0};
	struct reduce r = {.maker = m, .words = &m->words, .mode = mode};
	int e = source_clean(data, len, mode, &source);

	if (e < 0)
		return e;
	r.text = calloc(1, sizeof(*r.text));
	if (!r.text)
		return -ENOMEM;
	r.text->mode = mode;
	r.text->bom = source.original != data;
	lexer_init(&r.lexer, &source, m->names, mode);
	e = lines(&r);
	free(r.levels);
	free(r.scratch);
	if (e == 0)
		e = trim(&r.text);
	if (e < 0) {
		text_free(r.text);
		return e;
	}
	/* "#ifndef X" that jumps to the very end: nothing happens here when X is defined. */
	if (r.text->n_ops > 1 && r.text->ops[0].kind == OP_IFNDEF &&
		text_next(r.text, r.text->ops) == r.text->n_ops - 1)
		r.text->guard = r.text->ops[0].id;
	pass_else(r.text);
	r.text->guard_alone = r.text->guard && !r.outside;
	*ret = r.text;
	return 0;
}

void text_free(struct text *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n_directives; i++)
		memo_free(t->directives[i].memo);
	free(t->directives);
	if (t->ops != (struct op *)(t + 1))
		free(t->ops);
	free(t->tokens);
	free(t);
}

int text_maker_init(struct text_maker *m, struct intern *names, struct macro_table *macros)
{
	struct text_words *w = &m->words;
	const struct {
		const char *text;
		uint32_t *id;
	} all[] = {
		{"define", &w->define},
		{"undef", &w->undef},
		{"ifdef", &w->ifdef},
		{"ifndef", &w->ifndef},
		{"if", &w->if_},
		{"elif", &w->elif},
		{"elifdef", &w->elifdef},
		{"elifndef", &w->elifndef},
		{"else", &w->else_},
		{"endif", &w->endif},
		{"include", &w->include},
		{"include_next", &w->include_next},
		{"import", &w->import},
		{"embed", &w->embed},
		{"pragma", &w->pragma},
		{"line", &w->line},
		{"error", &w->error},
		{"warning", &w->warning},
		{"ident", &w->ident},
		{"sccs", &w->sccs},
		{"assert", &w->assert_},
		{"unassert", &w->unassert},
		{"defined", &w->defined},
		{"__VA_ARGS__", &w->va_args},
		{"__VA_OPT__", &w->va_opt},
		{"once", &w->once},
		{"GCC", &w->gcc},
		{"clang", &w->clang},
		{"push_macro", &w->push_macro},
		{"pop_macro", &w->pop_macro},
		{"target", &w->target},
		{"poison", &w->poison},
		{"include_alias", &w->include_alias},
		{"optimize", &w->optimize},
		{"push_options", &w->push_options},
		{"pop_options", &w->pop_options},
		{"reset_options", &w->reset_options},
		{"system_header", &w->system_header},
		{"dependency", &w->dependency},
		{"pch_preprocess", &w->pch_preprocess},
		{"module", &w->module},
		{"__has_include", &w->has_include},
		{"__has_include_next", &w->has_include_next},
		{"__has_embed", &w->has_embed},
		{"_Pragma", &w->pragma_operator},
		{"__COUNTER__", &w->counter},
		{"__DATE__", &w->date},
		{"__TIME__", &w->time},
		{"__TIMESTAMP__", &w->timestamp},
		{"export", &w->export_},
	};

	*m = (struct text_maker){.names = names, .macros = macros};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int e = intern_add(names, all[i].text, strlen(all[i].text), all[i].id);

		if (e < 0)
			return e;
	}
	return 0;
}
