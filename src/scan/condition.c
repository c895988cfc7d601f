/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "scan/unit.h"

/*
 * #if: the value of an expression, in the compiler's 64-bit arithmetic. Tokens are pulled out of
 * the expander one by one, so that "defined" takes its name before it is expanded. All operands
 * are read, also those that do not count (their errors do not count either).
 */

struct number {
	uint64_t v;
	bool u; /* unsigned */
};

struct parser {
	struct scanner *s;
	struct token t; /* the next one */
	uint32_t skip;  /* > 0: what is evaluated does not count */
	uint32_t depth;
	bool wrong;
};

static int advance(struct parser *p)
{
	p->s->skip_eval = p->skip > 0;
	return expand_next(p->s, &p->t);
}

static bool is(const struct parser *p, uint16_t c)
{
	return p->t.kind == TOKEN_PUNCTUATOR && p->t.arg == c;
}

static void refuse(struct parser *p)
{
	p->wrong = true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return 99;
}

static bool suffix(const char *p, size_t n, bool *ret_unsigned)
{
	unsigned u = 0, l = 0, z = 0;

	for (size_t i = 0; i < n; i++) {
		u += (p[i] | 32) == 'u';
		l += (p[i] | 32) == 'l';
		z += (p[i] | 32) == 'z';
		if ((p[i] | 32) == 'l' && l == 2 && p[i] != p[i - 1])
			return false; /* only side by side, and both of one case */
		if (!strchr("uUlLzZ", p[i]))
			return false;
	}
	*ret_unsigned = u > 0;
	return u <= 1 && l <= 2 && z <= 1;
}

static bool integer(const char *p, size_t n, struct number *ret)
{
	int base = 10;
	uint64_t v = 0;
	bool any = false, u = false;
	size_t i = 0;

	if (n > 1 && p[0] == '0' && ((p[1] | 32) == 'x' || (p[1] | 32) == 'b')) {
		base = (p[1] | 32) == 'x' ? 16 : 2;
		i = 2;
	} else if (p[0] == '0') {
		base = 8;
	}
	for (; i < n; i++) {
		if (p[i] == '\'')
			continue;
		if (digit(p[i]) >= (base == 16 ? 16 : 10))
			break;
		if (digit(p[i]) >= base)
			return false;
		v = v * (unsigned)base + (unsigned)digit(p[i]);
		any = true;
	}
	if (!any || !suffix(p + i, n - i, &u))
		return false;
	*ret = (struct number){v, u || v > INT64_MAX};
	return true;
}

/* One character of a constant, escapes done; *escaped: it is a value and not a code point. */
static uint32_t one_character(const char **at, const char *end, bool *escaped)
{
	static const char from[] = "abfnrtveE";
	static const char to[] = "\a\b\f\n\r\t\v\033\033";
	const char *p = *at;
	const char *known;
	uint32_t v = 0;
	int max;

	*escaped = *p == '\\' && p + 1 < end;
	if (!*escaped) {
		*at = p + 1;
		return (unsigned char)*p;
	}
	p++;
	known = strchr(from, *p);
	if (*p == 'x') {
		for (p++; p < end && digit(*p) < 16; p++)
			v = v * 16 + (unsigned)digit(*p);
	} else if (*p >= '0' && *p <= '7') {
		for (max = 3; max > 0 && p < end && *p >= '0' && *p <= '7'; max--, p++)
			v = v * 8 + (unsigned)(*p - '0');
	} else if (*p == 'u' || *p == 'U') {
		max = *p == 'u' ? 4 : 8;
		for (p++; max > 0 && p < end && digit(*p) < 16; max--, p++)
			v = v * 16 + (unsigned)digit(*p);
		*escaped = false;
	} else {
		v = (unsigned char)(known && *p ? to[known - from] : *p);
		p++;
	}
	*at = p;
	return v;
}

