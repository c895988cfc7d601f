/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/lexer.h"

const unsigned char lexer_class[256] = {
	4,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	4,
	0,
	4,
	4,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	4,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	10,
	10,
	10,
	10,
	10,
	10,
	10,
	10,
	10,
	10,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	0,
	0,
	0,
	0,
	3,
	0,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	0,
	0,
	0,
	0,
	0,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
	3,
};

static unsigned class_of(char c)
{
	return lexer_class[(unsigned char)c];
}

void lexer_init(struct lexer *l, const struct source *s, struct intern *names, uint32_t mode)
{
	*l = (struct lexer){
		.source = s,
		.names = names,
		.mode = mode,
		.p = s->text,
		.end = s->text + s->len,
	};
}

static bool is_blank(const struct lexer *l, const char *p)
{
	return (class_of(*p) & LEXER_BLANK) && p < l->end;
}

static bool is_line_end(const struct lexer *l, const char *p)
{
	return *p == '\n' || p >= l->end;
}

/* p is at the "/" of a block comment: behind it, or the end of the text. */
static const char *behind_comment(struct lexer *l, const char *p)
{
	for (p += 2; p < l->end; p++) {
		if (*p == '\n')
			l->line++;
		else if (*p == '*' && p[1] == '/')
			return p + 2;
	}
	return l->end;
}

bool lexer_skip_white(struct lexer *l)
{
	const char *start = l->p;

	for (;;) {
		while (is_blank(l, l->p))
			l->p++;
		if (*l->p != '/')
			break;
		if (l->p[1] == '*') {
			l->p = behind_comment(l, l->p);
		} else if (l->p[1] == '/' && (l->mode & SCAN_MODE_LINE_COMMENTS) &&
			   !(l->p[2] == '*' && (l->mode & SCAN_MODE_SLASHES_STAR))) {
			const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));

			l->p = nl ? nl : l->end;
		} else {
			break;
		}
	}
	return l->p != start;
}

const char *lexer_behind_quote(const struct lexer *l, const char *p)
{
	char quote = *p++;

	for (; p < l->end && *p != '\n'; p++) {
		if (*p == quote)
			return p + 1;
		if (*p == '\\' && p + 1 < l->end && p[1] != '\n')
			p++;
	}
	return p;
}

