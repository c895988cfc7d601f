/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cc/extension.h"

#include <string.h>

#include "base/path.h"

/*
 * Two tables: one from extensions, as gcc's and clang's manuals list them, to languages; one from
 * languages to their words and usual forms. Extensions of languages that are never distributed
 * (Fortran, Ada, D, Go, CUDA, IR, modules) are listed so that they count as sources.
 */

static const struct {
	const char *ext;
	enum cc_language language;
} extensions[] = {
	{".c", CC_LANGUAGE_C},
	{".i", CC_LANGUAGE_C_CPP},
	{".cc", CC_LANGUAGE_CXX},
	{".cp", CC_LANGUAGE_CXX},
	{".cxx", CC_LANGUAGE_CXX},
	{".cpp", CC_LANGUAGE_CXX},
	{".CPP", CC_LANGUAGE_CXX},
	{".c++", CC_LANGUAGE_CXX},
	{".C", CC_LANGUAGE_CXX},
	{".CC", CC_LANGUAGE_CXX},
	{".CXX", CC_LANGUAGE_CXX},
	{".C++", CC_LANGUAGE_CXX},
	{".ii", CC_LANGUAGE_CXX_CPP},
	{".m", CC_LANGUAGE_OBJC},
	{".mi", CC_LANGUAGE_OBJC_CPP},
	{".mm", CC_LANGUAGE_OBJCXX},
	{".M", CC_LANGUAGE_OBJCXX},
	{".mii", CC_LANGUAGE_OBJCXX_CPP},
	{".s", CC_LANGUAGE_ASM},
	{".S", CC_LANGUAGE_ASM_CPP},
	{".sx", CC_LANGUAGE_ASM_CPP},
	{".asm", CC_LANGUAGE_ASM_CPP},
	{".h", CC_LANGUAGE_HEADER},
	{".hh", CC_LANGUAGE_HEADER},
	{".H", CC_LANGUAGE_HEADER},
	{".hp", CC_LANGUAGE_HEADER},
	{".hxx", CC_LANGUAGE_HEADER},
	{".hpp", CC_LANGUAGE_HEADER},
	{".HPP", CC_LANGUAGE_HEADER},
	{".h++", CC_LANGUAGE_HEADER},
	{".tcc", CC_LANGUAGE_HEADER},
	{".cppm", CC_LANGUAGE_OTHER},
	{".ccm", CC_LANGUAGE_OTHER},
	{".cxxm", CC_LANGUAGE_OTHER},
	{".c++m", CC_LANGUAGE_OTHER},
	{".ixx", CC_LANGUAGE_OTHER},
	{".iim", CC_LANGUAGE_OTHER},
	{".pcm", CC_LANGUAGE_OTHER},
	{".cu", CC_LANGUAGE_OTHER},
	{".cui", CC_LANGUAGE_OTHER},
	{".hip", CC_LANGUAGE_OTHER},
	{".cl", CC_LANGUAGE_OTHER},
	{".bc", CC_LANGUAGE_OTHER},
	{".ll", CC_LANGUAGE_OTHER},
	{".f", CC_LANGUAGE_OTHER},
	{".F", CC_LANGUAGE_OTHER},
	{".for", CC_LANGUAGE_OTHER},
	{".fpp", CC_LANGUAGE_OTHER},
	{".f90", CC_LANGUAGE_OTHER},
	{".F90", CC_LANGUAGE_OTHER},
	{".f95", CC_LANGUAGE_OTHER},
	{".F95", CC_LANGUAGE_OTHER},
	{".f03", CC_LANGUAGE_OTHER},
	{".f08", CC_LANGUAGE_OTHER},
	{".adb", CC_LANGUAGE_OTHER},
	{".ads", CC_LANGUAGE_OTHER},
	{".d", CC_LANGUAGE_OTHER},
	{".go", CC_LANGUAGE_OTHER},
};