/* The rest of a UTF-8 sequence that began with v. */
static uint32_t code_point(uint32_t v, const char **at, const char *end)
{
	int more = v >= 0xf0 ? 3 : v >= 0xe0 ? 2 : v >= 0xc0 ? 1 : 0;

	v &= more == 3 ? 7u : more == 2 ? 15u : more == 1 ? 31u : 0xffu;
	for (; more > 0 && *at < end; more--)
		v = v << 6 | ((unsigned char)*(*at)++ & 63u);
	return v;
}

static int64_t sign_extend(uint64_t v, unsigned width)
{
	uint64_t bit = UINT64_C(1) << (width - 1);

	v &= bit * 2 - 1;
	return (int64_t)((v ^ bit) - bit);
}

/* 'x', 'abcd', L'x', u'x', U'x', u8'x'. */
static bool character(struct scanner *s, const char *text, size_t len, struct number *ret)
{
	const char *p = memchr(text, '\'', len);
	const char *end = text + len - 1;
	char prefix = p == text ? 0 : *text;
	bool utf8 = p - text == 2;
	unsigned width = prefix == 'L' ? (s->short_wide ? 16 : 32) : prefix == 'U' ? 32 : 16;
	uint64_t v = 0;
	unsigned n = 0;

	if (!p || p + 1 >= end)
		return false;
	s->asked = true; /* its value is the compiler's: -funsigned-char */
	for (p++; p < end; n++) {
		bool escaped;
		uint32_t c = one_character(&p, end, &escaped);

		if (prefix && !utf8)
			v = escaped ? c : code_point(c, &p, end);
		else
			v = v << 8 | (c & 0xff);
	}
	if (prefix && !utf8) {
		ret->u = prefix == 'L' ? s->unsigned_wide : true;
		ret->v =
			ret->u ? v & ((UINT64_C(1) << width) - 1) : (uint64_t)sign_extend(v, width);
		return true;
	}
	/* Several: an int, signed to gcc; to clang as signed as a char. u8'' is a char of C++,
	 * but an unsigned one of C. */
	width = n > 1 ? 32 : 8;
	ret->u = n > 1 ? s->clang && s->unsigned_char
		       : s->unsigned_char || (utf8 && !(s->mode & SCAN_MODE_CXX));
	ret->v = ret->u ? v & ((UINT64_C(1) << width) - 1) : (uint64_t)sign_extend(v, width);
	if (n > 1 && ret->u)
		ret->v = v & 0xffffffff;
	return true;
}

static int parse_defined(struct parser *p, struct number *ret)
{
	const struct macro *m = NULL;
	bool paren;
	int e;

	p->s->prevent++;
	e = advance(p);
	paren = e == 0 && is(p, '(');
	if (paren)
		e = advance(p);
	if (e == 0 && p->t.kind == TOKEN_NAME)
		e = unit_read(p->s, p->t.id, &m);
	else
		refuse(p);
	if (e == 0 && paren) {
		e = advance(p);
		if (e == 0 && !is(p, ')'))
			refuse(p);
	}
	p->s->prevent--;
	*ret = (struct number){.v = m != NULL};
	return e != 0 ? e : advance(p);
}

static int expression(struct parser *p, int least, struct number *ret) MUST_CHECK;

static int parse_name(struct parser *p, struct number *ret)
{
	const struct scanner *s = p->s;

	if (p->t.id == s->maker.words.defined)
		return parse_defined(p, ret);
	*ret = (struct number){0};
	if ((s->mode & SCAN_MODE_TRUE) && str_eq(intern_text(&s->names, p->t.id), "true"))
		ret->v = 1;
	return advance(p);
}

