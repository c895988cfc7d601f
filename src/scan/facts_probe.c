/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/facts_probe.h"

#include <errno.h>

#include "scan/facts.h"

/*
 * Each probe is text that is no error whichever way it is read, and that comes out as one of two
 * texts. Three kinds of trick:
 *
 *	#if that is true one way and false the other: "#if not - 1" is 0 - 1 in C, !(-1) in C++
 *	a comment that is opened one way only: R"x("/X)x", X for a star, and the definition behind
 *	it is read or not (see raw strings, digit separators)
 *	a macro named as a prefix or suffix of a literal, which is replaced if it is a token of its
 *	own: with "#define u8 0 *", the text u8"x" comes out as u8"x" or as 0 * "x"
 *
 * Among the answers are some that are known: 1, 0, arithmetic, an expansion, and an attribute that
 * every compiler has and one that none has.
 */

struct probe {
	const char *before; /* lines in front of the answer */
	const char *cond;   /* of the #if; NULL: text */
	const char *text;
	const char *yes, *no; /* what text comes out as, without blanks */
	const char *after;
	uint32_t bit; /* enum scan_mode; 0: the answer must be yes */
};

#define PREFIXES "#define u 0 *\n#define u8 0 *\n"
#define NO_PREFIXES "#undef u\n#undef u8\n"

static const struct probe probes[] = {
	{.cond = "1"},
	{.cond = "7 / 2 == 3 && -1 > 0u && !0"},
	{.before = "#define scan_known 42\n",
		.text = "scan_known",
		.yes = "42",
		.no = "42",
		.after = "#undef scan_known\n"},
	{.before = "#ifdef __has_attribute\n#if __has_attribute(aligned) && "
		   "!__has_attribute(scan_no_such_attribute)\n#define scan_true 1\n#endif\n#else\n"
		   "#define scan_true 1\n#endif\n",
		.cond = "defined(scan_true)",
		.after = "#undef scan_true\n"},
	{.cond = "2 == 4 //**/ 2", .bit = SCAN_MODE_LINE_COMMENTS},
	{.cond = "'?"
		 "?(' == '['",
		.bit = SCAN_MODE_TRIGRAPHS},
	{.before = "#if 0\n%:else\n#define scan_true 1\n#endif\n",
		.cond = "defined(scan_true)",
		.after = "#undef scan_true\n",
		.bit = SCAN_MODE_DIGRAPHS},
	{.before = "#define scan_raw R\"x(\"/*)x\"\n#define scan_true 1\n/**/\n#undef scan_raw\n",
		.cond = "defined(scan_true)",
		.after = "#undef scan_true\n",
		.bit = SCAN_MODE_RAW_STRINGS},
	{.before = PREFIXES,
		.text = "u\"x\"",
		.yes = "u\"x\"",
		.no = "0*\"x\"",
		.after = NO_PREFIXES,
		.bit = SCAN_MODE_UNICODE_STRINGS},
	{.before = PREFIXES,
		.text = "u8\"x\"",
		.yes = "u8\"x\"",
		.no = "0*\"x\"",
		.after = NO_PREFIXES,
		.bit = SCAN_MODE_UTF8_STRINGS},
	{.before = PREFIXES,
		.text = "u8'x'",
		.yes = "u8'x'",
		.no = "0*'x'",
		.after = NO_PREFIXES,
		.bit = SCAN_MODE_UTF8_CHARACTERS},
	{.before = "#define scan_digits 1'0/*'0\n#define scan_false 1\n/**/\n#undef scan_digits\n",
		.cond = "!defined(scan_false)",
		.after = "#undef scan_false\n",
		.bit = SCAN_MODE_DIGIT_SEPARATORS},
	{.before = "#define _scan_km 1\n",
		.text = "\"x\"_scan_km",
		.yes = "\"x\"_scan_km",
		.no = "\"x\"1",
		.after = "#undef _scan_km\n",
		.bit = SCAN_MODE_USER_LITERALS},
	{.before = "#if 0\n#elifdef __scan_no_such\n#elifndef __scan_no_such\n#define scan_true 1\n"
		   "#endif\n",
		.cond = "defined(scan_true)",
		.after = "#undef scan_true\n",
		.bit = SCAN_MODE_ELIFDEF},
	{.cond = "true", .bit = SCAN_MODE_TRUE},
	{.before = "#define scan_money 1\n",
		.text = "scan_money$",
		.yes = "scan_money$",
		.no = "1$",
		.after = "#undef scan_money\n",
		.bit = SCAN_MODE_DOLLARS},
	/* as a string: in text gcc writes a letter as \\U000000e9 */
	{.before = "#define scan_letter 1\n#define scan_string(x) #x\n"
		   "#define scan_expanded(x) scan_string(x)\n",
		.text = "scan_expanded(scan_letter\xc3\xa9)",
		.yes = "\"scan_letter\xc3\xa9\"",
		.no = "\"1\xc3\xa9\"",
		.after = "#undef scan_letter\n#undef scan_string\n#undef scan_expanded\n",
		.bit = SCAN_MODE_UTF8_NAMES},
	{.cond = "defined(__has_embed)", .bit = SCAN_MODE_EMBED},
	{.cond = "defined(__pragma)", .bit = SCAN_MODE_MICROSOFT},
	{.cond = "defined(__cpp_modules) || (defined(__clang__) && defined(__cplusplus) && "
		 "__cplusplus > 201703L)",
		.bit = SCAN_MODE_MODULES},
	/* Under -E, with which probes are run, it never changes any; seen of compiles by g++ 12. */
	{.cond = "defined(__cplusplus) && defined(__GNUC__) && !defined(__clang__) && "
		 "__GNUC__ < 13",
		.bit = SCAN_MODE_LATE_OPTIONS},
	{.cond = "not - 1 == 0", .bit = SCAN_MODE_CXX},
};

