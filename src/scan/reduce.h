/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/lexer.h"
#include "scan/text.h"

/* Private to the reducer: text.c (lines and conditionals), directive.c, define.c, plain.c. */

struct reduce_level {
	uint32_t start; /* the op of the #if */
	uint32_t last;  /* the one whose next is not known yet */
	bool has_else;
};

struct reduce {
	struct text_maker *maker;
	const struct text_words *words;
	struct lexer lexer;
	uint32_t mode;
	uint32_t line; /* of the directive in hand */
	struct text *text;
	uint32_t ops_cap, directives_cap, tokens_cap;

	struct reduce_level *levels;
	uint32_t n_levels, levels_cap;

	/* Once since the last directive is enough. */
	bool said_counter, said_time, said_timestamp, said_time_word, said_time_frame, said_words,
		said_assembler;
	bool outside;   /* something stands outside of any conditional */
	bool in_define; /* what is looked at is a macro's body */

	struct token *scratch; /* tokens of the directive in hand */
	uint32_t n_scratch, scratch_cap;
};

int reduce_op(struct reduce *r, enum op_kind kind, uint32_t id, struct op **ret) MUST_CHECK;
int reduce_add(struct reduce *r, enum op_kind kind, uint32_t id) MUST_CHECK;
int reduce_unknown(struct reduce *r, const char *why) MUST_CHECK;

/* The rest of the line into scratch, without TOKEN_END. */
int reduce_collect(struct reduce *r) MUST_CHECK;
int reduce_scratch(struct reduce *r, const struct token *t) MUST_CHECK;
/* An op with scratch as its tokens. */
int reduce_with_tokens(
	struct reduce *r, enum op_kind kind, bool several_lines, struct op **ret) MUST_CHECK;

/* The innermost conditional ends here: its branches are told where. */
void reduce_close(struct reduce *r);

int reduce_directive(struct reduce *r) MUST_CHECK; /* the lexer is behind the '#' */
int reduce_define(struct reduce *r) MUST_CHECK;    /* behind "define" */
int reduce_pragma(struct reduce *r) MUST_CHECK;    /* behind "pragma" */
int reduce_plain(struct reduce *r) MUST_CHECK;     /* a line of text */

/* What a name, or a string's content, in text or in a macro's body means to us. */
int reduce_text_name(struct reduce *r, const char *p, size_t n) MUST_CHECK;
int reduce_text_string(struct reduce *r, const char *p, size_t n) MUST_CHECK;
/* p: behind "_Pragma". */
int reduce_pragma_operator(struct reduce *r, const char *p) MUST_CHECK;
