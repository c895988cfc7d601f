/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What a compiler's language settings change in how text is cut into tokens and directives. Two
 * commands of equal mode reduce a file to the same directives, so the mode is part of that cache's
 * key. Each bit is found by asking the compiler (scan/facts_probe.c), never from its version.
 *
 * Line comments where the bit is not set (gcc with -std=c89 and -ansi): "//" is two operators in a
 * directive, in a skipped group, and in front of a '*', and an error elsewhere; but in a system
 * header it is a comment all the same. clang -std=c89 -c takes it for a comment (the bit is set).
 * #elifdef where the bit is not set is text of a skipped group as any unknown directive is.
 */
enum scan_mode {
	SCAN_MODE_CLANG = 1 << 0,         /* clang's rules where the two differ; else gcc's */
	SCAN_MODE_CXX = 1 << 1,           /* "and", "bitor", … are operators and not names */
	SCAN_MODE_ASM = 1 << 2,           /* assembler with cpp */
	SCAN_MODE_LINE_COMMENTS = 1 << 3, /* "//" */
	SCAN_MODE_TRIGRAPHS = 1 << 4,
	SCAN_MODE_DIGRAPHS = 1 << 5,
	SCAN_MODE_RAW_STRINGS = 1 << 6,       /* R"x(…)x" */
	SCAN_MODE_UNICODE_STRINGS = 1 << 7,   /* u"", U"", u'', U'' */
	SCAN_MODE_UTF8_STRINGS = 1 << 8,      /* u8"" */
	SCAN_MODE_UTF8_CHARACTERS = 1 << 9,   /* u8'' */
	SCAN_MODE_DIGIT_SEPARATORS = 1 << 10, /* 1'000 */
	SCAN_MODE_USER_LITERALS = 1 << 11,    /* "x"_km is one token */
	SCAN_MODE_ELIFDEF = 1 << 12,          /* #elifdef and #elifndef are directives */
	SCAN_MODE_TRUE = 1 << 13,             /* "true" is 1 in #if */
	SCAN_MODE_DOLLARS = 1 << 14,          /* '$' may be in a name */
	SCAN_MODE_EMBED = 1 << 15,            /* #embed */
	SCAN_MODE_MODULES = 1 << 16,          /* "import" and "module" lines mean something */
	SCAN_MODE_SLASHES_STAR = 1 << 17, /* clang's C90: what begins with "//" is a comment, but
						 not with "//" and a star */
	SCAN_MODE_UTF8_NAMES = 1 << 18,   /* letters beyond ASCII may be in a name */
	SCAN_MODE_MICROSOFT = 1 << 19,    /* __pragma(), #@, 1i64 */
	SCAN_MODE_LATE_OPTIONS = 1 << 20, /* #pragma GCC target and optimize change no macro: g++
					     acts on them when all text has been read */
};
