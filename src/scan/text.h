/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/macro.h"
#include "scan/mode.h"

/*
 * A file's bytes reduced to what can matter for which files are read: its directives, in order,
 * and the few things in its text that act like directives. Made once per content and mode, shared
 * by all units.
 *
 * Conditionals are laid out at reduction: a false branch is one jump, to the next #elif or behind the
 * #else. "#if defined X" is stored as
 * "#ifdef X"; an #ifdef group in which nothing happens is left out.
 */

enum op_kind {
	OP_DEFINE, /* id, macro */
	OP_UNDEF,  /* id */
	OP_IFDEF,  /* id; next: where to go on when it is false */
	OP_IFNDEF,
	OP_IF,      /* id: of its struct directive */
	OP_ELIF,    /* the same */
	OP_ELIFDEF, /* id; next; end: behind the #endif, for when it is come to from above */
	OP_ELIFNDEF,
	OP_ELSE,    /* end */
	OP_INCLUDE, /* id (flags: angled), or, computed, of its struct directive */
	OP_INCLUDE_NEXT,
	OP_IMPORT,
	OP_EMBED,
	OP_ONCE,       /* #pragma once */
	OP_PUSH_MACRO, /* id */
	OP_POP_MACRO,  /* id */
	OP_LINE, /* __LINE__ and __FILE__ are others from here on; id: the number of the next line,
		    as spelled, or 0: not known; line */
	OP_TARGET, /* #pragma GCC target, optimize, reset_options: id says which */
	OP_PUSH_OPTIONS,
	OP_POP_OPTIONS,
	OP_SYSTEM_HEADER, /* #pragma GCC system_header */
	OP_PRAGMA_MACRO,  /* a macro is defined with a _Pragma of its arguments in it; line */
	OP_PRAGMA_WORDS,  /* text that such a macro could make a pragma of; line */
	OP_COUNTER,       /* __COUNTER__ in text, or in a macro's body */
	OP_TIME,          /* __DATE__ or __TIME__, the same */
	OP_TIMESTAMP,     /* __TIMESTAMP__, or what "##" may make one of */
	OP_TIME_WORD,     /* TIME and its like, which "##" may make one of these … */
	OP_TIME_FRAME,    /* … together with this: a name that is nothing but underscores */
	OP_ASSEMBLER, /* text that may make an assembler read a file, by what follows or by macros of
			     its own */
	OP_INCBIN,    /* assembler's .incbin "id" */
	OP_ASM_INCLUDE, /* and .include "id" */
	OP_ERROR,       /* #error, and what else the compiler will refuse */
	OP_UNKNOWN,     /* id: why nobody can tell what this does; line */
	OP_END,
};

enum op_flag {
	OP_ANGLED = 1 << 0,
	OP_BRANCHES =
		1 << 1,    /* of a condition: next is another condition of the same conditional */
	OP_LEVEL = 1 << 2, /* of OP_LINE: with flags, which say that a file is entered or left */
	OP_COMPUTED = 1 << 3, /* of an include: its name is what its tokens come to */
	OP_ONE_READ = 1 << 4, /* of a condition: it has one, and not known */
};

struct memo_entry;

/* What a name meant. */
struct memo_read {
	uint32_t id;
	uint32_t macro; /* as in its slot (scan/unit.h); 0: not defined */
};

/* Thousands of them are executed in a unit, and it is memory that these wait for: small ones. */
struct op {
	uint8_t kind;
	uint8_t flags;
	uint16_t skip; /* what OP_ONE_READ comes to: 0 where it is true, else as next */
	uint32_t id;
	union {
		uint32_t macro; /* its number */
		uint32_t line;  /* in the file, from 1 */
		struct {
			/* So many ops further there is the #elif, or what is behind the #else
			 * or the #endif. */
			uint32_t next;
			uint32_t end;
		};
		struct memo_entry *known; /* with tokens: what held last; NULL: nothing yet */
		struct memo_read one;     /* the same where it is no more than one name */
		struct lookup *lookup;    /* of an include with a name: the last one, or NULL */
	};
};

/* What has tokens: an #if, an #elif, a computed include. Looked at when it is not known already. */
struct directive {
	uint32_t line;
	uint32_t tokens; /* index of the first, in text.tokens; TOKEN_END behind the last */
	uint32_t next;   /* as in an op, from the op on */
	uint32_t end;
	bool several_lines; /* its tokens are on */
	struct memo *memo;
};

static inline bool op_has_tokens(const struct op *op)
{
	return op->kind == OP_IF || op->kind == OP_ELIF || (op->flags & OP_COMPUTED);
}

struct text {
	struct text *next; /* the same content in another mode */
	uint32_t mode;
	uint32_t guard;   /* the name of an #ifndef around everything, or 0 */
	bool bom;         /* it begins with a byte order mark */
	bool guard_alone; /* nothing else at all is outside of that #ifndef: clang's idea of one */
	uint32_t n_ops;
	uint32_t n_directives;
	uint32_t n_tokens;
	struct op *ops; /* right behind it: one way into memory less */
	struct directive *directives;
	struct token *tokens;
};

/* Of a condition: the op to go on at when it is false, and how that is told. */
static inline uint32_t text_next(const struct text *t, const struct op *op)
{
	uint32_t further = op_has_tokens(op) ? t->directives[op->id].next : op->next;

	return (uint32_t)(op - t->ops) + further;
}

static inline void text_set_next(struct text *t, struct op *op, uint32_t next)
{
	*(op_has_tokens(op) ? &t->directives[op->id].next : &op->next) =
		next - (uint32_t)(op - t->ops);
}

/* The same of a branch: the op to go on at when it is come to from above. */
static inline uint32_t text_end(const struct text *t, const struct op *op)
{
	uint32_t further = op->kind == OP_ELIF ? t->directives[op->id].end : op->end;

	return (uint32_t)(op - t->ops) + further;
}

enum {
	TEXT_OPS_MAX = 1 << 20, /* several times what the largest headers of a kernel have */
	TEXT_TOKENS_MAX = 128 << 20,
	TEXT_NESTING_MAX = 1 << 16, /* of conditionals; deeper ones cannot be known */
};

/* Spellings that the reducer looks for, by id. */
struct text_words {
	uint32_t define, undef, ifdef, ifndef, if_, elif, elifdef, elifndef, else_, endif, include,
		include_next, import, embed, pragma, line, error, warning, ident, sccs, assert_,
		unassert, defined, va_args, va_opt, once, gcc, clang, push_macro, pop_macro, target,
		poison, include_alias, optimize, push_options, pop_options, reset_options,
		system_header, dependency, pch_preprocess, module, has_include, has_include_next,
		has_embed, pragma_operator, counter, date, time, timestamp, export_;
};

struct text_maker {
	struct intern *names;
	struct macro_table *macros;
	struct text_words words;
};

int text_maker_init(
	struct text_maker *m, struct intern *names, struct macro_table *macros) MUST_CHECK;

/*
 * data: len bytes and a NUL. 0; -ENOMEM; -E2BIG past a limit.
 */
int text_make(struct text_maker *m, const char *data, size_t len, uint32_t mode,
	struct text **ret) MUST_CHECK;
void text_free(struct text *t); /* with its memos; not the texts behind next */