static const struct {
	const char *word;
	const char *ext;
	enum cc_language preprocessed;
} languages[] = {
	[CC_LANGUAGE_NONE] = {"none", "", CC_LANGUAGE_NONE},
	[CC_LANGUAGE_C] = {"c", ".c", CC_LANGUAGE_C_CPP},
	[CC_LANGUAGE_CXX] = {"c++", ".cc", CC_LANGUAGE_CXX_CPP},
	[CC_LANGUAGE_OBJC] = {"objective-c", ".m", CC_LANGUAGE_OBJC_CPP},
	[CC_LANGUAGE_OBJCXX] = {"objective-c++", ".mm", CC_LANGUAGE_OBJCXX_CPP},
	[CC_LANGUAGE_C_CPP] = {"cpp-output", ".i", CC_LANGUAGE_C_CPP},
	[CC_LANGUAGE_CXX_CPP] = {"c++-cpp-output", ".ii", CC_LANGUAGE_CXX_CPP},
	[CC_LANGUAGE_OBJC_CPP] = {"objective-c-cpp-output", ".mi", CC_LANGUAGE_OBJC_CPP},
	[CC_LANGUAGE_OBJCXX_CPP] = {"objective-c++-cpp-output", ".mii", CC_LANGUAGE_OBJCXX_CPP},
	[CC_LANGUAGE_ASM] = {"assembler", ".s", CC_LANGUAGE_ASM},
	[CC_LANGUAGE_ASM_CPP] = {"assembler-with-cpp", ".S", CC_LANGUAGE_ASM},
	[CC_LANGUAGE_HEADER] = {"c-header", "", CC_LANGUAGE_HEADER},
	[CC_LANGUAGE_OTHER] = {"", "", CC_LANGUAGE_OTHER},
};

/* Words for -x that are not the first word of a row above. */
static const struct {
	const char *word;
	enum cc_language language;
} words[] = {
	{"cpp-output", CC_LANGUAGE_C_CPP},
	{"c-cpp-output", CC_LANGUAGE_C_CPP},
	{"objc-cpp-output", CC_LANGUAGE_OBJC_CPP},
	{"objc++-cpp-output", CC_LANGUAGE_OBJCXX_CPP},
	{"c++-header", CC_LANGUAGE_HEADER},
	{"objective-c-header", CC_LANGUAGE_HEADER},
	{"objective-c++-header", CC_LANGUAGE_HEADER},
	{"c++-system-header", CC_LANGUAGE_HEADER},
	{"c++-user-header", CC_LANGUAGE_HEADER},
	{"c-system-header", CC_LANGUAGE_HEADER},
	{"c-user-header", CC_LANGUAGE_HEADER},
	{"c++-header-unit-header", CC_LANGUAGE_HEADER},
	{"c++-module", CC_LANGUAGE_OTHER},
	{"c++-module-cpp-output", CC_LANGUAGE_OTHER},
	{"c++-system-module", CC_LANGUAGE_OTHER},
	{"ada", CC_LANGUAGE_OTHER},
	{"cuda", CC_LANGUAGE_OTHER},
	{"cuda-cpp-output", CC_LANGUAGE_OTHER},
	{"cl", CC_LANGUAGE_OTHER},
	{"clcpp", CC_LANGUAGE_OTHER},
	{"d", CC_LANGUAGE_OTHER},
	{"f77", CC_LANGUAGE_OTHER},
	{"f77-cpp-input", CC_LANGUAGE_OTHER},
	{"f95", CC_LANGUAGE_OTHER},
	{"f95-cpp-input", CC_LANGUAGE_OTHER},
	{"go", CC_LANGUAGE_OTHER},
	{"hip", CC_LANGUAGE_OTHER},
	{"hip-cpp-output", CC_LANGUAGE_OTHER},
	{"ir", CC_LANGUAGE_OTHER},
	{"lto", CC_LANGUAGE_OTHER},
	{"modula-2", CC_LANGUAGE_OTHER},
	{"pcm", CC_LANGUAGE_OTHER},
	{"rust", CC_LANGUAGE_OTHER},
};

enum cc_language cc_language_of_file(const char *name)
{
	const char *ext = path_ext(name);

	for (size_t i = 0; *ext && i < ARRAY_SIZE(extensions); i++)
		if (str_eq(extensions[i].ext, ext))
			return extensions[i].language;
	return CC_LANGUAGE_NONE;
}

bool cc_language_of_word(const char *word, enum cc_language *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		if (languages[i].word[0] && str_eq(languages[i].word, word)) {
			*ret = (enum cc_language)i;
			return true;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (str_eq(words[i].word, word)) {
			*ret = words[i].language;
			return true;
		}
	}
	return false;
}

const char *cc_language_word(enum cc_language language)
{
	return languages[language].word;
}

enum cc_language cc_language_preprocessed(enum cc_language language)
{
	return languages[language].preprocessed;
}

bool cc_language_is_preprocessed(enum cc_language language)
{
	return language == CC_LANGUAGE_C_CPP || language == CC_LANGUAGE_CXX_CPP ||
	       language == CC_LANGUAGE_OBJC_CPP || language == CC_LANGUAGE_OBJCXX_CPP;
}

const char *cc_language_extension(enum cc_language language)
{
	return languages[language].ext;
}
