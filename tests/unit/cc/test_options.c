/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cc/options.h"

static void test_sorted(void **state)
{
	for (size_t i = 1; i < cc_option_table_size; i++)
		if (strcmp(cc_option_table[i - 1].name, cc_option_table[i].name) >= 0)
			fail_msg("%s is not behind %s", cc_option_table[i].name,
				cc_option_table[i - 1].name);
	for (size_t i = 1; cc_option_plain_at(i); i++)
		if (strcmp(cc_option_plain_at(i - 1), cc_option_plain_at(i)) >= 0)
			fail_msg("%s is not behind %s", cc_option_plain_at(i),
				cc_option_plain_at(i - 1));
}

static void test_rows_sound(void **state)
{
	for (size_t i = 0; i < cc_option_table_size; i++) {
		const struct cc_option *o = &cc_option_table[i];

		assert_true(o->attach != 0 && o->attach < 8);
		assert_true(o->families != 0);
		assert_true(o->mean < CC_MEAN_COUNT);
		assert_true(o->reason < CC_REASON_COUNT);
		assert_true(o->name[0] == '-' && o->name[1]);
	}
}

/* Each row is found by its own name, whatever is a prefix of it. */
static void test_each_found(void **state)
{
	for (size_t i = 0; i < cc_option_table_size; i++) {
		const struct cc_option *want = &cc_option_table[i], *o;
		const char *value = NULL;
		bool joined = !(want->attach & (CC_ATTACH_NONE | CC_ATTACH_SEPARATE));
		bool separate = false;
		char arg[128];

		snprintf(arg, sizeof(arg), "%s%s", want->name, joined ? "~" : "");
		o = cc_option_find(arg, CC_FAMILY_UNKNOWN, &value, &separate);
		assert_ptr_equal(o, want);
		assert_int_equal(value != NULL, joined);
		assert_int_equal(
			separate, !joined && (want->attach & CC_ATTACH_SEPARATE) ? true : false);
	}
	for (size_t i = 0; cc_option_plain_at(i); i++) {
		const char *value;
		bool separate;
		char arg[128];

		snprintf(arg, sizeof(arg), "-f%s", cc_option_plain_at(i));
		assert_non_null(cc_option_find(arg, CC_FAMILY_GCC, &value, &separate));
		snprintf(arg, sizeof(arg), "-fno-%s", cc_option_plain_at(i));
		assert_non_null(cc_option_find(arg, CC_FAMILY_CLANG, &value, &separate));
		assert_null(value);
	}
}

static const struct {
	const char *arg;
	enum cc_family family;
	const char *name; /* NULL: unknown */
	const char *value;
	bool separate;
} finds[] = {
	{"-I", CC_FAMILY_GCC, "-I", NULL, true},
	{"-Ifoo", CC_FAMILY_GCC, "-I", "foo", false},
	{"-include", CC_FAMILY_GCC, "-include", NULL, true},
	{"-includex.h", CC_FAMILY_GCC, "-include", "x.h", false},
	{"-include-pch", CC_FAMILY_CLANG, "-include-pch", NULL, true},
	{"-isystem-after", CC_FAMILY_CLANG, "-isystem-after", NULL, true},
	{"-isystem-after", CC_FAMILY_GCC, "-isystem", "-after", false},
	{"-march=native", CC_FAMILY_GCC, "-march=", "native", false},
	{"-mavx2", CC_FAMILY_GCC, "-m", "avx2", false},
	{"-mllvm", CC_FAMILY_CLANG, "-mllvm", NULL, true},
	{"-Wall", CC_FAMILY_GCC, "-W", "all", false},
	{"-Wa,-x", CC_FAMILY_GCC, "-Wa,", "-x", false},
	{"-W", CC_FAMILY_GCC, "-W", NULL, false},
	{"-O", CC_FAMILY_GCC, "-O", NULL, false},
	{"-Ofast", CC_FAMILY_GCC, "-O", "fast", false},
	{"-fno-lto", CC_FAMILY_GCC, "-fno-lto", NULL, false},
	{"-flto", CC_FAMILY_GCC, "-flto", NULL, false},
	{"-flto=8", CC_FAMILY_GCC, "-flto", "=8", false},
	{"-fno-stack-usage", CC_FAMILY_GCC, "-f", NULL, false},
	{"-fstack-usage", CC_FAMILY_GCC, "-fstack-usage", NULL, false},
	{"-fstack-protector", CC_FAMILY_GCC, "-f", NULL, false},
	{"-fbuiltin", CC_FAMILY_GCC, "-f", NULL, false},
	{"-fno-builtin-printf", CC_FAMILY_GCC, "-fno-builtin-", "printf", false},
	{"-fno-sanitize=all", CC_FAMILY_GCC, "-fno-sanitize=", "all", false},
	{"-fno-sanitize", CC_FAMILY_GCC, NULL, NULL, false},
	{"-f", CC_FAMILY_GCC, NULL, NULL, false},
	{"-fno-", CC_FAMILY_GCC, NULL, NULL, false},
	{"-fPI", CC_FAMILY_GCC, NULL, NULL, false},
	{"-fPICS", CC_FAMILY_GCC, NULL, NULL, false},
	{"-Xclang", CC_FAMILY_GCC, NULL, NULL, false},
	{"-Xclang", CC_FAMILY_CLANG, "-Xclang", NULL, true},
	{"-std", CC_FAMILY_GCC, NULL, NULL, false},
	{"--std", CC_FAMILY_GCC, "--std", NULL, true},
	{"--", CC_FAMILY_CLANG, "--", NULL, false},
	{"-q", CC_FAMILY_GCC, NULL, NULL, false},
	{"-\xff", CC_FAMILY_GCC, NULL, NULL, false},
};