/* Does it expand its operand? operand: one that it says other than 0 to. */
static const struct {
	enum scan_special special;
	const char *operand;
} expansions[] = {
	{SCAN_SPECIAL_HAS_ATTRIBUTE, "aligned"},
	{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "deprecated"},
	{SCAN_SPECIAL_HAS_C_ATTRIBUTE, "deprecated"},
	{SCAN_SPECIAL_HAS_BUILTIN, "__builtin_expect"},
	{SCAN_SPECIAL_HAS_CONSTEXPR_BUILTIN, "__builtin_fmax"},
	{SCAN_SPECIAL_HAS_FEATURE, "attribute_deprecated_with_message"},
	{SCAN_SPECIAL_HAS_EXTENSION, "attribute_deprecated_with_message"},
	{SCAN_SPECIAL_HAS_DECLSPEC_ATTRIBUTE, "noreturn"},
	{SCAN_SPECIAL_IS_IDENTIFIER, "scan_no_keyword"},
};

const char *const scan_special_names[SCAN_SPECIAL_COUNT] = {
	[SCAN_SPECIAL_LINE] = "__LINE__",
	[SCAN_SPECIAL_FILE] = "__FILE__",
	[SCAN_SPECIAL_BASE_FILE] = "__BASE_FILE__",
	[SCAN_SPECIAL_FILE_NAME] = "__FILE_NAME__",
	[SCAN_SPECIAL_INCLUDE_LEVEL] = "__INCLUDE_LEVEL__",
	[SCAN_SPECIAL_COUNTER] = "__COUNTER__",
	[SCAN_SPECIAL_DATE] = "__DATE__",
	[SCAN_SPECIAL_TIME] = "__TIME__",
	[SCAN_SPECIAL_TIMESTAMP] = "__TIMESTAMP__",
	[SCAN_SPECIAL_PRAGMA] = "_Pragma",
	[SCAN_SPECIAL_HAS_INCLUDE] = "__has_include",
	[SCAN_SPECIAL_HAS_INCLUDE_NEXT] = "__has_include_next",
	[SCAN_SPECIAL_HAS_EMBED] = "__has_embed",
	[SCAN_SPECIAL_HAS_ATTRIBUTE] = "__has_attribute",
	[SCAN_SPECIAL_HAS_CPP_ATTRIBUTE] = "__has_cpp_attribute",
	[SCAN_SPECIAL_HAS_C_ATTRIBUTE] = "__has_c_attribute",
	[SCAN_SPECIAL_HAS_BUILTIN] = "__has_builtin",
	[SCAN_SPECIAL_HAS_CONSTEXPR_BUILTIN] = "__has_constexpr_builtin",
	[SCAN_SPECIAL_HAS_FEATURE] = "__has_feature",
	[SCAN_SPECIAL_HAS_EXTENSION] = "__has_extension",
	[SCAN_SPECIAL_HAS_WARNING] = "__has_warning",
	[SCAN_SPECIAL_HAS_DECLSPEC_ATTRIBUTE] = "__has_declspec_attribute",
	[SCAN_SPECIAL_IS_IDENTIFIER] = "__is_identifier",
	[SCAN_SPECIAL_IS_TARGET_ARCH] = "__is_target_arch",
	[SCAN_SPECIAL_IS_TARGET_VENDOR] = "__is_target_vendor",
	[SCAN_SPECIAL_IS_TARGET_OS] = "__is_target_os",
	[SCAN_SPECIAL_IS_TARGET_ENVIRONMENT] = "__is_target_environment",
	[SCAN_SPECIAL_IS_TARGET_VARIANT_OS] = "__is_target_variant_os",
	[SCAN_SPECIAL_IS_TARGET_VARIANT_ENVIRONMENT] = "__is_target_variant_environment",
	[SCAN_SPECIAL_BUILDING_MODULE] = "__building_module",
};

