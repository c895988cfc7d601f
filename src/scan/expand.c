/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/unit.h"

/*
 * Macro expansion, as gcc and clang do it (which is the same where a program can tell): a stack of
 * contexts, each a run of tokens. A macro's name is disabled while a context of its expansion is
 * open; a name that is read while it is disabled is painted and never expanded again. Contexts are
 * closed when the token behind them is asked for, so that "f" at the end of an expansion finds its
 * "(" behind it. Arguments are expanded on their own, behind a barrier.
 *
 * White space only matters to # and to <…>. The first token of an expansion has the space that was
 * before the macro's name; an expansion to nothing leaves its space to what follows. So says
 * clang; gcc forgets of it in directives.
 */

struct arena_block {
	struct arena_block *next;
	size_t n, cap;
	struct token tokens[];
};

enum { ARENA_BLOCK = 4096 };

int expand_alloc(struct scanner *s, size_t n, struct token **ret)
{
	struct arena_block *b = s->arena;

	s->arena_tokens += n;
	if (s->arena_tokens > UNIT_DIRECTIVE_TOKENS_MAX)
		return unit_unknown(s, "one directive expands to more than %d tokens",
			UNIT_DIRECTIVE_TOKENS_MAX);
	if (!b || b->cap - b->n < n) {
		size_t cap = MAX(n, (size_t)ARENA_BLOCK);

		if (s->arena_spare && s->arena_spare->cap >= n) {
			b = s->arena_spare;
			s->arena_spare = NULL;
			b->n = 0;
		} else {
			b = malloc(sizeof(*b) + cap * sizeof(struct token));
			if (!b)
				return -ENOMEM;
			b->cap = cap;
			b->n = 0;
		}
		b->next = s->arena;
		s->arena = b;
	}
	*ret = b->tokens + b->n;
	b->n += n;
	return 0;
}

/* One block stays, for the next directive. */
static void arena_reset(struct scanner *s)
{
	while (s->arena) {
		struct arena_block *b = s->arena;

		s->arena = b->next;
		if (!s->arena && !s->arena_spare && b->cap == ARENA_BLOCK)
			s->arena_spare = b;
		else
			free(b);
	}
	s->arena_tokens = 0;
}

void expand_arena_free(struct scanner *s)
{
	arena_reset(s);
	free(s->arena_spare);
	s->arena_spare = NULL;
}

int expand_push(
	struct scanner *s, const struct token *t, size_t n, uint32_t id, int space, bool barrier)
{
	if (s->n_contexts == s->contexts_cap) {
		uint32_t cap = s->contexts_cap ? s->contexts_cap * 2 : 64;
		struct context *c = reallocarray(s->contexts, cap, sizeof(*c));

		if (!c)
			return -ENOMEM;
		s->contexts = c;
		s->contexts_cap = cap;
	}
	s->contexts[s->n_contexts++] = (struct context){.at = t,
		.end = n > 0 ? t + n : t,
		.id = id,
		.space = (int8_t)space,
		.barrier = barrier};
	if (id)
		s->busy[id]++;
	return 0;
}

static void pop(struct scanner *s)
{
	struct context *c = &s->contexts[--s->n_contexts];

	if (c->id)
		s->busy[c->id]--;
	if (c->space == 1)
		s->or_space = true;
}

int expand_begin(struct scanner *s, const struct token *tokens)
{
	const struct token *end = tokens;

	while (end->kind != TOKEN_END)
		end++;
	s->below = 0;
	s->or_space = s->skip_eval = false;
	s->prevent = s->nested = 0;
	return expand_push(s, tokens, (size_t)(end - tokens), 0, -1, true);
}

void expand_end(struct scanner *s)
{
	while (s->n_contexts > 0)
		pop(s);
	s->prevent = 0;
	arena_reset(s);
}

