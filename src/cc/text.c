/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cc/split.h"
#include "cc/text_operator.h"

/*
 * Looking for a dozen words in megabytes of preprocessed text, in one pass.
 *
 * Each word is known by pieces of PIECE bytes. The scan looks at the GRAM bytes in which a piece
 * would end, hashes them, and a table tells how far ahead the next piece may end: five bytes for
 * most, less for those that occur in a piece, nothing for those that end one. Only then are the
 * pieces compared, and the handler looks at what stands around the word. Handlers err on the side
 * of finding: a mention in a comment or a string costs a local compile, a miss costs a wrong one.
 *
 * "#pragma GCC target" and "optimize" are the one place where that would cost too much, since
 * <immintrin.h> is full of them, between push_options and pop_options. gcc's own headers read no
 * macro there that the pragma changes (only __OPTIMIZE__, which target leaves alone), so pragmas
 * in a system header (flag 3 of the line marker) under .../gcc.../include/ do not count. Compiled
 * from preprocessed text such a unit gives the same object: tests/oracle compiles one both ways.
 */

enum { PIECE = 7, GRAM = 3, HASH_BITS = 12 };

struct scan {
	const char *text;
	const char *end;
	bool directives_only;
	const char *marker;  /* the last line marker before what was asked for, or NULL */
	const char *scanned; /* how far markers were looked for */
	unsigned found;
	bool operators; /* there is a _Pragma somewhere */
};

/* at points to the piece in the text. */
typedef void piece_handler(struct scan *s, const char *at);

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\f' || c == '\v' || c == '\r';
}

/* Behind blanks, comments on one or more lines, and spliced line ends. */
static const char *skip_blanks(const struct scan *s, const char *p)
{
	while (p < s->end) {
		if (is_blank(*p)) {
			p++;
		} else if (*p == '\\') {
			const char *q = p + 1;

			while (q < s->end && is_blank(*q))
				q++;
			if (q == s->end || *q != '\n')
				return p;
			p = q + 1;
		} else if (s->end - p >= 2 && p[0] == '/' && p[1] == '*') {
			const char *close = memmem(p + 2, (size_t)(s->end - p - 2), "*/", 2);

			if (!close)
				return s->end;
			p = close + 2;
		} else {
			break;
		}
	}
	return p;
}

/* If the word at p is word, what follows it and its blanks; else NULL. */
static const char *take_word(const struct scan *s, const char *p, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return NULL;
	if (p + n < s->end && is_word_char(p[n]))
		return NULL;
	return skip_blanks(s, p + n);
}

static bool at_line_start(const struct scan *s, const char *p)
{
	while (p > s->text && is_blank(p[-1]))
		p--;
	return p == s->text || p[-1] == '\n';
}

/* Behind blanks, does a comment or a spliced line end before p? */
static bool ends_comment_or_splice(const struct scan *s, const char *p)
{
	while (p > s->text && is_blank(p[-1]))
		p--;
	return p > s->text && (p[-1] == '/' || p[-1] == '\n');
}

/*
 * Is a directive's '#', '%:' or trigraph before p? With a comment between, it is taken for granted;
 * a '#' with something else than blanks or a comment before it on its line is none.
 */
static bool behind_hash(const struct scan *s, const char *p)
{
	while (p > s->text && (is_blank(p[-1]) || p[-1] == '\\' || p[-1] == '\n'))
		p--;
	if (p == s->text)
		return false;
	if (p[-1] == '#')
		return at_line_start(s, p - 1) || ends_comment_or_splice(s, p - 1);
	return (p[-1] == '/' && s->directives_only) ||
	       (p - 1 > s->text &&
		       ((p[-1] == ':' && p[-2] == '%') || (p[-1] == '=' && p[-2] == '?')));
}

static bool whole_word(const struct scan *s, const char *from, const char *to)
{
	return (from == s->text || !is_word_char(from[-1])) && (to >= s->end || !is_word_char(*to));
}

/* The last line marker at or before p. */
static const char *marker_before(struct scan *s, const char *p)
{
	if (!s->scanned) {
		s->scanned = s->text;
		if (s->end - s->text > 2 && s->text[0] == '#' && s->text[1] == ' ')
			s->marker = s->text;
	}
	while (s->scanned < p) {
		const char *hit = memmem(s->scanned, (size_t)(p - s->scanned), "\n# ", 3);

		if (!hit) {
			s->scanned = p - MIN(p - s->scanned, 2);
			break;
		}
		if (hit + 3 < s->end && hit[3] >= '0' && hit[3] <= '9')
			s->marker = hit + 1;
		s->scanned = hit + 3;
	}
	return s->marker;
}