static int add_condition(struct buf *b, size_t *n, const char *cond)
{
	int r = buf_printf(b,
		"#if %s\nscan_begin_%zu 1 scan_end_%zu\n#else\nscan_begin_%zu 0 scan_end_%zu\n"
		"#endif\n",
		cond, *n, *n, *n, *n);

	++*n;
	return r;
}

static int add_probe(struct buf *b, size_t *n, const struct probe *p)
{
	int r = p->before ? buf_append_str(b, p->before) : 0;

	if (r == 0 && p->cond)
		r = add_condition(b, n, p->cond);
	else if (r == 0) {
		r = buf_printf(b, "scan_begin_%zu %s scan_end_%zu\n", *n, p->text, *n);
		++*n;
	}
	return r == 0 && p->after ? buf_append_str(b, p->after) : r;
}

/* 1: it expands; 0: it does not; 2: it cannot be told. */
static int add_expansion(struct buf *b, size_t *n, enum scan_special special, const char *operand)
{
	const char *name = scan_special_names[special];
	bool identifier = special == SCAN_SPECIAL_IS_IDENTIFIER;
	int r = buf_printf(b,
		"#define scan_alias %s\n#ifdef %s\n#if %s(%s)\n#if %s(scan_alias)\n"
		"#define scan_value %d\n#else\n#define scan_value %d\n#endif\n#endif\n#endif\n"
		"#ifndef scan_value\n#define scan_value 2\n#endif\n"
		"scan_begin_%zu scan_value scan_end_%zu\n#undef scan_value\n#undef scan_alias\n",
		identifier ? "int" : operand, name, name, operand, name, !identifier, identifier,
		*n, *n);

	++*n;
	return r;
}

int facts_probe_text(struct buf *text, size_t *ret_answers)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(probes); i++)
		r = add_probe(text, &n, &probes[i]);
	for (size_t i = 0; r == 0 && i < SCAN_SPECIAL_COUNT; i++) {
		r = buf_printf(
			text, "#ifdef %s\n#define scan_true 1\n#endif\n", scan_special_names[i]);
		if (r == 0)
			r = add_condition(text, &n, "defined(scan_true)");
		if (r == 0)
			r = buf_append_str(text, "#undef scan_true\n");
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(expansions); i++)
		r = add_expansion(text, &n, expansions[i].special, expansions[i].operand);
	*ret_answers = n;
	return r == -E2BIG ? -ENOMEM : r;
}

