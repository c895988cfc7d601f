/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/options.h"

/* Private to scan/plan*.c: what an option means to a scan. */

enum plan_action {
	PLAN_KEY,     /* the facts may depend on it */
	PLAN_DROP,    /* known not to matter, or bad to have in a question: it writes files */
	PLAN_UNKNOWN, /* no scan can tell what is read then */
	PLAN_DEFINE,
	PLAN_UNDEF,
	PLAN_DIR_QUOTE,
	PLAN_DIR_ANGLED,
	PLAN_DIR_SYSTEM,
	PLAN_DIR_AFTER,
	PLAN_DIR_OTHER, /* a directory whose place in the lists only the compiler knows */
	PLAN_INCLUDE,
	PLAN_IMACROS,
	PLAN_LANGUAGE,
	PLAN_WP,
	PLAN_WA,
	PLAN_XCLANG,
	PLAN_WARNING,  /* by its name */
	PLAN_PATH,     /* PLAN_KEY, and a relative value makes cwd matter */
	PLAN_NATIVE,   /* PLAN_KEY, and "native" looks at this machine */
	PLAN_FILE_MAP, /* PLAN_KEY, and __FILE__ is not the path */
	PLAN_CHARSET,  /* PLAN_KEY where it is UTF-8 or a subset, else unknown */
	PLAN_EXTRA,    /* PLAN_DROP, and its value is a file that is read */
	PLAN_PROFILE,  /* -fprofile…: by its name */
	PLAN_ARCH,     /* PLAN_KEY, once */
	PLAN_PLUGIN,   /* PLAN_KEY, and a file that the compiler runs */
	PLAN_SPECS,    /* PLAN_KEY, and a file of specs, which may say where headers are */
};

enum plan_action plan_action_of(const struct cc_option *o);

/* For tests: the name of each row, sorted by strcmp; NULL past the end. */
const char *plan_option_at(size_t i);