/* The next token as it stands. */
static int next_raw(struct scanner *s, struct token *ret)
{
	for (;;) {
		struct context *c = &s->contexts[s->n_contexts - 1];

		if (c->at < c->end) {
			struct token t = *c->at++;

			if (c->space >= 0) {
				t.flags &= (uint8_t)~TOKEN_SPACE;
				t.flags |= c->space ? TOKEN_SPACE : 0;
				c->space = -1;
			}
			if (s->or_space) {
				t.flags |= TOKEN_SPACE;
				s->or_space = false;
			}
			if (s->n_contexts == 1 && s->prevent == 0 && t.kind == TOKEN_NAME)
				s->below = t.arg;
			if (t.kind == TOKEN_OTHER && token_is_odd(&s->names, &t))
				return unit_unknown(s, "a universal character name, or the like, "
						       "in a directive");
			if (++s->n_tokens > UNIT_TOKENS_MAX)
				return unit_unknown(
					s, "more than %d tokens in directives", UNIT_TOKENS_MAX);
			*ret = t;
			return 0;
		}
		if (c->barrier) {
			*ret = (struct token){.kind = TOKEN_END};
			return 0;
		}
		pop(s);
	}
}

/* Closes what is at its end, as reading on would. */
bool expand_paren_follows(struct scanner *s)
{
	for (;;) {
		struct context *c = &s->contexts[s->n_contexts - 1];

		if (c->at < c->end)
			return c->at->kind == TOKEN_PUNCTUATOR && c->at->arg == '(';
		if (c->barrier)
			return false;
		pop(s);
	}
}

static int keep_argument_token(struct scanner *s, const struct token *t)
{
	if (s->n_args == s->args_cap) {
		uint32_t cap = s->args_cap ? s->args_cap * 2 : 256;
		struct token *a;

		if (s->n_args >= UNIT_DIRECTIVE_TOKENS_MAX)
			return unit_unknown(s, "a macro's arguments are too long");
		a = reallocarray(s->args, cap, sizeof(*a));
		if (!a)
			return -ENOMEM;
		s->args = a;
		s->args_cap = cap;
	}
	s->args[s->n_args++] = *t;
	return 0;
}

/*
 * Behind the '(' to the ')': argument i is tokens [ends[i-1], ends[i]) of s->args. The commas of a
 * variadic macro's last argument are part of it. *ret_n 0: there was no ')'.
 */
static int read_arguments(struct scanner *s, const struct macro *m, uint32_t *ends, uint32_t *ret_n)
{
	uint32_t n = 0, depth = 0;
	bool variadic = m->flags & MACRO_VARIADIC;

	s->n_args = 0;
	for (;;) {
		struct token t;
		int e = expand_next(s, &t);

		if (e != 0)
			return e;
		if (t.kind == TOKEN_END) {
			*ret_n = 0;
			return 0;
		}
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == '(')
			depth++;
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == ')' && depth-- == 0) {
			ends[n++] = s->n_args;
			*ret_n = n;
			return 0;
		}
		if (t.kind == TOKEN_PUNCTUATOR && t.arg == ',' && depth == 0 &&
			!(variadic && n + 1 >= m->n_parameters)) {
			if (n < m->n_parameters + 1u)
				ends[n++] = s->n_args;
			else
				ends[n - 1] = s->n_args;
			continue;
		}
		e = keep_argument_token(s, &t);
		if (e != 0)
			return e;
	}
}

static bool right_number(const struct macro *m, uint32_t n, const uint32_t *ends)
{
	if (n == m->n_parameters)
		return true;
	if (m->n_parameters == 0)
		return n == 1 && ends[0] == 0;
	return (m->flags & MACRO_VARIADIC) && n + 1 == m->n_parameters;
}