static void test_find(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(finds); i++) {
		const char *value = NULL;
		bool separate = false;
		const struct cc_option *o =
			cc_option_find(finds[i].arg, finds[i].family, &value, &separate);

		if ((o != NULL) != (finds[i].name != NULL))
			fail_msg("%s: %s", finds[i].arg, o ? o->name : "not found");
		if (!o)
			continue;
		assert_string_equal(o->name, finds[i].name);
		assert_int_equal(separate, finds[i].separate);
		assert_int_equal(value != NULL, finds[i].value != NULL);
		if (value)
			assert_string_equal(value, finds[i].value);
	}
}

static void test_assembler(void **state)
{
	assert_true(cc_option_assembler_ok("--noexecstack"));
	assert_true(cc_option_assembler_ok("-mfpu=neon"));
	assert_true(cc_option_assembler_ok("--defsym=X=1"));
	assert_false(cc_option_assembler_ok("-mcpu=native"));
	assert_false(cc_option_assembler_ok("-a"));
	assert_false(cc_option_assembler_ok("-g"));
	assert_false(cc_option_assembler_ok("--gdwarf-5"));
	assert_false(cc_option_assembler_ok("--MD"));
	assert_false(cc_option_assembler_ok("-I."));
	assert_false(cc_option_assembler_ok("@file"));
	assert_false(cc_option_assembler_ok("file.s"));
}

static void test_reasons(void **state)
{
	for (int i = 0; i < CC_REASON_COUNT; i++) {
		const char *name = cc_reason_name((enum cc_reason)i);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		assert_true(strlen(cc_reason_sentence((enum cc_reason)i)) > 5);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, cc_reason_name((enum cc_reason)k));
	}
	assert_string_equal(cc_reason_name(CC_REASON_COUNT), "unknown");
}

static const struct {
	const char *file;
	enum cc_language language;
} files[] = {
	{"a.c", CC_LANGUAGE_C},
	{"a.C", CC_LANGUAGE_CXX},
	{"x/y.z/a.cc", CC_LANGUAGE_CXX},
	{"a.c++", CC_LANGUAGE_CXX},
	{"a.tar.cxx", CC_LANGUAGE_CXX},
	{"a.i", CC_LANGUAGE_C_CPP},
	{"a.ii", CC_LANGUAGE_CXX_CPP},
	{"a.m", CC_LANGUAGE_OBJC},
	{"a.M", CC_LANGUAGE_OBJCXX},
	{"a.s", CC_LANGUAGE_ASM},
	{"a.S", CC_LANGUAGE_ASM_CPP},
	{"a.h", CC_LANGUAGE_HEADER},
	{"a.ixx", CC_LANGUAGE_OTHER},
	{"a.o", CC_LANGUAGE_NONE},
	{"a.so.1", CC_LANGUAGE_NONE},
	{"dir.c/a", CC_LANGUAGE_NONE},
	{".c", CC_LANGUAGE_NONE},
	{"a.", CC_LANGUAGE_NONE},
	{"", CC_LANGUAGE_NONE},
};

static void test_extensions(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(cc_language_of_file(files[i].file), files[i].language);
	for (int i = CC_LANGUAGE_C; i <= CC_LANGUAGE_ASM_CPP; i++) {
		enum cc_language language = (enum cc_language)i, back;
		char name[16];

		assert_true(cc_language_of_word(cc_language_word(language), &back));
		assert_int_equal(back, language);
		snprintf(name, sizeof(name), "a%s", cc_language_extension(language));
		assert_int_equal(cc_language_of_file(name), language);
		assert_int_equal(cc_language_preprocessed(cc_language_preprocessed(language)),
			cc_language_preprocessed(language));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_rows_sound),
		cmocka_unit_test(test_each_found),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_assembler),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