/* Where a place in the clean text is in the original, and the other way round. */
static const struct source_note *note_before(const struct source *s, size_t off, bool original)
{
	size_t lo = 0, hi = s->n_notes;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if ((original ? s->notes[mid].original : s->notes[mid].clean) <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? &s->notes[lo - 1] : NULL;
}

static size_t to_original(const struct source *s, size_t clean)
{
	const struct source_note *n = note_before(s, clean, false);

	return n ? n->original + (clean - n->clean) : clean;
}

static size_t to_clean(const struct source *s, size_t original)
{
	const struct source_note *n = note_before(s, original, true);

	return n ? n->clean + (original - n->original) : original;
}

/* From the quote to where behind is in the clean text, over ends of line. */
static const char *pass(struct lexer *l, const char *quote, const char *behind_original)
{
	const struct source *s = l->source;
	const char *behind = s->text + to_clean(s, (size_t)(behind_original - s->original));

	for (const char *c = quote; c < behind; c++) {
		if (*c == '\n') {
			l->line++;
			l->met_cut_raw_string = true;
		}
	}
	return behind;
}

/*
 * R"delimiter( … )delimiter": nothing in it is spliced or replaced, so it is looked for in the
 * original. A delimiter that is none makes it an ordinary string (and an error, to the compiler);
 * in a skipped group clang goes on to the next quote then, wherever that is.
 */
const char *lexer_behind_raw_string(struct lexer *l, const char *quote)
{
	const struct source *s = l->source;
	const char *o = s->original + to_original(s, (size_t)(quote - s->text)) + 1;
	const char *o_end = s->original + s->original_len;
	const char *delimiter = o;
	const char *p;
	size_t n;

	while (o < o_end && o - delimiter <= 16 && !strchr(" ()\\\t\v\f\n\r\"", *o))
		o++;
	n = (size_t)(o - delimiter);
	if (o >= o_end || *o != '(' || n > 16) {
		if (!(l->mode & SCAN_MODE_CLANG))
			return lexer_behind_quote(l, quote);
		p = memchr(delimiter, '"', (size_t)(o_end - delimiter));
		return p ? pass(l, quote, p + 1) : l->end;
	}
	for (p = o + 1;; p++) {
		p = memchr(p, ')', (size_t)(o_end - p));
		if (!p)
			return l->end;
		if ((size_t)(o_end - p) >= n + 2 && memcmp(p + 1, delimiter, n) == 0 &&
			p[1 + n] == '"')
			break;
	}
	return pass(l, quote, p + n + 2);
}

/* The length of the string prefix that [p, p+n) is, when a quote follows; -1: it is none. */
static bool is_prefix(const struct lexer *l, const char *p, size_t n, char quote, bool *ret_raw)
{
	bool raw = n > 0 && p[n - 1] == 'R' && quote == '"' && (l->mode & SCAN_MODE_RAW_STRINGS);

	*ret_raw = raw;
	if (raw)
		n--;
	switch (n) {
	case 0:
		return raw;
	case 1:
		return *p == 'L' ||
		       ((*p == 'u' || *p == 'U') && (l->mode & SCAN_MODE_UNICODE_STRINGS));
	case 2:
		return p[0] == 'u' && p[1] == '8' &&
		       (l->mode &
			       (quote == '"' ? SCAN_MODE_UTF8_STRINGS : SCAN_MODE_UTF8_CHARACTERS));
	default:
		return false;
	}
}

static int make(struct lexer *l, const char *start, const char *behind, enum token_kind kind,
	struct token *t)
{
	t->kind = (uint8_t)kind;
	l->p = behind;
	return intern_add(l->names, start, (size_t)(behind - start), &t->id);
}

static int quoted(struct lexer *l, const char *start, const char *quote, bool raw, struct token *t)
{
	const char *behind = raw ? lexer_behind_raw_string(l, quote) : lexer_behind_quote(l, quote);
	enum token_kind kind = *quote == '"' ? TOKEN_STRING : TOKEN_CHARACTER;

	if (behind - quote < 2 || behind[-1] != *quote)
		kind = TOKEN_OTHER;
	else if (l->mode & SCAN_MODE_USER_LITERALS)
		if (class_of(*behind) & LEXER_NAME_START)
			while (class_of(*behind) & LEXER_NAME)
				behind++;
	return make(l, start, behind, kind, t);
}

static const struct {
	const char *name;
	int means;
} named_operators[] = {
	{"and", PUNCTUATOR_AND},
	{"and_eq", PUNCTUATOR_OTHER},
	{"bitand", '&'},
	{"bitor", '|'},
	{"compl", '~'},
	{"not", '!'},
	{"not_eq", PUNCTUATOR_NE},
	{"or", PUNCTUATOR_OR},
	{"or_eq", PUNCTUATOR_OTHER},
	{"xor", '^'},
	{"xor_eq", PUNCTUATOR_OTHER},
};

static void named_operator(const char *p, size_t n, struct token *t)
{
	if (!strchr("abcnox", *p) || n > 6)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(named_operators); i++) {
		if (strlen(named_operators[i].name) == n &&
			memcmp(named_operators[i].name, p, n) == 0) {
			t->kind = TOKEN_PUNCTUATOR;
			t->flags |= TOKEN_SPELLED;
			t->arg = (uint16_t)named_operators[i].means;
		}
	}
}

/*
 * Letters of names to C99, C11, C++98, C++11 and later alike, so that it does not matter whose rules
 * a compiler follows. Anything else is taken for no part of a name, and nobody relies on it: see
 * met_odd_name, and expand.c.
 */
static const struct {
	uint32_t first, last;
} letters[] = {
	{0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x131}, /* Latin */
	{0x391, 0x3a1}, {0x3a3, 0x3ce},            /* Greek */
	{0x410, 0x44f},                            /* Cyrillic */
	{0x3041, 0x3093}, {0x30a1, 0x30f6},        /* Kana */
	{0x4e00, 0x9fa5},                          /* Han */
	{0xac00, 0xd7a3},                          /* Hangul */
};

size_t lexer_wide_character(const char *p, const char *end, bool *ret_letter)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	uint32_t code = n == 2 ? c & 31u : c & 15u;

	*ret_letter = false;
	if (n == 1 || (size_t)(end - p) < n)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | ((unsigned char)p[i] & 63u);
	}
	for (size_t i = 0; i < ARRAY_SIZE(letters) && n < 4; i++)
		if (code >= letters[i].first && code <= letters[i].last)
			*ret_letter = true;
	return n;
}

const char *lexer_behind_name(const struct lexer *l, const char *p)
{
	bool dollars = l->mode & SCAN_MODE_DOLLARS;

	for (;;) {
		bool letter;
		size_t n;

		while (((class_of(*p) & LEXER_NAME) && !(*p & 0x80)) || (*p == '$' && dollars))
			p++;
		if (!(*p & 0x80) || !(l->mode & SCAN_MODE_UTF8_NAMES))
			return p;
		n = lexer_wide_character(p, l->end, &letter);
		if (!letter)
			return p;
		p += n;
	}
}

