/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cc/pragmas.h"
#include "cc/split.h"

enum {
	TARGET = CC_TEXT_PRAGMA_TARGET,
	FULL = CC_TEXT_NEEDS_FULL,
	INCBIN = CC_TEXT_INCBIN,
	PLAIN = CC_TEXT_NOT_PLAIN,
};

#define GCC_H "# 30 \"/usr/lib/gcc/x86_64-linux-gnu/12/include/avx2intrin.h\" 3 4\n"
#define USER_H "# 3 \"src/x.h\" 2\n"

static const struct {
	const char *text;
	unsigned plain, directives; /* flags expected in either mode */
} scans[] = {
	{"", 0, 0},
	{"int x;\n", 0, 0},
	{"#pragma GCC target(\"avx2\")\n", TARGET, TARGET},
	{"#pragma GCC optimize(\"O3\")\n", TARGET, TARGET},
	{"int a;\n#pragma GCC target \"avx2\"\n", TARGET, TARGET},
	{"int a;\n  #  pragma\tGCC   optimize 3\n", TARGET, TARGET},
	{"%:pragma GCC target(\"avx\")\n", TARGET, TARGET},
	{"?\?=pragma GCC target(\"avx\")\n", TARGET, TARGET},
	{"#\\\npragma GCC target(\"avx\")\n", TARGET, TARGET},
	{"#pragma GCC \\\n target(\"avx\")\n", TARGET, TARGET},
	{"#pragma /* x */ GCC /* y\n */ target(\"avx\")\n", TARGET, TARGET},
	{"# /* x */ pragma GCC target(\"avx\")\n", 0, TARGET},
	{"#pragma GCC push_options\n#pragma GCC pop_options\n", 0, 0},
	{"#pragma GCC targets\n#pragma GCC diagnostic push\n#pragma omp target\n", 0, 0},
	{"int pragma_GCC_target; #pragmas GCC target\n", 0, 0},
	{GCC_H "#pragma GCC push_options\n#pragma GCC target(\"avx2\")\n", 0, 0},
	{GCC_H "int x;\n" USER_H "#pragma GCC target(\"avx2\")\n", TARGET, TARGET},
	{USER_H GCC_H "#pragma GCC target(\"avx2\")\n" USER_H "int x;\n", 0, 0},
	{"# 1 \"/usr/lib/gcc/x/include/a.h\" 1\n#pragma GCC target(\"avx2\")\n", TARGET, TARGET},
	{"# 1 \"/home/gcc/src/a.h\" 3\n#pragma GCC target(\"avx2\")\n", TARGET, TARGET},
	{"#pragma GCC pch_preprocess \"x\"\n", PLAIN, PLAIN},
	{"asm(\".incbin \\\"x\\\"\");\n", INCBIN, INCBIN},
	{"asm(\".include \\\"x\\\"\");\n", INCBIN, INCBIN},
	{"asm(\".include \" \"\\\"x\\\"\");\n", INCBIN, INCBIN},
	{"x.include = y; int incbin; s.includes \"\"\n", 0, 0},
	{"import foo;\n", PLAIN, PLAIN},
	{"  export import :part;\n", PLAIN, PLAIN},
	{"import <vector>;\nint x;", PLAIN, PLAIN},
	{"@import Foundation;\n", PLAIN, PLAIN},
	{"module;\n", PLAIN, PLAIN},
	{"export module a.b:c;\n", PLAIN, PLAIN},
	{"module a [[x]];\n", PLAIN, PLAIN},
	{"import = 3; import(x); int import; imports x; f(import a);\n", 0, 0},
	{"import->x = 1;\nmodule *m;\nmodule_init(x);\nmodule = y;\nextern module x;\n", 0, 0},
	{"#embed \"x\"\n", PLAIN, FULL},
	{"# embed <x>\nint embedded;\n", PLAIN, FULL},
	{"int embed ;\n", 0, 0},
	{"auto l = __builtin_source_location();\n", PLAIN, 0},
	{"int c = __builtin_COLUMN();\n", PLAIN, 0},
	{"struct source_location; int COLUMN; __builtin_source;\n", 0, 0},
	{"int x = __COUNTER__;\n", 0, FULL},
	{"__DATE__", 0, FULL},
	{"#define T __TIME__\n", 0, FULL},
	{"char *t = __TIMESTAMP__;\n", 0, FULL},
	{"__BASE_FILE__ ", 0, FULL},
	{"(__INCLUDE_LEVEL__)", 0, FULL},
	{"X__COUNTER__ __COUNTER__X __DATE__s __TIME __TIMER__ INCLUDE_LEVEL\n", 0, 0},
	{"_Pragma(\"once\")\n", 0, FULL},
	{"#define P _Pragma(\"GCC diagnostic push\")\n", 0, 0},
};

static void test_scan(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scans); i++) {
		size_t n = strlen(scans[i].text);
		char *exact = malloc(n ? n : 1); /* so that a sanitizer sees any step beyond */
		unsigned plain, directives;

		assert_non_null(exact);
		memcpy(exact, scans[i].text, n);
		plain = cc_text_scan(exact, n, false);
		directives = cc_text_scan(exact, n, true);
		free(exact);
		if (plain != scans[i].plain || directives != scans[i].directives)
			fail_msg("%s: %u %u", scans[i].text, plain, directives);
	}
}

/* Wherever a word stands in a long text, and whatever stands before it, it is found. */
static void test_scan_offsets(void **state)
{
	static const char word[] = "\n#pragma GCC target(\"avx2\")\n";
	char text[256];

	for (size_t at = 0; at + sizeof(word) <= sizeof(text); at++) {
		for (const char *fill = " pragmx_"; *fill; fill++) {
			memset(text, *fill, sizeof(text));
			memcpy(text + at, word, sizeof(word) - 1);
			assert_int_equal(cc_text_scan(text, sizeof(text), false), TARGET);
		}
	}
}

static const struct {
	const char *source;
	bool loses;
} sources[] = {
	{"", false},
	{"int x;\n", false},
	{"#pragma once\n#  pragma GCC diagnostic push\n#pragma STDC FP_CONTRACT ON\n", false},
	{"#pragma omp parallel for\n#pragma\n#pragma pack(push, 1)\n", false},
	{"#pragma GCC system_header", false},
	{"#pragma push_macro(\"X\")\n", true},
	{"# pragma\tpop_macro(\"X\")\n", true},
	{"#pragma message \"x\"\n", true},
	{"#pragma redefine_extname a b\n", true},
	{"#pragma GCC frobnicate\n", true},
	{"#pragma something\n", true},
	{"#pragma /* */ once\n", true},
	{"#pragma \\\n once\n", true},
	{"#/**/pragma push_macro(\"X\")\n", true},
	{"%:pragma push_macro(\"X\")\n", true},
	{"/* the pragma push_macro is not used */ int my_pragma, pragmas;\n", false},
};

static void test_sources(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (cc_source_loses_pragmas(sources[i].source, strlen(sources[i].source)) !=
			sources[i].loses)
			fail_msg("%s", sources[i].source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_offsets),
		cmocka_unit_test(test_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