/* 1 or 0; -1: neither. */
static int yes_or_no(const struct probe *p, const char *answer)
{
	if (str_eq(answer, p->cond ? "1" : p->yes))
		return 1;
	return str_eq(answer, p->cond ? "0" : p->no) ? 0 : -1;
}

static bool read_probes(const struct strv *answers, size_t *i, struct facts_probed *p)
{
	for (size_t k = 0; k < ARRAY_SIZE(probes); k++) {
		int yes = yes_or_no(&probes[k], answers->v[(*i)++]);

		if (yes < 0 || (!yes && !probes[k].bit))
			return false;
		if (yes)
			p->mode |= probes[k].bit;
	}
	/* Asked the other way round. */
	p->mode ^= SCAN_MODE_LINE_COMMENTS;
	return true;
}

static bool read_specials(const struct strv *answers, size_t *i, struct facts_probed *p)
{
	for (size_t k = 0; k < SCAN_SPECIAL_COUNT; k++) {
		const char *a = answers->v[(*i)++];

		if (!str_eq(a, "0") && !str_eq(a, "1"))
			return false;
		p->specials |= (uint64_t)(a[0] - '0') << k;
	}
	return true;
}

/* Where it cannot be told it is as with the versions that were looked at. */
static bool expands_by_default(enum scan_special special, enum cc_family family)
{
	switch (special) {
	case SCAN_SPECIAL_HAS_ATTRIBUTE:
	case SCAN_SPECIAL_HAS_CPP_ATTRIBUTE:
	case SCAN_SPECIAL_HAS_C_ATTRIBUTE:
	case SCAN_SPECIAL_HAS_DECLSPEC_ATTRIBUTE:
		return true;
	default:
		return family == CC_FAMILY_GCC && special >= SCAN_SPECIAL_HAS_ATTRIBUTE;
	}
}

static bool read_expansions(
	const struct strv *answers, size_t *i, enum cc_family family, struct facts_probed *p)
{
	for (size_t k = 0; k < SCAN_SPECIAL_COUNT; k++)
		if (expands_by_default((enum scan_special)k, family))
			p->expands |= UINT64_C(1) << k;
	for (size_t k = 0; k < ARRAY_SIZE(expansions); k++) {
		uint64_t bit = UINT64_C(1) << expansions[k].special;
		const char *a = answers->v[(*i)++];

		if (!str_eq(a, "0") && !str_eq(a, "1") && !str_eq(a, "2"))
			return false;
		if (a[0] == '1')
			p->expands |= bit;
		else if (a[0] == '0')
			p->expands &= ~bit;
	}
	p->expands &= p->specials;
	return true;
}

bool facts_probe_read(const struct strv *answers, enum cc_family family, enum cc_language language,
	struct facts_probed *ret)
{
	struct facts_probed p = {.mode = 0};
	size_t i = 0;

	if (answers->n != ARRAY_SIZE(probes) + SCAN_SPECIAL_COUNT + ARRAY_SIZE(expansions) ||
		!read_probes(answers, &i, &p) || !read_specials(answers, &i, &p) ||
		!read_expansions(answers, &i, family, &p))
		return false;
	if (language == CC_LANGUAGE_ASM_CPP)
		p.mode |= SCAN_MODE_ASM;
	if (family == CC_FAMILY_CLANG) {
		p.mode |= SCAN_MODE_CLANG;
		/*
		 * Where "//" is no comment of the language, clang takes it for one all the same
		 * when it compiles (but for a first one that goes on as a block comment would),
		 * and only when it is asked to preprocess for none.
		 */
		if (language != CC_LANGUAGE_ASM_CPP && !(p.mode & SCAN_MODE_LINE_COMMENTS))
			p.mode |= SCAN_MODE_LINE_COMMENTS | SCAN_MODE_SLASHES_STAR;
	}
	*ret = p;
	return true;
}