/* A character beyond ASCII that begins no name. */
static int odd(struct lexer *l, const char *start, struct token *t)
{
	bool letter;
	const char *p = start + lexer_wide_character(start, l->end, &letter);

	if (class_of(*p) & LEXER_NAME)
		l->met_odd_name = true;
	return make(l, start, p, TOKEN_OTHER, t);
}

static int name(struct lexer *l, const char *start, struct token *t)
{
	const char *p = lexer_behind_name(l, start);
	bool raw;
	int r;

	if (p == start)
		return odd(l, start, t);
	if (*p & 0x80)
		l->met_odd_name = true;
	if (*p == '\\' && (p[1] == 'u' || p[1] == 'U')) {
		/* One token that nobody here can compare with others. */
		l->met_odd_name = true;
		while ((class_of(*p) & LEXER_NAME) || (*p == '\\' && (p[1] == 'u' || p[1] == 'U')))
			p++;
		return make(l, start, p, TOKEN_OTHER, t);
	}
	if ((*p == '"' || *p == '\'') && is_prefix(l, start, (size_t)(p - start), *p, &raw))
		return quoted(l, start, p, raw, t);
	r = make(l, start, p, TOKEN_NAME, t);
	if (r == 0 && (l->mode & SCAN_MODE_CXX))
		named_operator(start, (size_t)(p - start), t);
	return r;
}

const char *lexer_behind_number(const struct lexer *l, const char *p)
{
	for (;;) {
		if (strchr("eEpP", *p) && *p && (p[1] == '+' || p[1] == '-'))
			p += 2;
		else if ((class_of(*p) & LEXER_NAME) || *p == '.' ||
			 (*p == '$' && (l->mode & SCAN_MODE_DOLLARS)))
			p++;
		else if (*p == '\'' && (l->mode & SCAN_MODE_DIGIT_SEPARATORS) &&
			 (class_of(p[1]) & LEXER_NAME))
			p += 2;
		else
			return p;
	}
}

static int number(struct lexer *l, const char *start, struct token *t)
{
	return make(l, start, lexer_behind_number(l, start), TOKEN_NUMBER, t);
}

/* Longest first. Those of no use in any directive are there so that they are one token. */
static const struct {
	char text[5];
	short means;
	uint32_t mode; /* only in these */
} punctuators[] = {
	{"%:%:", PUNCTUATOR_PASTE, SCAN_MODE_DIGRAPHS},
	{"...", PUNCTUATOR_ELLIPSIS, 0},
	{"<<=", PUNCTUATOR_OTHER, 0},
	{">>=", PUNCTUATOR_OTHER, 0},
	{"->*", PUNCTUATOR_OTHER, SCAN_MODE_CXX},
	{"==", PUNCTUATOR_EQ, 0},
	{"!=", PUNCTUATOR_NE, 0},
	{"<=", PUNCTUATOR_LE, 0},
	{">=", PUNCTUATOR_GE, 0},
	{"&&", PUNCTUATOR_AND, 0},
	{"||", PUNCTUATOR_OR, 0},
	{"<<", PUNCTUATOR_SHL, 0},
	{">>", PUNCTUATOR_SHR, 0},
	{"##", PUNCTUATOR_PASTE, 0},
	{"%:", '#', SCAN_MODE_DIGRAPHS},
	{"<:", '[', SCAN_MODE_DIGRAPHS},
	{":>", ']', SCAN_MODE_DIGRAPHS},
	{"<%", '{', SCAN_MODE_DIGRAPHS},
	{"%>", '}', SCAN_MODE_DIGRAPHS},
	{"::", PUNCTUATOR_SCOPE, SCAN_MODE_CXX},
	{".*", PUNCTUATOR_OTHER, SCAN_MODE_CXX},
	{"->", PUNCTUATOR_OTHER, 0},
	{"++", PUNCTUATOR_OTHER, 0},
	{"--", PUNCTUATOR_OTHER, 0},
	{"+=", PUNCTUATOR_OTHER, 0},
	{"-=", PUNCTUATOR_OTHER, 0},
	{"*=", PUNCTUATOR_OTHER, 0},
	{"/=", PUNCTUATOR_OTHER, 0},
	{"%=", PUNCTUATOR_OTHER, 0},
	{"&=", PUNCTUATOR_OTHER, 0},
	{"|=", PUNCTUATOR_OTHER, 0},
	{"^=", PUNCTUATOR_OTHER, 0},
};

