/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* The one place that knows what a file name's extension means to gcc and clang. */

enum cc_language {
	CC_LANGUAGE_NONE, /* not a source: an object, a library, unknown */
	CC_LANGUAGE_C,
	CC_LANGUAGE_CXX,
	CC_LANGUAGE_OBJC,
	CC_LANGUAGE_OBJCXX,
	CC_LANGUAGE_C_CPP, /* preprocessed forms: .i .ii .mi .mii */
	CC_LANGUAGE_CXX_CPP,
	CC_LANGUAGE_OBJC_CPP,
	CC_LANGUAGE_OBJCXX_CPP,
	CC_LANGUAGE_ASM,     /* .s */
	CC_LANGUAGE_ASM_CPP, /* .S .sx */
	CC_LANGUAGE_HEADER,  /* any -header: makes a PCH */
	CC_LANGUAGE_OTHER,   /* a language that is compiled but that we leave alone */
};

/* By file name; the last extension decides, and its case matters (".C" is C++, ".c" is C). */
enum cc_language cc_language_of_file(const char *name);

/* By the word behind -x; "none" gives CC_LANGUAGE_NONE. False: not a word we know. */
bool cc_language_of_word(const char *word, enum cc_language *ret);

/* The word for -x. */
const char *cc_language_word(enum cc_language language);

/* The language of its preprocessed form (C -> C_CPP); itself where it is one already. */
enum cc_language cc_language_preprocessed(enum cc_language language);
bool cc_language_is_preprocessed(enum cc_language language);

/* The usual extension with its dot: ".c", ".cc", ".i", … "" for NONE, HEADER, OTHER. */
const char *cc_language_extension(enum cc_language language);
