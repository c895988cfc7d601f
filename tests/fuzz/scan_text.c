/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/memo.h"
#include "scan/text.h"

/*
 * Any bytes reduced to their directives; the first three are the mode's bits. What comes out has to
 * be such that it can be run: no jump goes back or behind the end, tokens have an end.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_tokens(const struct text *t, uint32_t i, const struct intern *names)
{
	for (;; i++) {
		check(i < t->n_tokens);
		check(t->tokens[i].id < names->n);
		if (t->tokens[i].kind == TOKEN_END)
			return;
		check(t->tokens[i].id > 0 && t->tokens[i].kind <= TOKEN_OTHER);
	}
}

static void check_macro(const struct macro *m, const struct intern *names)
{
	for (uint32_t i = 0; i < m->n_tokens; i++) {
		const struct token *t = &m->tokens[i];

		check(t->id > 0 && t->id < names->n);
		if (t->kind == TOKEN_PARAMETER)
			check(t->arg < m->n_parameters);
		if (t->kind == TOKEN_VA_OPT)
			check(i + t->arg < m->n_tokens &&
				m->tokens[i + t->arg].kind == TOKEN_VA_OPT_END);
	}
}

/* next of what is chosen among, end of what is come to from above: both lead on. */
static void check_op(const struct text_maker *m, const struct text *t, uint32_t i)
{
	const struct intern *names = m->names;
	const struct op *op = &t->ops[i];

	check(op->kind <= OP_END);
	if (op_has_tokens(op)) {
		check(op->id < t->n_directives && !op->known && !t->directives[op->id].memo);
		check_tokens(t, t->directives[op->id].tokens, names);
	} else {
		check(op->id < names->n);
	}
	switch (op->kind) {
	case OP_IF:
	case OP_ELIF:
		if (op->kind == OP_ELIF)
			check(text_end(t, op) > i && text_end(t, op) < t->n_ops);
		check(text_next(t, op) > i && text_next(t, op) < t->n_ops);
		break;
	case OP_ELIFDEF:
	case OP_ELIFNDEF:
	case OP_ELSE:
		check(text_end(t, op) > i && text_end(t, op) < t->n_ops);
		check(text_next(t, op) > i && text_next(t, op) < t->n_ops);
		break;
	case OP_IFDEF:
	case OP_IFNDEF:
		check(text_next(t, op) > i && text_next(t, op) < t->n_ops);
		break;
	case OP_INCLUDE:
	case OP_INCLUDE_NEXT:
	case OP_IMPORT:
	case OP_EMBED:
		check(op_has_tokens(op) || (op->id > 0 && !op->lookup));
		break;
	case OP_DEFINE:
		check(op->id > 0 && op->macro > 0 && op->macro <= m->macros->n);
		check_macro(m->macros->numbered[op->macro], names);
		break;
	case OP_END:
		check(i + 1 == t->n_ops);
		break;
	default:
		break;
	}
	if (op->flags & OP_BRANCHES && op->kind >= OP_IFDEF && op->kind <= OP_ELIFNDEF)
		check(t->ops[text_next(t, op)].kind >= OP_ELIF &&
			t->ops[text_next(t, op)].kind <= OP_ELIFNDEF);
}

static void make(struct text_maker *m, const char *text, size_t len, uint32_t mode)
{
	struct text *t;
	int r = text_make(m, text, len, mode, &t);

	check(r == 0 || r == -E2BIG);
	if (r < 0)
		return;
	check(t->n_ops > 0 && t->ops[t->n_ops - 1].kind == OP_END);
	for (uint32_t i = 0; i < t->n_ops; i++)
		check_op(m, t, i);
	text_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct macro_table macros;
	struct text_maker maker;
	struct intern names;
	uint32_t mode;
	char *text;

	if (size < 3)
		return 0;
	mode = (uint32_t)(data[0] | data[1] << 8 | data[2] << 16);
	text = malloc(size - 2);
	if (!text || intern_init(&names) < 0 || macro_table_init(&macros) < 0 ||
		text_maker_init(&maker, &names, &macros) < 0)
		abort();
	memcpy(text, data + 3, size - 3);
	text[size - 3] = '\0';
	make(&maker, text, size - 3, mode);
	macro_table_fini(&macros);
	intern_fini(&names);
	free(text);
	return 0;
}