/* # LINE "…/gcc…/include/NAME" … 3 …: one of the compiler's own headers. */
static bool in_compiler_header(struct scan *s, const char *p)
{
	const char *marker = marker_before(s, p), *eol, *open, *close, *include, *gcc;

	if (!marker)
		return false;
	eol = memchr(marker, '\n', (size_t)(s->end - marker));
	open = eol ? memchr(marker, '"', (size_t)(eol - marker)) : NULL;
	close = open ? memrchr(open + 1, '"', (size_t)(eol - open - 1)) : NULL;
	if (!close || !memmem(close, (size_t)(eol - close), " 3", 2))
		return false;
	include = memrchr(open, '/', (size_t)(close - open));
	if (!include || include - open < 8 || memcmp(include - 8, "/include", 8) != 0)
		return false;
	gcc = memmem(open, (size_t)(include - open), "/gcc/", 5);
	return gcc != NULL;
}

static void found_pragma(struct scan *s, const char *at)
{
	const char *p, *what, *behind = at + strlen("pragma");

	if (!whole_word(s, at, behind) || !behind_hash(s, at))
		return;
	p = take_word(s, skip_blanks(s, behind), "GCC");
	if (!p)
		return;
	if ((what = take_word(s, p, "pch_preprocess")) || (what = take_word(s, p, "dependency")))
		s->found |= CC_TEXT_NOT_PLAIN;
	else if ((take_word(s, p, "target") || take_word(s, p, "optimize")) &&
		 !in_compiler_header(s, at))
		s->found |= CC_TEXT_PRAGMA_TARGET;
}

static void found_incbin(struct scan *s, const char *at)
{
	s->found |= CC_TEXT_INCBIN;
}

/* ".include" of the assembler: in a string, so the file's name opens with \" or follows it. */
static void found_asm_include(struct scan *s, const char *at)
{
	const char *p = at + strlen("include");

	if ((size_t)(s->end - at) < strlen("include") || p[-1] != 'e')
		return;
	while (p < s->end && is_blank(*p))
		p++;
	if (p < s->end && (*p == '\\' || *p == '"'))
		s->found |= CC_TEXT_INCBIN;
}

/* "import NAME;", "import <…>;", "@import NAME;", at the start of a line or behind export. */
static void found_import(struct scan *s, const char *at)
{
	const char *start = at, *p = at + strlen("import");

	if (at > s->text && at[-1] == '@') {
		s->found |= CC_TEXT_NOT_PLAIN;
		return;
	}
	while (start > s->text && is_blank(start[-1]))
		start--;
	if (start - s->text >= 6 && start < at && memcmp(start - 6, "export", 6) == 0)
		start -= 6;
	else
		start = at;
	if (!at_line_start(s, start) || (p < s->end && is_word_char(*p)))
		return;
	p = skip_blanks(s, p);
	if (p < s->end && (*p == '<' || *p == '"' || *p == ':')) {
		s->found |= CC_TEXT_NOT_PLAIN;
		return;
	}
	if (*at == 'm' && p < s->end && *p == ';') {
		s->found |= CC_TEXT_NOT_PLAIN;
		return;
	}
	if (p == s->end || !is_word_char(*p))
		return;
	while (p < s->end && (is_word_char(*p) || *p == '.' || *p == ':'))
		p++;
	p = skip_blanks(s, p);
	if (p < s->end && (*p == ';' || *p == '['))
		s->found |= CC_TEXT_NOT_PLAIN;
}

/* #embed: left in the text by some compilers, to be carried out where it is compiled. */
static void found_embed(struct scan *s, const char *at)
{
	if (behind_hash(s, at))
		s->found |= s->directives_only ? CC_TEXT_NEEDS_FULL : CC_TEXT_NOT_PLAIN;
}

static void found_macro(struct scan *s, const char *at)
{
	static const char *const macros[] = {"__COUNTER__", "__DATE__", "__TIME__", "__TIMESTAMP__",
		"__BASE_FILE__", "__INCLUDE_LEVEL__"};
	const char *from = at, *to = at + PIECE;

	while (from > s->text && is_word_char(from[-1]))
		from--;
	while (to < s->end && is_word_char(*to))
		to++;

	for (size_t i = 0; i < ARRAY_SIZE(macros); i++)
		if (strlen(macros[i]) == (size_t)(to - from) &&
			memcmp(macros[i], from, (size_t)(to - from)) == 0)
			s->found |= CC_TEXT_NEEDS_FULL;
}

