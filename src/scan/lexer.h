/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/macro.h"
#include "scan/mode.h"

/*
 * Text to preprocessing tokens, in the two steps of the standards: source_clean() takes out line
 * splices and trigraphs (and remembers where, for raw strings and line numbers), lexer_next() cuts
 * tokens out of one logical line. Lenient as the compilers are where they are: a quote that is not
 * closed ends with its line.
 */

/* From clean on, text lies where original says, until the next note. */
struct source_note {
	uint32_t clean, original;
	uint32_t lines; /* ends of line taken out up to here */
};

struct source {
	const char *text; /* clean; a NUL behind it */
	size_t len;
	const char *original;
	size_t original_len;
	struct source_note *notes;
	size_t n_notes;
	char *owned; /* text, where it is not the original itself */
};

enum { SOURCE_MAX = 1 << 30 };

/* original: len bytes and a NUL; it must outlive the source. -ENOMEM, -E2BIG. */
int source_clean(const char *original, size_t len, uint32_t mode, struct source *ret) MUST_CHECK;
void source_fini(struct source *s);

struct lexer {
	const struct source *source;
	struct intern *names;
	uint32_t mode;
	const char *p;     /* the next byte */
	const char *end;   /* of the text */
	const char *start; /* of the token that lexer_next gave last */
	uint32_t line;     /* ends of line passed in the clean text */
	size_t note;       /* notes passed, for the number of the line */
	bool header_names; /* a '<' begins a TOKEN_HEADER where there is a '>' in the line */
	/* what was met since whoever set it to false */
	bool met_odd_name;       /* what may be a name, or a name and something else: \u1234,
				    or a character that is no plain letter beside a name */
	bool met_cut_raw_string; /* a raw string that ends on another line */
};

void lexer_init(struct lexer *l, const struct source *s, struct intern *names, uint32_t mode);

/* Behind white space and comments, over ends of line inside of comments. True: there were some. */
bool lexer_skip_white(struct lexer *l);

/*
 * The next token of this line, TOKEN_END at its end (which is not passed). 0, -ENOMEM, -E2BIG.
 */
int lexer_next(struct lexer *l, struct token *ret) MUST_CHECK;

/* Behind the string or character constant whose opening quote p points to; raw: it is R"(…)". */
const char *lexer_behind_quote(const struct lexer *l, const char *p);
const char *lexer_behind_raw_string(struct lexer *l, const char *quote);

/* Behind the pp-number that begins at p. */
const char *lexer_behind_number(const struct lexer *l, const char *p);

/* From here to the end of the line, which is not passed; comments are. */
void lexer_skip_line(struct lexer *l);

/* Pass the end of the line; false at the end of the text. */
bool lexer_pass_line(struct lexer *l);

/* The number of the line, in the file as it is on disk, that at is on; at is on the line of p. */
uint32_t lexer_line_number(struct lexer *l, const char *at);

/* One spelling that stands for one token: 0 and *ret, or 1 where it is none or several. */
int lexer_one_token(struct intern *names, uint32_t mode, const char *text, size_t len,
	struct token *ret) MUST_CHECK;

/*
 * The length of the character beyond ASCII at p, or of the byte where it is none; *ret_letter: it is
 * part of a name to every compiler that takes any such.
 */
size_t lexer_wide_character(const char *p, const char *end, bool *ret_letter);

/* Behind the name that p begins; p itself where none does. */
const char *lexer_behind_name(const struct lexer *l, const char *p);

/* Bytes of names, for whoever goes through text by himself. */
extern const unsigned char lexer_class[256];
enum { LEXER_NAME_START = 1, LEXER_NAME = 2, LEXER_BLANK = 4, LEXER_DIGIT = 8 };
