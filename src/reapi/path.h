/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"
#include "reapi/violation.h"

/* Names and paths inside an input root, and text as messages may carry it. Nothing is looked up. */
enum {
	REAPI_NAME_MAX = 255,   /* bytes of one name: what file systems take */
	REAPI_PATH_MAX = 4095,  /* bytes of a path, of a link's target */
	REAPI_PATH_DEPTH = 128, /* names in a path */
};

/* Whether n bytes are UTF-8 without NULs: neither overlong forms, surrogates, nor past U+10FFFF. */
bool reapi_text_valid(const char *s, size_t n);

/* One name: UTF-8, not empty, ".", "..", nor with a '/'. what begins the sentence: "a file's name".
 * 0, REAPI_INVALID, REAPI_TOO_BIG. */
int reapi_name_check(
	const char *what, const char *name, size_t n, struct reapi_violation *v) MUST_CHECK;

/*
 * A path of such names with one '/' between them: relative, with no way up and nothing to
 * normalise. "" is not one. 0, REAPI_INVALID, REAPI_TOO_BIG.
 */
int reapi_path_check(const char *what, const char *path, struct reapi_violation *v) MUST_CHECK;

/*
 * What a job's output is called, from its working directory (checked; "" is the root): as above, but
 * it may begin with "../", as often as the directory has names. 0, REAPI_INVALID, REAPI_TOO_BIG.
 */
int reapi_output_check(const char *what, const char *directory, const char *path,
	struct reapi_violation *v) MUST_CHECK;

/* Of such a path: how many bytes of the directory stay in front of it, and what follows them. */
const char *reapi_output_split(const char *directory, const char *path, size_t *ret_kept);

/* A link's target: UTF-8, not empty, at most REAPI_PATH_MAX bytes; it may lead anywhere, and
 * whoever makes the link has to care. 0, REAPI_INVALID, REAPI_TOO_BIG. */
int reapi_target_check(const char *target, struct reapi_violation *v) MUST_CHECK;