/* std::source_location and its like. With -fdirectives-only the columns are right. */
static void found_column(struct scan *s, const char *at)
{
	static const char location[] = "source_location", column[] = "COLUMN";
	size_t left = (size_t)(s->end - at);

	if (s->directives_only || at - s->text < 10 || memcmp(at - 10, "__builtin_", 10) != 0)
		return;
	if ((left >= strlen(location) && memcmp(at, location, strlen(location)) == 0) ||
		(left >= strlen(column) && memcmp(at, column, strlen(column)) == 0))
		s->found |= CC_TEXT_NOT_PLAIN;
}

static void found_operator(struct scan *s, const char *at)
{
	s->operators = true;
}

/* word: where the handler's word begins in the piece. */
static const struct piece {
	char text[PIECE + 1];
	unsigned char word;
	bool directives_only;
	piece_handler *found;
} pieces[] = {
	{"#pragma", 1, false, found_pragma},
	{" pragma", 1, false, found_pragma},
	{"\tpragma", 1, false, found_pragma},
	{"\fpragma", 1, false, found_pragma},
	{"\vpragma", 1, false, found_pragma},
	{"\npragma", 1, false, found_pragma}, /* behind a spliced line */
	{"/pragma", 1, false, found_pragma},  /* behind a comment */
	{":pragma", 1, false, found_pragma},
	{"=pragma", 1, false, found_pragma},
	{".incbin", 1, false, found_incbin},
	{".includ", 1, false, found_asm_include},
	{"\nimport", 1, false, found_import},
	{" import", 1, false, found_import},
	{"\timport", 1, false, found_import},
	{"@import", 1, false, found_import},
	{"\nmodule", 1, false, found_import},
	{" module", 1, false, found_import},
	{"\tmodule", 1, false, found_import},
	{"n_sourc", 2, false, found_column},
	{"_COLUMN", 1, false, found_column},
	{"#embed ", 1, false, found_embed},
	{"#embed\t", 1, false, found_embed},
	{"#embed<", 1, false, found_embed},
	{"#embed\"", 1, false, found_embed},
	{" embed ", 1, false, found_embed},
	{" embed<", 1, false, found_embed},
	{" embed\"", 1, false, found_embed},
	{"\tembed ", 1, false, found_embed},
	{"COUNTER", 0, true, found_macro},
	{"__DATE_", 0, true, found_macro},
	{"__TIME_", 0, true, found_macro},
	{"TIMESTA", 0, true, found_macro},
	{"BASE_FI", 0, true, found_macro},
	{"DE_LEVE", 0, true, found_macro},
	{"_Pragma", 0, true, found_operator},
	{"_pragma", 0, true, found_operator},
};

/* Cheap above all: the next probe waits for it. */
static unsigned hash(const char *p)
{
	return (unsigned)(unsigned char)p[0] ^ (unsigned)(unsigned char)p[1] << 2 ^
	       (unsigned)(unsigned char)p[2] << 4;
}

static void build_skips(unsigned char skip[1 << HASH_BITS], bool directives_only)
{
	memset(skip, PIECE - GRAM + 1, 1 << HASH_BITS);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (pieces[i].directives_only && !directives_only)
			continue;
		for (size_t k = 0; k + GRAM <= PIECE; k++) {
			unsigned char *p = &skip[hash(pieces[i].text + k)];

			*p = (unsigned char)MIN(*p, PIECE - GRAM - k);
		}
	}
}

static void try_pieces(struct scan *s, const char *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		if (memcmp(at, pieces[i].text, PIECE) == 0 &&
			(s->directives_only || !pieces[i].directives_only))
			pieces[i].found(s, at + pieces[i].word);
}

static void scan_pieces(struct scan *s)
{
	unsigned char skip[1 << HASH_BITS];
	size_t n = (size_t)(s->end - s->text);

	build_skips(skip, s->directives_only);
	for (size_t i = PIECE - GRAM; i + GRAM <= n;) {
		unsigned ahead = skip[hash(s->text + i)];

		if (ahead == 0) {
			try_pieces(s, s->text + i - (PIECE - GRAM));
			ahead = 1;
		}
		i += ahead;
	}
}

unsigned cc_text_scan(const char *text, size_t n, bool directives_only)
{
	struct scan s = {.text = text, .end = text + n, .directives_only = directives_only};

	if (n >= 6 && (memcmp(text, "import", 6) == 0 || memcmp(text, "module", 6) == 0))
		found_import(&s, text);
	scan_pieces(&s);
	if (s.operators && !(s.found & CC_TEXT_NEEDS_FULL) && text_operator_live(text, n))
		s.found |= CC_TEXT_NEEDS_FULL;
	return s.found;
}