static int unary(struct parser *p, struct number *ret)
{
	uint16_t operator= p->t.arg;
	int e;

	if (++p->depth > UNIT_NESTED_MAX)
		return unit_unknown(p->s, "an #if nested more than %d deep", UNIT_NESTED_MAX);
	e = advance(p);
	if (e == 0)
		e = operator== '(' ? expression(p, 0, ret) : expression(p, 99, ret);
	if (e != 0)
		return e;
	p->depth--;
	switch (operator) {
	case '(':
		if (!is(p, ')')) {
			refuse(p);
			return 0;
		}
		return advance(p);
	case '-':
		ret->v = -ret->v;
		break;
	case '~':
		ret->v = ~ret->v;
		break;
	case '!':
		*ret = (struct number){.v = !ret->v};
		break;
	default:
		break;
	}
	return 0;
}

static int primary(struct parser *p, struct number *ret)
{
	struct scanner *s = p->s;
	const char *text = intern_text(&s->names, p->t.id);
	size_t len = intern_len(&s->names, p->t.id);
	bool good = false;

	*ret = (struct number){0};
	switch (p->t.kind) {
	case TOKEN_NAME:
		return parse_name(p, ret);
	case TOKEN_NUMBER:
		good = integer(text, len, ret);
		if (!good && (s->mode & SCAN_MODE_MICROSOFT))
			return unit_unknown(s, "%s in #if", text);
		break;
	case TOKEN_CHARACTER:
		good = text[len - 1] == '\'' && character(s, text, len, ret);
		break;
	case TOKEN_PUNCTUATOR:
		if (strchr("(-~!+", p->t.arg < 256 ? p->t.arg : '?') && p->t.arg < 256)
			return unary(p, ret);
		if (p->t.arg == '#')
			return unit_unknown(p->s, "an assertion in #if");
		break;
	default:
		break;
	}
	if (!good) {
		refuse(p);
		return 0;
	}
	return advance(p);
}

/* How tightly a binary operator binds; -1: it is none. */
static int binding(const struct parser *p)
{
	if (p->t.kind != TOKEN_PUNCTUATOR)
		return -1;
	switch (p->t.arg) {
	case ',':
		return 1;
	case '?':
		return 2;
	case PUNCTUATOR_OR:
		return 3;
	case PUNCTUATOR_AND:
		return 4;
	case '|':
		return 5;
	case '^':
		return 6;
	case '&':
		return 7;
	case PUNCTUATOR_EQ:
	case PUNCTUATOR_NE:
		return 8;
	case '<':
	case '>':
	case PUNCTUATOR_LE:
	case PUNCTUATOR_GE:
		return 9;
	case PUNCTUATOR_SHL:
	case PUNCTUATOR_SHR:
		return 10;
	case '+':
	case '-':
		return 11;
	case '*':
	case '/':
	case '%':
		return 12;
	default:
		return -1;
	}
}

/* A negative count shifts the other way (gcc), or as far as can be (clang). */
static struct number shift(const struct scanner *s, struct number a, struct number b, bool left)
{
	uint64_t n = b.v;
	bool negative = !a.u && (int64_t)a.v < 0;

	if (!b.u && (int64_t)b.v < 0 && !s->clang) {
		left = !left;
		n = -n;
	}
	/* It has an int for a count to the right. */
	if (s->clang && !left)
		n = MIN(n & UINT32_MAX, (uint64_t)63);
	if (left)
		a.v = n >= 64 ? 0 : a.v << n;
	else if (n >= 64)
		a.v = negative ? UINT64_MAX : 0;
	else
		a.v = negative ? ~(~a.v >> n) : a.v >> n;
	return a;
}

static struct number divide(struct parser *p, struct number a, struct number b, bool rest)
{
	bool u = a.u || b.u;

	if (b.v == 0) {
		if (p->skip == 0)
			refuse(p);
		return (struct number){0, u};
	}
	if (u)
		return (struct number){rest ? a.v % b.v : a.v / b.v, true};
	if (b.v == UINT64_MAX) /* -1 */
		return (struct number){rest ? 0 : -a.v, false};
	return (struct number){
		(uint64_t)(rest ? (int64_t)a.v % (int64_t)b.v : (int64_t)a.v / (int64_t)b.v),
		false};
}

