/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/intern.h"

/*
 * Preprocessing tokens and macros. Macros are hash-consed: equal definitions (parameters, tokens,
 * white space) are one object, whatever their names, so that "is X what it was when this #if was
 * last evaluated" is a comparison of pointers (scan/memo.h). They live as long as their table.
 */

enum token_kind {
	TOKEN_END, /* of the directive, or of a macro argument */
	TOKEN_NAME,
	TOKEN_NUMBER, /* pp-number */
	TOKEN_STRING, /* with its prefix and quotes */
	TOKEN_CHARACTER,
	TOKEN_PUNCTUATOR, /* arg: enum punctuator or the character */
	TOKEN_HEADER,     /* <x>, as one token behind __has_include( */
	TOKEN_OTHER,      /* a stray character, an unterminated quote */
	/* In macro bodies only: */
	TOKEN_PARAMETER, /* arg: its index */
	TOKEN_VA_OPT,    /* __VA_OPT__ (: arg is the distance to its TOKEN_VA_OPT_END */
	TOKEN_VA_OPT_END,
};

enum token_flag {
	TOKEN_WHITE = 1 << 0,     /* white space before it, in the text */
	TOKEN_SPACE = 1 << 1,     /* the same after expansion: what # and clang's <…> look at */
	TOKEN_STRINGISE = 1 << 2, /* a parameter behind # */
	TOKEN_PASTE = 1 << 3,     /* ## follows */
	TOKEN_PAINTED = 1 << 4,   /* never to be expanded again */
	TOKEN_SPELLED = 1 << 5, /* a digraph, "and", …: arg is not what the spelling looks like */
};

enum punctuator { /* above the characters */
	PUNCTUATOR_EQ = 256,
	PUNCTUATOR_NE,
	PUNCTUATOR_LE,
	PUNCTUATOR_GE,
	PUNCTUATOR_AND,
	PUNCTUATOR_OR,
	PUNCTUATOR_SHL,
	PUNCTUATOR_SHR,
	PUNCTUATOR_PASTE,
	PUNCTUATOR_ELLIPSIS,
	PUNCTUATOR_SCOPE,
	PUNCTUATOR_OTHER, /* "+=", "->", …: no part in any directive */
};

struct token {
	uint32_t id; /* spelling */
	uint8_t kind;
	uint8_t flags;
	uint16_t
		arg; /* see kind; of a TOKEN_NAME in a condition: lines below the directive's first */
};

/*
 * A universal character name, or a character beyond ASCII that is no plain letter: compilers differ
 * in what is a name, or a blank, and such a token stops whoever reads it.
 */
bool token_is_odd(const struct intern *names, const struct token *t);

enum macro_flag {
	MACRO_FUNCTION = 1 << 0,
	MACRO_VARIADIC = 1 << 1,
	MACRO_PASTES = 1 << 2,  /* some token pastes, or there is a __VA_OPT__ */
	MACRO_SPECIAL = 1 << 3, /* __LINE__ and its like: special says which */
};

struct macro {
	uint32_t hash;
	uint32_t number; /* in its table, from 1 */
	uint32_t n_tokens;
	uint16_t n_parameters;
	uint8_t flags;
	uint8_t special; /* enum scan_special */
	struct token tokens[];
};

enum {
	MACRO_PARAMETERS_MAX = 65000,
	MACRO_TOKENS_MAX = 4 << 20,
	MACROS_BYTES_MAX = 1 << 30, /* so their numbers are below 1 << 30, too */
};

struct macro_table {
	struct macro **slots;
	uint32_t n, n_slots;
	const struct macro **numbered; /* by number, room for n_slots / 2 + 1; [0] is NULL */
	size_t bytes;
};

int macro_table_init(struct macro_table *t) MUST_CHECK;
void macro_table_fini(struct macro_table *t);

/* The one macro that is like m (whose hash and number need not be set) with these tokens. -ENOMEM, -E2BIG. */
int macro_table_add(struct macro_table *t, const struct macro *m, const struct token *tokens,
	const struct macro **ret) MUST_CHECK;
