/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cc/split.h"
#include "cc/text_operator.h"

/*
 * Looking for a dozen words in megabytes of preprocessed text, in one pass.
 *
 * Each word is known by a piece of PIECE bytes. The scan looks at the two bytes in which a piece
 * would end, hashes them, and a table tells how far ahead the next piece may end: PIECE - 1 bytes
 * for most pairs, less for pairs that occur in a piece, nothing for those that end one. Only then
 * is the piece compared, and its handler looks at what stands around it. Handlers err on the side
 * of finding: a mention in a comment or a string costs a local compile, a miss costs a wrong one.
 *
 * "#pragma GCC target" and "optimize" are the one place where that would cost too much, since
 * <immintrin.h> is full of them, between push_options and pop_options. gcc's own headers read no
 * macro there that the pragma changes (only __OPTIMIZE__, which target leaves alone), so pragmas
 * in a system header (flag 3 of the line marker) under .../gcc.../include/ do not count. Compiled
 * from preprocessed text such a unit gives the same object: tests/oracle compiles one both ways.
 */

enum { PIECE = 6, HASHES = 4096 };

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

/* Is a directive's '#', '%:' or trigraph before p? With a comment between, it is taken for granted.
 */
static bool behind_hash(const struct scan *s, const char *p)
{
	while (p > s->text && (is_blank(p[-1]) || p[-1] == '\\' || p[-1] == '\n'))
		p--;
	if (p == s->text)
		return false;
	return p[-1] == '#' || (p[-1] == '/' && s->directives_only) ||
	       (p - 1 > s->text &&
		       ((p[-1] == ':' && p[-2] == '%') || (p[-1] == '=' && p[-2] == '?')));
}

static bool at_line_start(const struct scan *s, const char *p)
{
	while (p > s->text && is_blank(p[-1]))
		p--;
	return p == s->text || p[-1] == '\n';
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
	const char *p, *what;

	if (!whole_word(s, at, at + PIECE) || !behind_hash(s, at))
		return;
	p = take_word(s, skip_blanks(s, at + PIECE), "GCC");
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
	if (at > s->text && at[-1] == '.')
		s->found |= CC_TEXT_INCBIN;
}

/* ".include" of the assembler: in a string, so the file's name opens with \" or follows it. */
static void found_asm_include(struct scan *s, const char *at)
{
	const char *p = at + strlen("include");

	if (at == s->text || at[-1] != '.' || (size_t)(s->end - at) < strlen("include") ||
		p[-1] != 'e')
		return;
	while (p < s->end && is_blank(*p))
		p++;
	if (p < s->end && (*p == '\\' || *p == '"'))
		s->found |= CC_TEXT_INCBIN;
}

/* "import NAME;", "import <…>;", "@import NAME;", at the start of a line or behind export. */
static void found_import(struct scan *s, const char *at)
{
	const char *start = at, *p = at + PIECE;

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
	const char *from = at, *to = at + PIECE;

	while (from > s->text && is_word_char(from[-1]))
		from--;
	while (to < s->end && is_word_char(*to))
		to++;
	static const char *const macros[] = {"__COUNTER__", "__DATE__", "__TIME__", "__TIMESTAMP__",
		"__BASE_FILE__", "__INCLUDE_LEVEL__"};

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
		memcmp(at, column, PIECE) == 0)
		s->found |= CC_TEXT_NOT_PLAIN;
}

static void found_operator(struct scan *s, const char *at)
{
	s->operators = true;
}

static const struct piece {
	char text[PIECE + 1];
	bool directives_only;
	piece_handler *found;
} pieces[] = {
	{"pragma", false, found_pragma},
	{"incbin", false, found_incbin},
	{"includ", false, found_asm_include},
	{"import", false, found_import},
	{"module", false, found_import},
	{"source", false, found_column},
	{"COLUMN", false, found_column},
	{"embed ", false, found_embed},
	{"embed\t", false, found_embed},
	{"embed<", false, found_embed},
	{"embed\"", false, found_embed},
	{"COUNTE", true, found_macro},
	{"_DATE_", true, found_macro},
	{"_TIME_", true, found_macro},
	{"MESTAM", true, found_macro},
	{"SE_FIL", true, found_macro},
	{"E_LEVE", true, found_macro},
	{"Pragma", true, found_operator},
	{"__prag", true, found_operator},
};

static unsigned hash(const char *p)
{
	return ((unsigned char)p[0] * 37U + (unsigned char)p[1] * 263U) % HASHES;
}

static void build_skips(unsigned char skip[HASHES], bool directives_only)
{
	memset(skip, PIECE - 1, HASHES);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		if (pieces[i].directives_only && !directives_only)
			continue;
		for (size_t k = 0; k + 1 < PIECE; k++) {
			unsigned char *p = &skip[hash(pieces[i].text + k)];

			*p = (unsigned char)MIN(*p, PIECE - 2 - k);
		}
	}
}

static void try_pieces(struct scan *s, const char *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		if ((s->directives_only || !pieces[i].directives_only) &&
			memcmp(at, pieces[i].text, PIECE) == 0)
			pieces[i].found(s, at);
}

unsigned cc_text_scan(const char *text, size_t n, bool directives_only)
{
	struct scan s = {.text = text, .end = text + n, .directives_only = directives_only};
	unsigned char skip[HASHES];

	if (n < PIECE)
		return 0;
	build_skips(skip, directives_only);
	for (size_t i = PIECE - 2; i + 1 < n;) {
		unsigned ahead = skip[hash(text + i)];

		if (ahead == 0) {
			try_pieces(&s, text + i - (PIECE - 2));
			ahead = 1;
		}
		i += ahead;
	}
	if (s.operators && !(s.found & CC_TEXT_NEEDS_FULL) && text_operator_live(text, n))
		s.found |= CC_TEXT_NEEDS_FULL;
	return s.found;
}