static int punctuator(struct lexer *l, const char *start, struct token *t)
{
	unsigned char c = (unsigned char)*start;

	t->arg = c;
	if (strchr("(),;?~", c))
		return make(l, start, start + 1, TOKEN_PUNCTUATOR, t);
	/* "<::" is "<" "::" in C++11, unless ":" or ">" follows */
	if ((l->mode & SCAN_MODE_CXX) && strncmp(start, "<::", 3) == 0 && start[3] != ':' &&
		start[3] != '>')
		return make(l, start, start + 1, TOKEN_PUNCTUATOR, t);
	for (size_t i = 0; i < ARRAY_SIZE(punctuators); i++) {
		size_t n = strlen(punctuators[i].text);

		if (punctuators[i].text[0] != *start || strncmp(start, punctuators[i].text, n) != 0)
			continue;
		if (punctuators[i].mode && !(l->mode & punctuators[i].mode))
			continue;
		t->arg = (uint16_t)punctuators[i].means;
		if (punctuators[i].mode & SCAN_MODE_DIGRAPHS)
			t->flags |= TOKEN_SPELLED;
		return make(l, start, start + n, TOKEN_PUNCTUATOR, t);
	}
	return make(l, start, start + 1,
		strchr("!#%&*+-./:<=>[]^{|}", c) ? TOKEN_PUNCTUATOR : TOKEN_OTHER, t);
}

static const char *header_name_end(const struct lexer *l, const char *p)
{
	for (p++; p < l->end && *p != '\n'; p++)
		if (*p == '>')
			return p + 1;
	return NULL;
}

int lexer_next(struct lexer *l, struct token *ret)
{
	struct token t = {0};
	const char *p;
	int r;

	if (lexer_skip_white(l))
		t.flags = TOKEN_WHITE | TOKEN_SPACE;
	p = l->start = l->p;
	if (is_line_end(l, p)) {
		t.kind = TOKEN_END;
		*ret = t;
		return 0;
	}
	if (class_of(*p) & LEXER_NAME_START || (*p == '$' && (l->mode & SCAN_MODE_DOLLARS))) {
		r = name(l, p, &t);
	} else if ((class_of(*p) & LEXER_DIGIT) || (*p == '.' && (class_of(p[1]) & LEXER_DIGIT))) {
		r = number(l, p, &t);
	} else if (*p == '"' || *p == '\'') {
		r = quoted(l, p, p, false, &t);
	} else if (*p == '<' && l->header_names && header_name_end(l, p)) {
		r = make(l, p, header_name_end(l, p), TOKEN_HEADER, &t);
	} else {
		if (*p == '\\' && (p[1] == 'u' || p[1] == 'U'))
			l->met_odd_name = true;
		r = punctuator(l, p, &t);
	}
	if (r == 0)
		*ret = t;
	return r;
}

void lexer_skip_line(struct lexer *l)
{
	for (;;) {
		const char *p;

		lexer_skip_white(l);
		p = l->p;
		if (is_line_end(l, p))
			return;
		if (*p == '"' || *p == '\'')
			l->p = lexer_behind_quote(l, p);
		else if (class_of(*p) & LEXER_DIGIT)
			l->p = lexer_behind_number(l, p);
		else if (class_of(*p) & LEXER_NAME_START)
			while (class_of(*l->p) & LEXER_NAME)
				l->p++;
		else
			l->p++;
	}
}

bool lexer_pass_line(struct lexer *l)
{
	if (l->p >= l->end)
		return false;
	l->p++;
	l->line++;
	return true;
}

uint32_t lexer_line_number(struct lexer *l, const char *at)
{
	const struct source *s = l->source;
	uint32_t off = (uint32_t)(at - s->text);

	while (l->note < s->n_notes && s->notes[l->note].clean <= off)
		l->note++;
	return 1 + l->line + (l->note > 0 ? s->notes[l->note - 1].lines : 0);
}

int lexer_one_token(
	struct intern *names, uint32_t mode, const char *text, size_t len, struct token *ret)
{
	const struct source s = {.text = text, .len = len, .original = text, .original_len = len};
	struct lexer l;
	int r;

	lexer_init(&l, &s, names, mode);
	if (lexer_skip_white(&l))
		return 1; /* "/" pasted to "/" or "*" */
	r = lexer_next(&l, ret);
	return r != 0 ? r : l.p != l.end || ret->kind == TOKEN_END;
}