/* A call: its arguments are read, and what it stands for is pushed. */
static int enter_call(struct scanner *s, const struct token *name, const struct macro *m)
{
	AUTO(util_free) uint32_t *ends = calloc((size_t)m->n_parameters + 2, sizeof(*ends));
	AUTO(util_free) struct argument *args = calloc((size_t)m->n_parameters + 2, sizeof(*args));
	int space = !s->clang ? 0 : !!(name->flags & TOKEN_SPACE);
	const struct token *body;
	struct token *copy;
	struct token paren;
	uint32_t n, n_body;
	int e;

	if (!ends || !args)
		return -ENOMEM;
	s->prevent++;
	e = next_raw(s, &paren);
	if (e == 0)
		e = read_arguments(s, m, ends, &n);
	s->prevent--;
	if (e != 0)
		return e;
	if (n == 0 || !right_number(m, n, ends)) {
		unit_reject(s);
		return 0;
	}
	e = expand_alloc(s, s->n_args, &copy);
	if (e != 0)
		return e;
	if (s->n_args > 0)
		memcpy(copy, s->args, s->n_args * sizeof(*copy));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = i ? ends[i - 1] : 0;

		args[i] = (struct argument){.tokens = copy + from, .n = ends[i] - from};
	}
	e = substitute(s, m, args, n, &body, &n_body);
	return e != 0 ? e : expand_push(s, body, n_body, name->id, space, false);
}

static int enter(struct scanner *s, const struct token *name, const struct macro *m)
{
	const struct token *body = m->tokens;
	uint32_t n = m->n_tokens;
	int e = 0;

	if (++s->n_expansions > UNIT_EXPANSIONS_MAX)
		return unit_unknown(s, "more than %d macro expansions", UNIT_EXPANSIONS_MAX);
	if (m->flags & MACRO_FUNCTION)
		return enter_call(s, name, m);
	if (m->flags & MACRO_PASTES)
		e = substitute(s, m, NULL, 0, &body, &n);
	if (e != 0)
		return e;
	return expand_push(
		s, body, n, name->id, !s->clang ? 0 : !!(name->flags & TOKEN_SPACE), false);
}

int expand_next(struct scanner *s, struct token *ret)
{
	for (;;) {
		const struct macro *m;
		int e = next_raw(s, ret);

		if (e != 0 || ret->kind != TOKEN_NAME || (ret->flags & TOKEN_PAINTED))
			return e;
		if (s->prevent > 0) {
			if (ret->id < s->n_slots && s->busy[ret->id] > 0)
				ret->flags |= TOKEN_PAINTED;
			return 0;
		}
		e = unit_read(s, ret->id, &m);
		if (e != 0 || !m)
			return e;
		if (s->busy[ret->id] > 0) {
			ret->flags |= TOKEN_PAINTED;
			return 0;
		}
		if (m->flags & MACRO_SPECIAL) {
			struct token name = *ret;

			return special_expand(s, m->special, &name, ret);
		}
		if ((m->flags & MACRO_FUNCTION) && !expand_paren_follows(s))
			return 0;
		e = enter(s, ret, m);
		if (e != 0)
			return e;
	}
}

int expand_argument(struct scanner *s, const struct token *t, uint32_t n, const struct token **ret,
	uint32_t *ret_n)
{
	AUTO(util_free) struct token *out = NULL;
	uint32_t n_out = 0, cap = 0;
	bool or_space = s->or_space;
	struct token *copy;
	int e;

	if (++s->nested > UNIT_NESTED_MAX)
		return unit_unknown(s, "macro arguments nested more than %d deep", UNIT_NESTED_MAX);
	s->or_space = false;
	e = expand_push(s, t, n, 0, -1, true);
	while (e == 0) {
		struct token one;

		e = expand_next(s, &one);
		if (e != 0 || one.kind == TOKEN_END)
			break;
		if (n_out == cap) {
			uint32_t more = cap ? cap * 2 : 32;
			struct token *p = reallocarray(out, more, sizeof(*p));

			if (!p)
				return -ENOMEM;
			out = p;
			cap = more;
			if (cap > UNIT_DIRECTIVE_TOKENS_MAX)
				return unit_unknown(s, "a macro's argument expands to too much");
		}
		out[n_out++] = one;
	}
	if (e != 0)
		return e;
	pop(s);
	s->or_space = or_space;
	s->nested--;
	e = expand_alloc(s, n_out + 1, &copy);
	if (e != 0)
		return e;
	if (n_out > 0)
		memcpy(copy, out, n_out * sizeof(*copy));
	*ret = copy;
	*ret_n = n_out;
	return 0;
}
