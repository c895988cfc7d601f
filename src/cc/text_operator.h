/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Whether a _Pragma in -fdirectives-only text may be carried out when the text is compiled: it
 * stands outside of a #define, or in the body of a macro that is used, directly or by way of
 * other macros, or in one whose operand would matter to the preprocessor (once, push_macro,
 * target, …) even if we saw no use. False for headers that only define such macros, as
 * <sys/cdefs.h> does.
 */
bool text_operator_live(const char *text, size_t n);