static bool less(struct number a, struct number b)
{
	return a.u || b.u ? a.v < b.v : (int64_t)a.v < (int64_t)b.v;
}

static struct number compute(struct parser *p, uint16_t operator, struct number a, struct number b)
{
	bool u = a.u || b.u;

	switch (operator) {
	case ',':
		return b;
	case '|':
		return (struct number){a.v | b.v, u};
	case '^':
		return (struct number){a.v ^ b.v, u};
	case '&':
		return (struct number){a.v & b.v, u};
	case PUNCTUATOR_EQ:
		return (struct number){a.v == b.v, false};
	case PUNCTUATOR_NE:
		return (struct number){a.v != b.v, false};
	case '<':
		return (struct number){less(a, b), false};
	case '>':
		return (struct number){less(b, a), false};
	case PUNCTUATOR_LE:
		return (struct number){!less(b, a), false};
	case PUNCTUATOR_GE:
		return (struct number){!less(a, b), false};
	case PUNCTUATOR_SHL:
		return shift(p->s, a, b, true);
	case PUNCTUATOR_SHR:
		return shift(p->s, a, b, false);
	case '+':
		return (struct number){a.v + b.v, u};
	case '-':
		return (struct number){a.v - b.v, u};
	case '*':
		return (struct number){a.v * b.v, u};
	default:
		return divide(p, a, b, operator== '%');
	}
}

/* Behind '?'. */
static int choice(struct parser *p, struct number *left)
{
	struct number yes, no;
	bool taken = left->v != 0;
	int e;

	p->skip += !taken;
	e = advance(p);
	if (e == 0)
		e = expression(p, 0, &yes);
	p->skip -= !taken;
	if (e != 0)
		return e;
	if (!is(p, ':')) {
		refuse(p);
		return 0;
	}
	p->skip += taken;
	e = advance(p);
	if (e == 0)
		e = expression(p, 2, &no);
	p->skip -= taken;
	if (e == 0)
		*left = (struct number){taken ? yes.v : no.v, yes.u || no.u};
	return e;
}

static int logical(struct parser *p, struct number *left, uint16_t operator, int binds)
{
	bool decided = operator== PUNCTUATOR_AND ? left->v == 0 : left->v != 0;
	struct number right;
	int e;

	p->skip += decided;
	e = advance(p);
	if (e == 0)
		e = expression(p, binds + 1, &right);
	p->skip -= decided;
	if (e == 0)
		*left = (struct number){decided ? left->v != 0 : right.v != 0, false};
	return e;
}

static int expression(struct parser *p, int least, struct number *ret)
{
	struct number left;
	int e;

	if (++p->depth > UNIT_NESTED_MAX * 2)
		return unit_unknown(p->s, "an #if nested more than %d deep", UNIT_NESTED_MAX);
	e = primary(p, &left);
	while (e == 0 && !p->wrong) {
		uint16_t operator= p->t.arg;
		int binds = binding(p);
		struct number right;

		if (binds < 0 || binds < least)
			break;
		if (operator== '?') {
			e = choice(p, &left);
		} else if (operator== PUNCTUATOR_AND || operator== PUNCTUATOR_OR) {
			e = logical(p, &left, operator, binds);
		} else {
			e = advance(p);
			if (e == 0)
				e = expression(p, binds + 1, &right);
			if (e == 0)
				left = compute(p, operator, left, right);
		}
	}
	p->depth--;
	*ret = left;
	return e;
}

int condition_value(struct scanner *s, const struct token *tokens, bool *ret)
{
	struct parser p = {.s = s};
	struct number n = {0};
	int e = expand_begin(s, tokens);

	if (e == 0)
		e = advance(&p);
	if (e == 0)
		e = expression(&p, 0, &n);
	if (e == 0 && (p.wrong || p.t.kind != TOKEN_END)) {
		unit_reject(s);
		n.v = 0;
	}
	expand_end(s);
	*ret = n.v != 0;
	return e;
}
